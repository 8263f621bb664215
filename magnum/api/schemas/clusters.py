"""Clusters in requests and answers. What a new one may be: `core.new_clusters.NewCluster`.

Collections show a summary, `/detail` and a cluster's own page everything. From version 1.13 on `stack_id` is called
`cluster_id`.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from magnum.api.microversions import CLUSTER_ID, Version
from magnum.api.patch import INTERNAL, Patchable
from magnum.core import fields
from magnum.core.clusters import Full
from magnum.core.errors import InvalidRequest
from magnum.core.upgrades import Upgrade
from magnum.model.clusters import Cluster, ClusterOverview, ClusterSummary
from magnum.model.labels import compare

from .derived import since, until
from .links import Link, moment, resource_links
from .reading import Access, read_object

NOUN = "a cluster"
ACCESS = Access(
    read_only=frozenset(
        {
            *("stack_id", "cluster_id", "api_address", "coe_version", "container_version", "project_id", "user_id"),
            *("node_addresses", "master_addresses", "created_at", "updated_at", "links"),
        }
    ),
    ignored=frozenset(
        {
            *("uuid", "status", "status_reason", "health_status", "health_status_reason", "faults"),
            *("labels_overridden", "labels_added", "labels_skipped"),
        }
    ),
)
RESIZE_NOUN = "a resize"
UPGRADE_NOUN = "an upgrade"
INTERNAL_OF_CLUSTERS = INTERNAL | {
    *("api_address", "node_addresses", "master_addresses", "stack_id", "cluster_id", "ca_cert_ref", "magnum_cert_ref"),
    *("etcd_ca_cert_ref", "front_proxy_ca_cert_ref", "trust_id", "trustee_user_name", "trustee_password"),
    *("trustee_user_id", "trustee_username"),
}


class ClusterChange(msgspec.Struct, frozen=True, kw_only=True):
    """All that a patch can change of a cluster, with what a removal resets it to."""

    node_count: fields.NodeCount = 1
    health_status: fields.Health | None = None
    health_status_reason: fields.Labels = {}


class ResizeRequest(msgspec.Struct, frozen=True, kw_only=True):
    node_count: fields.NodeCount
    nodes_to_remove: fields.NodeNames = ()
    nodegroup: fields.Text | None = None


class PlannedResize(msgspec.Struct, frozen=True):
    resize: ResizeRequest


class PlannedUpgrade(msgspec.Struct, frozen=True):
    upgrade: Upgrade


def read_planned(document: object) -> ResizeRequest | Upgrade:
    """Read the body of a plan: what a resize or an upgrade is asked for with, under its name."""
    match document:
        case {"resize": asked, **rest} if not rest:
            return read_object(asked, ResizeRequest, noun=RESIZE_NOUN)
        case {"upgrade": asked, **rest} if not rest:
            return read_object(asked, Upgrade, noun=UPGRADE_NOUN)
    raise InvalidRequest(
        'The body of a plan must be a JSON object of the form {"resize": {"node_count": 3}} '
        'or {"upgrade": {"cluster_template": "new"}}.'
    )


class ClusterSummaryView(msgspec.Struct, frozen=True, kw_only=True):
    uuid: str
    name: str | None
    cluster_template_id: str | None
    keypair: str | None
    node_count: int
    master_count: int
    docker_volume_size: int | None
    labels: dict[str, str]
    master_flavor_id: str | None
    flavor_id: str | None
    create_timeout: int | None
    stack_id: Annotated[str | None, until(CLUSTER_ID)] | UnsetType = UNSET
    cluster_id: Annotated[str | None, since(CLUSTER_ID)] | UnsetType = UNSET
    status: str | None
    health_status: str | None
    merge_labels: bool = False
    links: tuple[Link, ...]


class ClusterView(ClusterSummaryView, frozen=True, kw_only=True):
    status_reason: str | None
    health_status_reason: dict[str, str]
    discovery_url: str | None
    api_address: str | None
    coe_version: str | None
    container_version: str | None
    project_id: str | None
    user_id: str | None
    node_addresses: tuple[str, ...]
    master_addresses: tuple[str, ...]
    faults: dict[str, str | None] | UnsetType = UNSET
    fixed_network: str | None
    fixed_subnet: str | None
    floating_ip_enabled: bool | None
    master_lb_enabled: bool | None
    labels_overridden: dict[str, str]
    labels_added: dict[str, str]
    labels_skipped: dict[str, str]
    created_at: str | None
    updated_at: str | None


_FROM_ROW = (
    *("uuid", "name", "cluster_template_id", "keypair", "docker_volume_size", "labels"),
    *("master_flavor_id", "flavor_id", "create_timeout", "health_status"),
)
_FROM_ROW_FULL = (
    *("status_reason", "health_status_reason", "discovery_url", "api_address", "coe_version", "container_version"),
    *("project_id", "user_id", "fixed_network", "fixed_subnet", "floating_ip_enabled", "master_lb_enabled"),
)


def overview_view(overview: ClusterOverview, base: str, version: Version) -> ClusterSummaryView:
    return ClusterSummaryView(**_shared(overview, overview, base, version))


def full_view(full: Full, base: str, version: Version) -> ClusterView:
    summary, cluster = full.summary, full.summary.cluster
    differences = compare(summary.template_labels, cluster.labels)
    return ClusterView(
        **_shared(cluster, summary, base, version),
        **{name: getattr(cluster, name) for name in _FROM_ROW_FULL},
        node_addresses=summary.node_addresses,
        master_addresses=summary.master_addresses,
        faults=_faults(full),
        labels_overridden=differences.overridden,
        labels_added=differences.added,
        labels_skipped=differences.skipped,
        created_at=moment(cluster.created_at),
        updated_at=moment(cluster.updated_at),
    )


def patchable(full: Full, base: str, version: Version) -> Patchable:
    """Every attribute that is shown can be named by a patch; which may differ afterwards is judged later."""
    values = {"faults": {}} | msgspec.to_builtins(full_view(full, base, version))
    values = {name: value for name, value in values.items() if name not in INTERNAL_OF_CLUSTERS}
    maps = {name for name, value in values.items() if isinstance(value, dict)}
    return Patchable(values=values, maps=frozenset(maps), internal=INTERNAL_OF_CLUSTERS)


def _shared(
    cluster: Cluster | ClusterOverview, counts: ClusterSummary | ClusterOverview, base: str, version: Version
) -> dict[str, Any]:
    shared = {name: getattr(cluster, name) for name in _FROM_ROW}
    return shared | {
        "status": None if cluster.status is None else str(cluster.status),  # another release's too
        "node_count": counts.node_count,
        "master_count": counts.master_count,
        "cluster_id" if version >= CLUSTER_ID else "stack_id": cluster.stack_id,
        "links": resource_links(base, f"clusters/{cluster.uuid}"),
    }


def _faults(full: Full) -> dict[str, str | None] | UnsetType:
    """Say of each failed node group why."""
    if full.nodegroups is None:
        return UNSET
    failed = (group for group in full.nodegroups if (group.status or "").endswith("FAILED"))
    return {group.name: group.status_reason for group in failed}
