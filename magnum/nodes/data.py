"""What one machine is told in order to become a node: typed here, one file per value there.

Every value is checked when it is made (see `limits`), so nothing has to be parsed or escaped on the node. What may hold
any character at all, a Keystone password, travels inside the JSON document that the node sends. Credentials do not
appear in a `repr`.
"""

import json
from enum import StrEnum
from typing import Literal

import msgspec

from magnum.nodes.limits import (
    HOST_NAME,
    PROXY_EXCEPTIONS,
    REGISTRY,
    SHA256_BASE64,
    TOKEN,
    UUID,
    WORD,
    check_address,
    check_certificates,
    check_entries,
    check_form,
    check_url,
)

NODE_DATA = "/etc/magnum/node"
HEAT_SIGNAL_URL = f"{NODE_DATA}/heat_signal_url"


class Platform(StrEnum):
    """What a machine is before it becomes a node: one whose image holds all that is needed, or a server."""

    MACHINE = "machine"
    DEBIAN = "debian"
    """Debian or Ubuntu."""
    FEDORA_COREOS = "fedora-coreos"


class NodeToken(msgspec.Struct, frozen=True):
    """The credential of one node: opens its cluster's certificate calls and its own reports."""

    token: str

    def __post_init__(self) -> None:
        check_form("token", TOKEN, self.token)

    def __repr__(self) -> str:
        return "NodeToken(…)"

    def values(self) -> dict[str, str]:
        return {"auth": "token", "token": self.token}


class Trustee(msgspec.Struct, frozen=True):
    """The Keystone user of a node whose components need the cloud; with a trust it acts for the trustor."""

    auth_url: str
    user_id: str
    password: str
    trust_id: str | None = None

    def __post_init__(self) -> None:
        check_url("auth_url", self.auth_url)
        check_form("user_id", WORD, self.user_id)
        if self.trust_id is not None:
            check_form("trust_id", WORD, self.trust_id)
        if not 1 <= len(self.password) <= 256:
            raise ValueError("password must have 1 to 256 characters")

    def __repr__(self) -> str:
        return f"Trustee(user_id={self.user_id!r}, …)"

    def values(self) -> dict[str, str]:
        user = {"id": self.user_id, "password": self.password}
        auth: dict[str, object] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if self.trust_id is not None:
            auth["scope"] = {"OS-TRUST:trust": {"id": self.trust_id}}
        return {
            "auth": "keystone",
            "keystone_auth_url": self.auth_url.rstrip("/"),
            "keystone_request": json.dumps({"auth": auth}),
        }


class HeatSignal(msgspec.Struct, frozen=True):
    """Where a Heat wait condition waits for this node; a pre-signed URL needs no token."""

    url: str
    token: str | None = None

    def __post_init__(self) -> None:
        check_url("url", self.url)
        if self.token is not None:
            check_form("token", TOKEN, self.token)

    def __repr__(self) -> str:
        return "HeatSignal(…)"

    def values(self) -> dict[str, str]:
        return {"heat_signal_url": self.url, "heat_signal_token": self.token or ""}


class Engine(msgspec.Struct, frozen=True):
    """How the node's container engine differs from the packaged one; None leaves the engine its own choice."""

    storage_driver: str | None = None
    insecure_registries: tuple[str, ...] = ()
    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: str | None = None

    def __post_init__(self) -> None:
        if self.storage_driver is not None:
            check_form("storage_driver", WORD, self.storage_driver)
        check_entries("insecure_registries", self.insecure_registries)
        check_form("insecure_registries", REGISTRY, *self.insecure_registries)
        if self.http_proxy is not None:
            check_url("http_proxy", self.http_proxy)
        if self.https_proxy is not None:
            check_url("https_proxy", self.https_proxy)
        if self.no_proxy is not None:
            check_form("no_proxy", PROXY_EXCEPTIONS, self.no_proxy)

    def __repr__(self) -> str:
        return f"Engine(storage_driver={self.storage_driver!r}, …)"  # a proxy's URL may hold a password

    def values(self) -> dict[str, str]:
        return {
            "storage_driver": self.storage_driver or "",
            "insecure_registries": "\n".join(self.insecure_registries),
            "http_proxy": self.http_proxy or "",
            "https_proxy": self.https_proxy or "",
            "no_proxy": self.no_proxy or "",
        }


class NodeData(msgspec.Struct, frozen=True, kw_only=True):
    """All that one machine is told.

    The service's API, whose URL ends in `/v1`, is believed when it holds the key with this `api_pin` (base64 of the
    SHA-256 of its public key), or when `api_ca` (PEM) vouches for it, or else an authority that the machine knows.
    With `verify_api` false nobody has to vouch for it, nor for other services of the cloud. `api_addresses` are those
    under which clients reach this node's own API besides `address`: a load balancer, a floating address. The node
    reports to the service, and to Heat as well when it has a `heat_signal`.
    """

    cluster_uuid: str
    node_name: str
    role: Literal["master", "worker"]
    coe: str
    address: str
    api_url: str
    credential: NodeToken | Trustee
    api_pin: str | None = None
    api_ca: str | None = None
    verify_api: bool = True
    api_addresses: tuple[str, ...] = ()
    heat_signal: HeatSignal | None = None
    engine: Engine = Engine()
    platform: Platform = Platform.MACHINE

    def __post_init__(self) -> None:
        check_form("cluster_uuid", UUID, self.cluster_uuid)
        check_form("node_name", HOST_NAME, self.node_name)
        check_form("coe", WORD, self.coe)
        check_address("address", self.address)
        check_url("api_url", self.api_url)
        if not self.api_url.endswith("/v1"):
            raise ValueError("api_url must end in /v1")
        if self.api_pin is not None:
            check_form("api_pin", SHA256_BASE64, self.api_pin)
        if self.api_ca is not None:
            check_certificates("api_ca", self.api_ca)
        check_entries("api_addresses", self.api_addresses)
        for address in self.api_addresses:
            check_address("api_addresses", address)

    def values(self) -> dict[str, str]:
        """Name to content of every file of the node's data, in a fixed order; what is not given has no file."""
        values = {
            "cluster_uuid": self.cluster_uuid,
            "node_name": self.node_name,
            "role": self.role,
            "coe": self.coe,
            "address": self.address,
            "api_url": self.api_url,
            "api_pin": self.api_pin or "",
            "api_ca": self.api_ca or "",
            "verify_api": "" if self.verify_api else "no",
            "api_addresses": "\n".join(self.api_addresses),
            **self.credential.values(),
            **(self.heat_signal.values() if self.heat_signal else {}),
            **self.engine.values(),
        }
        return {name: value for name, value in values.items() if value}
