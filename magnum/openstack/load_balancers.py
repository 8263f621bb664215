"""Octavia's load balancers, whoever made them: found and taken down."""

import msgspec

from .calls import CloudService
from .pages import list_all

_PATH = "/v2/lbaas/loadbalancers"
_GOING = frozenset({"PENDING_DELETE", "DELETED"})


class LoadBalancer(msgspec.Struct, frozen=True, rename={"status": "provisioning_status"}):
    id: str
    project_id: str
    status: str
    vip_port_id: str | None = None
    name: str | None = None
    description: str | None = None

    @property
    def is_going(self) -> bool:
        return self.status in _GOING

    @property
    def is_settled(self) -> bool:
        """Whether Octavia takes orders about it."""
        return not self.status.startswith("PENDING_")


def list_load_balancers(octavia: CloudService, project_id: str) -> tuple[LoadBalancer, ...]:
    """Give those of the project and nobody else's, whatever the identity might see. Raises CloudError."""
    found = list_all(octavia, _PATH, "loadbalancers", LoadBalancer, project_id=project_id)
    return tuple(balancer for balancer in found if balancer.project_id == project_id)


def delete_load_balancer(octavia: CloudService, ident: str) -> None:
    """Begin to take it down with all that is in it. Raises CloudError."""
    octavia.delete(f"{_PATH}/{ident}", params={"cascade": "true"})
