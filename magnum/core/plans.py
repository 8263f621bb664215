"""Plans: what a change would do, and why it would be refused, without doing it.

A plan is judged by the very functions that judge the change itself, and by what is known now: another request may come
first, and a provider may refuse what it is asked for. It writes nothing and asks no provider, so which of several
working nodes would go is left open.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, credentials, nodegroups, nodes, operations
from magnum.db.errors import Ambiguous, NotFound
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import NodeState
from magnum.model.operations import OPEN
from magnum.model.requesters import Requester, Scope
from magnum.model.statuses import RESIZABLE, STEADY
from magnum.openstack.offers import Offers

from .clusters import Resize, check_resize, find_group
from .errors import Refused
from .labels import warn_of_all
from .new_clusters import Draft, NewCluster, draft, find_template, prepare
from .node_choice import NodeChoice, choose_nodes
from .quotas import Usage, check_clusters, clusters_usage
from .service import Service
from .statuses import check_status
from .trusts import check_delegation
from .upgrades import Change, Upgrade, check_fit, check_group

if TYPE_CHECKING:
    from magnum.openstack.clouds import Cloud

T = TypeVar("T")


class GroupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a node group: of so many nodes, which are replaced or removed, and how many are added.

    `undecided` more are removed: the driver chooses them then, idle ones first. `upgraded` ones are brought to another
    template, in this order; whether that replaces their machines is the driver's affair. `labels` are those that get
    another value, which is given.
    """

    name: str
    role: str
    current: int
    wanted: int
    added: int = 0
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    undecided: int = 0
    upgraded: tuple[str, ...] = ()
    labels: dict[str, str] = {}


class QuotaPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Of clusters in the project: how many there may be, are, and could still come after this."""

    limit: int
    used: int
    headroom_after: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`refusals` are what the change would be answered with; it would be accepted if there are none."""

    change: str
    accepted: bool
    refusals: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    """Operations, by UUID, that come first."""
    driver: str | None = None
    nodegroups: tuple[GroupPlan, ...] = ()
    quota: QuotaPlan


def plan_create(
    service: Service,
    requester: Requester,
    new: NewCluster,
    offers: Offers,
    *,
    forbidden: str | None,
    cloud: "Cloud | None" = None,
) -> Plan:
    """Plan a new cluster. `forbidden` is why the requester, whose is the cloud, may not make one at all."""
    refusals = [forbidden] if forbidden else []
    scope = Scope.own(requester)
    drafted: Draft | None = _try(refusals, lambda: draft(service, requester, new, unknown_template_is_404=False))
    made: tuple[Cluster, tuple[NodeGroup, ...]] | None = None
    if drafted is not None:
        made = _try(refusals, lambda: prepare(service, requester, drafted, offers))
        _try(refusals, lambda: check_delegation(service, drafted.spec, cloud))
    usage = service.database.read(lambda tx: clusters_usage(tx, service, scope))
    _try(refusals, lambda: service.database.read(lambda tx: check_clusters(tx, service, scope)))
    return Plan(
        change="create",
        accepted=not refusals,
        refusals=tuple(refusals),
        warnings=tuple(warn_of_all(drafted.spec, made[0].labels)) if drafted and made else (),
        driver=drafted.spec.name if drafted else None,
        nodegroups=tuple(
            GroupPlan(name=group.name, role=group.role, current=0, wanted=group.node_count, added=group.node_count)
            for group in (made[1] if made else ())
        ),
        quota=_quota(usage, added=0 if refusals else 1),
    )


def plan_resize(service: Service, uuid: str, asked: Resize, *, forbidden: str | None) -> Plan:
    """Plan the resize of a node group."""
    return service.database.read(lambda tx: _plan_resize(service, tx, uuid, asked, forbidden))


def _plan_resize(service: Service, tx: Connection, uuid: str, asked: Resize, forbidden: str | None) -> Plan:
    refusals = [forbidden] if forbidden else []
    cluster = clusters.read(tx, uuid)
    _try(refusals, lambda: check_status(cluster, RESIZABLE, "resized"))
    group: NodeGroup | None = _try(refusals, lambda: find_group(tx, cluster, asked.nodegroup))
    groups: tuple[GroupPlan, ...] = ()
    warnings: tuple[str, ...] = ()
    if group is not None:
        _try(refusals, lambda: check_resize(service, tx, cluster, group, asked))
        choice = _choice(tx, group, asked)
        groups = (_group_plan(group, choice, asked.node_count),)
        warnings = tuple(
            f"No node of {group.name} is called {word}; nothing is removed for that." for word in choice.unknown
        )
    return _plan_of_cluster(service, tx, cluster, "resize", refusals, warnings=warnings, groups=groups)


