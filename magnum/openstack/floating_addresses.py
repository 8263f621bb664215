"""Neutron's floating addresses, whoever made them: found and given back."""

import msgspec

from .calls import CloudService
from .pages import list_all

_PATH = "/v2.0/floatingips"


class FloatingAddress(msgspec.Struct, frozen=True, rename={"address": "floating_ip_address"}):
    id: str
    address: str
    project_id: str
    port_id: str | None = None
    description: str | None = None


def list_floating_addresses(neutron: CloudService, project_id: str) -> tuple[FloatingAddress, ...]:
    """Give those of the project and nobody else's, whatever the identity might see. Raises CloudError."""
    found = list_all(neutron, _PATH, "floatingips", FloatingAddress, project_id=project_id)
    return tuple(address for address in found if address.project_id == project_id)


def delete_floating_address(neutron: CloudService, ident: str) -> None:
    """Raises CloudError."""
    neutron.delete(f"{_PATH}/{ident}")
