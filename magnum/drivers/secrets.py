"""What a driver is handed of a cluster that nobody may read: none of it is shown by repr, in logs or in tracebacks."""

from typing import Any

import msgspec


class ClientTls(msgspec.Struct, frozen=True):
    """What proves us to a cluster's own API; PEM. The key is never shown."""

    ca: str
    certificate: str
    key: str

    def __repr__(self) -> str:
        return "ClientTls(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class NodeTrustee(msgspec.Struct, frozen=True):
    """The cluster's own user in the cloud, for nodes whose components act there. The password is never shown.

    `auth_url` is where nodes reach Keystone.
    """

    auth_url: str
    user_id: str
    password: str
    trust_id: str

    def __repr__(self) -> str:
        return f"NodeTrustee(user_id={self.user_id!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("user_id", self.user_id)]