def plan_upgrade(service: Service, requester: Requester, uuid: str, asked: Upgrade, *, forbidden: str | None) -> Plan:
    """Plan the upgrade of a node group."""
    refusals = [forbidden] if forbidden else []
    template: ClusterTemplate | None = _try(
        refusals, lambda: find_template(service, requester, asked.cluster_template, is_404=True)
    )
    return service.database.read(lambda tx: _plan_upgrade(service, tx, uuid, asked, template, list(refusals)))


def _plan_upgrade(  # noqa: PLR0917
    service: Service, tx: Connection, uuid: str, asked: Upgrade, template: ClusterTemplate | None, refusals: list[str]
) -> Plan:
    cluster = clusters.read(tx, uuid)
    _try(refusals, lambda: check_status(cluster, STEADY, "upgraded"))
    group: NodeGroup | None = _try(refusals, lambda: find_group(tx, cluster, asked.nodegroup))
    groups: tuple[GroupPlan, ...] = ()
    if group is not None:
        change: Change | None = None
        if template is not None:
            change = _try(refusals, lambda: check_fit(service, tx, cluster, group, template))
            _try(refusals, lambda: check_group(cluster, group, template))
        groups = _upgraded(tx, group, change)
    return _plan_of_cluster(service, tx, cluster, "upgrade", refusals, groups=groups)


def _upgraded(tx: Connection, group: NodeGroup, change: Change | None) -> tuple[GroupPlan, ...]:
    """Masters first. The default groups go together."""
    changed = (
        {before.uuid: _differing(before.labels, after.labels) for before, after in change.groups} if change else {}
    )
    present = [node for node in nodes.of_cluster(tx, group.cluster_id) if node.state is not NodeState.REMOVING]
    everything = nodegroups.of_cluster(tx, group.cluster_id)
    together = [other for other in everything if other.is_default] if group.is_default else [group]
    return tuple(
        GroupPlan(
            name=one.name,
            role=one.role,
            current=one.node_count,
            wanted=one.node_count,
            upgraded=tuple(node.name for node in present if node.nodegroup_uuid == one.uuid),
            labels=changed.get(one.uuid, {}),
        )
        for one in sorted(together, key=lambda one: not one.is_master)
    )


def _differing(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in after.items() if before.get(name) != value}


def _plan_of_cluster(
    service: Service,
    tx: Connection,
    cluster: Cluster,
    change: str,
    refusals: Sequence[str],
    *,
    groups: tuple[GroupPlan, ...],
    warnings: tuple[str, ...] = (),
) -> Plan:
    waits_for = [operation.uuid for operation in operations.of_cluster(tx, cluster.uuid) if operation.state in OPEN]
    return Plan(
        change=change,
        accepted=not refusals,
        refusals=tuple(refusals),
        warnings=warnings,
        waits_for=tuple(reversed(waits_for)),
        nodegroups=groups,
        quota=_quota(clusters_usage(tx, service, _owner(cluster)), added=0),
    )


def _choice(tx: Connection, group: NodeGroup, asked: Resize) -> NodeChoice:
    own = [node for node in nodes.of_cluster(tx, group.cluster_id) if node.nodegroup_uuid == group.uuid]
    run_out = credentials.run_out(tx, group.cluster_id)
    return choose_nodes(own, asked.node_count, named=asked.nodes_to_remove, run_out=run_out)


def _group_plan(group: NodeGroup, choice: NodeChoice, wanted: int) -> GroupPlan:
    return GroupPlan(
        name=group.name,
        role=group.role,
        current=group.node_count,
        wanted=wanted,
        added=choice.added,
        replaced=tuple(node.name for node in choice.replaced),
        removed=tuple(node.name for node in choice.removed),
        undecided=choice.undecided,
    )


def _owner(cluster: Cluster) -> Scope:
    if cluster.project_id is not None:
        return Scope(project_id=cluster.project_id)
    return Scope(user_id=cluster.user_id)


def _quota(usage: Usage, *, added: int) -> QuotaPlan:
    return QuotaPlan(limit=usage.limit, used=usage.used, headroom_after=max(0, usage.headroom - added))


def _try(refusals: list[str], judge: Callable[[], T]) -> T | None:
    """Give what it gives, or note why it refuses."""
    try:
        return judge()
    except (Refused, NotFound, Ambiguous) as no:
        refusals.append(str(no))
        return None
