"""Node groups: nodes of one kind in a cluster. Every cluster has two default ones, masters and workers."""

from datetime import datetime
from typing import Final

import msgspec

from .statuses import AnyStatus

MASTER: Final = "master"
WORKER: Final = "worker"
DEFAULT_MASTER: Final = "default-master"
DEFAULT_WORKER: Final = "default-worker"


class NodeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `nodegroup` (data-model.md, section 3.3). `node_count` is what was asked for."""

    uuid: str
    name: str
    cluster_id: str
    project_id: str
    role: str
    node_count: int
    is_default: bool = False
    min_node_count: int = 0
    max_node_count: int | None = None
    docker_volume_size: int | None = None
    labels: dict[str, str] = {}
    flavor_id: str | None = None
    image_id: str | None = None
    node_addresses: tuple[str, ...] = ()
    stack_id: str | None = None
    status: AnyStatus | None = None
    status_reason: str | None = None
    version: str | None = None
    node_labels: dict[str, str] = {}
    node_taints: tuple[dict[str, str], ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    id: int | None = None

    @property
    def is_master(self) -> bool:
        """Only the role `master` is special; any other word means worker."""
        return self.role == MASTER
