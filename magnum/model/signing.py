"""Requests to sign a certificate: the API's way to a key that it must not open.

The API writes one, a conductor answers it, the API reads the answer and the row goes. `limits` are given when the
requester is a node: what its credential may have signed.
"""

from enum import StrEnum

import msgspec

from .clocks import Instant


class CaType(StrEnum):
    KUBERNETES = "kubernetes"
    ETCD = "etcd"
    FRONT_PROXY = "front-proxy"


class NodeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """All that one node's credential may have signed; anything beyond is refused. Never `system:masters`."""

    common_name: str
    organizations: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    extended_key_usages: tuple[str, ...] = ("serverAuth",)
    ca_types: tuple[CaType, ...] = (CaType.KUBERNETES,)
    others: tuple["NodeLimits", ...] = ()
    """Further certificates that it may have besides, each within limits of its own."""


class SignState(StrEnum):
    WAITING = "WAITING"
    SIGNED = "SIGNED"
    REFUSED = "REFUSED"


class SignRequest(msgspec.Struct, frozen=True, kw_only=True):
    uuid: str
    cluster_uuid: str
    csr: str
    ca_type: CaType = CaType.KUBERNETES
    limits: NodeLimits | None = None
    state: SignState = SignState.WAITING
    pem: str | None = None
    error: str | None = None
    expires_at: Instant
