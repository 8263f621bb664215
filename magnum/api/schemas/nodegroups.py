"""Node groups in requests and answers. What a new one may be: `core.nodegroups.NewNodeGroup`.

Collections show a summary with the real bounds; a node group's own page shows everything, its integer id too.
"""

from typing import Any

import msgspec

from magnum.api.patch import INTERNAL, Patchable
from magnum.core.nodegroups import Full
from magnum.model.labels import compare
from magnum.model.nodegroups import NodeGroup

from .links import Link, moment, resource_links
from .reading import Access

NOUN = "a node group"
ACCESS = Access(
    read_only=frozenset({"project_id", "links", "node_addresses", "stack_id", "created_at", "updated_at"}),
    ignored=frozenset(
        {
            *("id", "uuid", "cluster_id", "is_default", "status", "status_reason", "version"),
            *("labels_overridden", "labels_added", "labels_skipped"),
        }
    ),
)
_INTERNAL = INTERNAL | {"cluster_id", "node_addresses", "stack_id"}


class NodeGroupSummaryView(msgspec.Struct, frozen=True, kw_only=True):
    uuid: str
    name: str
    flavor_id: str | None
    image_id: str | None
    node_count: int
    role: str
    min_node_count: int
    max_node_count: int | None
    is_default: bool
    stack_id: str | None
    status: str | None
    merge_labels: bool = False
    links: tuple[Link, ...]


class NodeGroupView(NodeGroupSummaryView, frozen=True, kw_only=True):
    id: int | None
    cluster_id: str
    project_id: str
    docker_volume_size: int | None
    labels: dict[str, str]
    labels_overridden: dict[str, str]
    labels_added: dict[str, str]
    labels_skipped: dict[str, str]
    node_addresses: tuple[str, ...]
    status_reason: str | None
    version: str | None
    node_labels: dict[str, str]
    node_taints: tuple[dict[str, str], ...]
    created_at: str | None
    updated_at: str | None


_FROM_ROW = (
    *("uuid", "name", "flavor_id", "image_id", "node_count", "role", "min_node_count", "max_node_count"),
    *("is_default", "stack_id"),
)
_FROM_ROW_FULL = (
    *("id", "cluster_id", "project_id", "docker_volume_size", "labels", "node_addresses", "status_reason", "version"),
    *("node_labels", "node_taints"),
)


def path_of(group: NodeGroup) -> str:
    return f"clusters/{group.cluster_id}/nodegroups/{group.uuid}"


def summary_view(group: NodeGroup, base: str) -> NodeGroupSummaryView:
    return NodeGroupSummaryView(**_shared(group, base))


def full_view(full: Full, base: str) -> NodeGroupView:
    group = full.group
    differences = compare(full.cluster_labels, group.labels)
    return NodeGroupView(
        **_shared(group, base),
        **{name: getattr(group, name) for name in _FROM_ROW_FULL},
        labels_overridden=differences.overridden,
        labels_added=differences.added,
        labels_skipped=differences.skipped,
        created_at=moment(group.created_at),
        updated_at=moment(group.updated_at),
    )


def patchable(full: Full, base: str) -> Patchable:
    """Every attribute that is shown can be named by a patch; which may differ afterwards is judged later."""
    values = msgspec.to_builtins(full_view(full, base))
    values = {name: value for name, value in values.items() if name not in _INTERNAL}
    maps = {name for name, value in values.items() if isinstance(value, dict)}
    return Patchable(values=values, maps=frozenset(maps), lists=frozenset({"node_taints"}), internal=_INTERNAL)


def _shared(group: NodeGroup, base: str) -> dict[str, Any]:
    return {name: getattr(group, name) for name in _FROM_ROW} | {
        "status": None if group.status is None else str(group.status),  # another release's too
        "links": resource_links(base, path_of(group)),
    }
