"""Certificates with their private keys, as the table `x509keypair` holds them.

Which of the texts are encrypted, and how, is decided in `certificates.stores.database`; here they are only texts.
"""

from typing import Any

import msgspec


class X509KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `x509keypair`."""

    uuid: str
    certificate: str
    private_key: str
    private_key_passphrase: str | None = None
    intermediates: str | None = None
    project_id: str | None = None
    user_id: str | None = None

    def __repr__(self) -> str:
        return f"X509KeyPair(uuid={self.uuid!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("uuid", self.uuid)]
