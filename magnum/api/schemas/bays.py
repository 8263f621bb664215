"""Bays in requests and answers: clusters under their older name, with fewer attributes."""

from typing import Any

import msgspec

from magnum.api.microversions import MINIMUM
from magnum.api.patch import Patchable
from magnum.core import fields
from magnum.core.clusters import Full
from magnum.core.new_clusters import NewCluster
from magnum.model.clusters import ClusterOverview

from . import clusters
from .derived import derive
from .links import resource_links
from .reading import Access

NOUN = "a bay"
_OLD_NAMES = {"cluster_template_id": "baymodel_id", "create_timeout": "bay_create_timeout", "faults": "bay_faults"}
_NOT_SHOWN = frozenset(
    {
        *("keypair", "health_status", "health_status_reason", "project_id", "user_id", "merge_labels"),
        *("labels_overridden", "labels_added", "labels_skipped"),
    }
)
ACCESS = Access(
    read_only=clusters.ACCESS.read_only - {"project_id", "user_id", "cluster_id"},
    ignored=frozenset({"uuid", "status", "status_reason", "bay_faults"}),
)


_SHOWN_OTHERWISE = _NOT_SHOWN | {"cluster_id", "stack_id"}
_OF_THE_STACK = {"stack_id": str | None}
BaySummaryView = derive(
    "BaySummaryView",
    clusters.ClusterSummaryView,
    without=_SHOWN_OTHERWISE,
    renamed=_OLD_NAMES,
    more=_OF_THE_STACK | {"floating_ip_enabled": bool},
)
BayView = derive("BayView", clusters.ClusterView, without=_SHOWN_OTHERWISE, renamed=_OLD_NAMES, more=_OF_THE_STACK)


class NewBay(msgspec.Struct, frozen=True, kw_only=True):
    """What a requester says of a new bay. Volumes in GB, `bay_create_timeout` in minutes."""

    baymodel_id: fields.Text
    name: fields.ClusterName | None = None
    node_count: fields.OneNode = 1
    master_count: fields.MasterCount = 1
    docker_volume_size: fields.Gigabytes | None = None
    labels: fields.Labels = {}
    master_flavor_id: fields.Text | None = None
    flavor_id: fields.Text | None = None
    bay_create_timeout: fields.Minutes = 60
    discovery_url: fields.Text | None = None
    fixed_network: fields.Text | None = None
    fixed_subnet: fields.Text | None = None
    floating_ip_enabled: fields.Flag | None = None
    master_lb_enabled: fields.Flag | None = None


class BayChange(msgspec.Struct, frozen=True, kw_only=True):
    """All that a patch can change of a bay."""

    node_count: fields.OneNode = 1


def as_new_cluster(new: NewBay) -> NewCluster:
    given = msgspec.structs.asdict(new)
    template, timeout = given.pop("baymodel_id"), given.pop("bay_create_timeout")
    return NewCluster(cluster_template_id=template, create_timeout=timeout, **given)


def overview_view(overview: ClusterOverview, base: str) -> dict[str, Any]:
    shown = _renamed(clusters.overview_view(overview, base, MINIMUM), overview.uuid, base)
    return shown | {"floating_ip_enabled": True}  # as it has always been, whatever the bay's own is


def full_view(full: Full, base: str) -> dict[str, Any]:
    return _renamed(clusters.full_view(full, base, MINIMUM), full.summary.cluster.uuid, base)


def patchable(full: Full, base: str) -> Patchable:
    """Every attribute that is shown can be named by a patch; which may differ afterwards is judged later."""
    values = {"bay_faults": {}} | full_view(full, base)
    values = {name: value for name, value in values.items() if name not in clusters.INTERNAL_OF_CLUSTERS}
    maps = {name for name, value in values.items() if isinstance(value, dict)}
    return Patchable(values=values, maps=frozenset(maps), internal=clusters.INTERNAL_OF_CLUSTERS)


def _renamed(view: msgspec.Struct, uuid: str, base: str) -> dict[str, Any]:
    shown = {_OLD_NAMES.get(name, name): value for name, value in msgspec.to_builtins(view).items()}
    shown = {name: value for name, value in shown.items() if name not in _NOT_SHOWN}
    return shown | {"links": msgspec.to_builtins(resource_links(base, f"bays/{uuid}"))}
