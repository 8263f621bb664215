"""Neutron: networks and subnets, by id or name."""

from collections.abc import Sequence
from typing import Any

from .calls import CloudService
from .errors import NotThere
from .names import is_id, pick
from .offers import Network, Subnet

_EXTERNAL = "router:external"


def find_network(neutron: CloudService, ident: str) -> Network:
    """Raises CloudError."""
    return pick(neutron.name, "network", ident, _list_networks(neutron, ident))


def find_external_network(neutron: CloudService, ident: str) -> Network:
    """Raises CloudError."""
    return pick(neutron.name, "external network", ident, _list_networks(neutron, ident, **{_EXTERNAL: "True"}))


def find_subnet(neutron: CloudService, ident: str, network: Network | None = None) -> Subnet:
    """Find it on this network, or on any. Raises CloudError."""
    return choose_subnet(neutron.name, list_subnets(neutron, ident), ident, network)


def list_subnets(neutron: CloudService, ident: str) -> list[Subnet]:
    """Give those that may be meant. Raises CloudError."""
    names = Subnet.__struct_fields__
    return [Subnet(**{name: one[name] for name in names}) for one in _list(neutron, "subnets", ident)]


def choose_subnet(service: str, found: Sequence[Subnet], ident: str, network: Network | None) -> Subnet:
    """Raises NotThere or Several."""
    on_it = [subnet for subnet in found if network is None or subnet.network_id == network.id]
    if network is not None and found and not on_it:
        raise NotThere(f"The subnet '{ident}' of {service} is not on the network '{network.name}', {network.id}.")
    return pick(service, "subnet", ident, on_it)


def _list_networks(neutron: CloudService, ident: str, **more: str) -> list[Network]:
    return [
        Network(id=one["id"], name=one["name"], external=bool(one.get(_EXTERNAL)))
        for one in _list(neutron, "networks", ident, **more)
    ]


def _list(neutron: CloudService, collection: str, ident: str, **more: str) -> list[dict[str, Any]]:
    """Give what has this id or else this name: one call, two for a name that looks like an id."""
    for key in ("id", "name") if is_id(ident) else ("name",):
        found: list[dict[str, Any]] = neutron.get(f"/v2.0/{collection}", params={key: ident} | more)[collection]
        if found:
            return found
    return []
