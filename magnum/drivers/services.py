"""What a driver is built with, once on every conductor: who listens for nodes, who we are in the cloud, a clock."""

from typing import TYPE_CHECKING, Protocol

import msgspec

from magnum.model.clocks import Clock

if TYPE_CHECKING:
    from magnum.openstack.clouds import Clouds  # its library is loaded only where there is a Keystone


class NodeAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How a cluster's nodes reach us: base URL ending in /v1; `pin` is the base64 SHA-256 of its public key."""

    url: str
    pin: str | None = None


class NodeListeners(Protocol):
    """Where clusters' nodes reach us on networks of their own."""

    def access(self, cluster_uuid: str, address: str) -> NodeAccess:
        """Say how a cluster's nodes reach us at our address on its network; listen there if nobody does yet."""
        ...

    def close(self, cluster_uuid: str) -> None:
        """Listen for this cluster's nodes no more: its network goes. Idempotent."""
        ...


class DriverServices(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is built with. `settings` is the whole configuration; a driver takes its own part.

    `clouds` is None where there is no Keystone (auth_strategy).
    """

    settings: object
    clock: Clock
    node_listeners: NodeListeners
    clouds: "Clouds | None" = None
