"""Clusters that are there: look at them, change them, resize them, delete them.

Every change begins by locking the cluster, looks at its status under the lock, and writes the rows, the operation and
the event in one transaction. A change that the status does not allow is refused at once and changes nothing.
"""

from collections.abc import Callable, Collection, Mapping

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, clustertemplates, events, nodegroups, operations
from magnum.db.errors import NotFound as NoSuchRow
from magnum.model.clocks import Instant
from magnum.model.clusters import Cluster, ClusterOverview, ClusterSummary
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.health import believe
from magnum.model.names import new_uuid
from magnum.model.nodegroups import DEFAULT_WORKER, NodeGroup
from magnum.model.operations import DeleteCluster, ResizeNodeGroup
from magnum.model.paging import Page
from magnum.model.requesters import EVERYTHING, Requester, Scope
from magnum.model.statuses import FAILED, IN_PROGRESS, RESIZABLE, STEADY, Status, StatusEvent
from magnum.openstack.offers import Offers

from .changes import ask
from .drivers import longest_call
from .errors import InvalidRequest, NotFound
from .masters import check_masters
from .offers import check_root_disk
from .operations import new_event, new_operation
from .service import Service
from .statuses import begin, check_status


class Full(msgspec.Struct, frozen=True):
    """A cluster with all that is shown of it: alone and failed also its node groups."""

    summary: ClusterSummary
    nodegroups: tuple[NodeGroup, ...] | None = None


Guard = Callable[[Full], None]
"""Refuses, by the cluster as it is under its lock, what was asked for by one that has changed since."""


class Resize(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a node group, by name or UUID; None is the default one of workers."""

    node_count: int
    nodegroup: str | None = None
    nodes_to_remove: tuple[str, ...] = ()
    rollback: bool = False


def get(service: Service, ident: str, scope: Scope) -> ClusterSummary:
    return service.database.read(lambda tx: clusters.get(tx, ident, scope))


def get_full(service: Service, ident: str, scope: Scope) -> Full:
    return service.database.read(lambda tx: _read_full(service, tx, ident, scope))


def find_busy(service: Service, uuids: Collection[str]) -> set[str]:
    """Give those of these clusters that are in progress; one that is gone is not."""
    statuses = service.database.read(lambda tx: clusters.statuses(tx, uuids))
    return {uuid for uuid, status in statuses.items() if status in IN_PROGRESS}


def list_page(service: Service, scope: Scope, page: Page) -> list[ClusterOverview]:
    found = service.database.read(lambda tx: clusters.overviews(tx, scope, page))
    return [_believed_overview(service, overview) for overview in found]


def list_full(service: Service, scope: Scope, page: Page) -> list[Full]:
    found = service.database.read(lambda tx: clusters.summaries(tx, scope, page))
    return [Full(_believed(service, summary)) for summary in found]


def update(
    service: Service,
    requester: Requester,
    present: Cluster,
    offers: Offers,
    *,
    health: Mapping[str, object],
    resize: Resize | None,
    guard: Guard | None = None,
) -> None:
    """Store what was said of the cluster's health, whatever its status; resize it only when nothing else goes on."""
    uuid, operation_uuid = present.uuid, new_uuid(service.randomness)
    if resize is not None:
        check_root_disk(offers, present.labels, service.settings.cinder, flavor_id=present.flavor_id)

    def run(tx: Connection) -> None:
        operations.lock(tx, uuid)
        cluster = read_guarded(service, tx, uuid, guard)
        if resize is not None:
            check_status(cluster, STEADY, "changed")
            start_resize(service, tx, requester, cluster=cluster, asked=resize, operation_uuid=operation_uuid)
        if health:
            clusters.update(tx, uuid, **health)
            operations.touch_health(tx, uuid)

    service.database.write(run)
    if resize is not None:
        service.wake()


def resize(service: Service, requester: Requester, uuid: str, asked: Resize, *, guard: Guard | None = None) -> None:
    """Bring a node group to the count. While another change is running, this one waits its turn."""
    operation_uuid = new_uuid(service.randomness)

    def run(tx: Connection) -> None:
        operations.lock(tx, uuid)
        cluster = read_guarded(service, tx, uuid, guard)
        check_status(cluster, RESIZABLE, "resized")
        start_resize(service, tx, requester, cluster=cluster, asked=asked, operation_uuid=operation_uuid)

    service.database.write(run)
    service.wake()


def delete(
    service: Service, requester: Requester, uuid: str, *, volumes: bool = False, guard: Guard | None = None
) -> None:
    """Give up everything else and delete the cluster. Asked for again while that is going on, nothing more happens.

    But that `volumes` go too may be asked for later.
    """
    operation_uuid, deletion = new_uuid(service.randomness), DeleteCluster(volumes=volumes)

    def run(tx: Connection) -> None:
        state = operations.lock(tx, uuid)
        cluster = read_guarded(service, tx, uuid, guard)
        if cluster.status == Status.DELETE_IN_PROGRESS and _is_deleting(tx, state.operation_uuid, deletion):
            return
        start_delete(service, tx, requester, deletion, cluster=cluster, operation_uuid=operation_uuid)

    service.database.write(run)
    service.wake()


def start_delete(
    service: Service,
    tx: Connection,
    requester: Requester,
    deletion: DeleteCluster,
    *,
    cluster: Cluster,
    operation_uuid: str,
) -> None:
    """Put a deletion in the place of all that is open. Call it under the cluster's lock."""
    operation = new_operation(
        service,
        tx,
        requester,
        uuid=operation_uuid,
        cluster_uuid=cluster.uuid,
        arguments=deletion,
        minutes=None,
    )
    operations.supersede(tx, operation, longest_call=longest_call(service, _template(tx, cluster)))
    begin(tx, cluster, StatusEvent.DELETE_STARTED, nodegroups.of_cluster(tx, cluster.uuid))
    events.insert(tx, new_event(operation, "cluster.delete", "The deletion of the cluster was asked for."))


def start_resize(
    service: Service, tx: Connection, requester: Requester, *, cluster: Cluster, asked: Resize, operation_uuid: str
) -> None:
    """Write down a resize that the cluster's status allows. Call it under the cluster's lock."""
    group = find_group(tx, cluster, asked.nodegroup)
    check_resize(service, tx, cluster, group, asked)
    arguments = ResizeNodeGroup(
        nodegroup_uuid=group.uuid,
        node_count=asked.node_count,
        previous=group.node_count,
        nodes_to_remove=asked.nodes_to_remove,
        rollback=asked.rollback,
    )
    ask(
        service,
        tx,
        requester,
        uuid=operation_uuid,
        cluster=cluster,
        arguments=arguments,
        event="cluster.resize",
        text=f"The node group {group.name} is to have {asked.node_count} nodes; it had {group.node_count}.",
        group=group,
        node_count=asked.node_count,
    )


def find_group(tx: Connection, cluster: Cluster, ident: str | None) -> NodeGroup:
    if ident is not None:
        return nodegroups.get(tx, cluster.uuid, ident)
    defaults = [group for group in nodegroups.of_cluster(tx, cluster.uuid) if group.is_default and not group.is_master]
    if not defaults:
        raise NotFound(f"The cluster {cluster.uuid} has no node group {DEFAULT_WORKER}.")
    return defaults[0]


def check_resize(service: Service, tx: Connection, cluster: Cluster, group: NodeGroup, asked: Resize) -> None:
    """Refuse a size that the node group cannot have, or cannot be given now."""
    node_count = asked.node_count
    if group.is_master:
        check_masters(service, tx, cluster, group, node_count, replacing=bool(asked.nodes_to_remove))
    if group.status is not None and group.status not in RESIZABLE:
        raise InvalidRequest(f"The node group {group.name} is {group.status}, so it cannot be resized now.")
    if node_count < group.min_node_count:
        raise InvalidRequest(f"The node group {group.name} must have at least {group.min_node_count} nodes.")
    if group.max_node_count is not None and node_count > group.max_node_count:
        raise InvalidRequest(f"The node group {group.name} may have at most {group.max_node_count} nodes.")


def read_guarded(service: Service, tx: Connection, uuid: str, guard: Guard | None) -> Cluster:
    """Read a cluster whose lock is held, and let the guard look at it."""
    if guard is None:
        return clusters.read(tx, uuid)
    full = _read_full(service, tx, uuid, EVERYTHING)
    guard(full)
    return full.summary.cluster


def _read_full(service: Service, tx: Connection, ident: str, scope: Scope) -> Full:
    summary = _believed(service, clusters.get(tx, ident, scope))
    cluster = summary.cluster
    return Full(summary, nodegroups.of_cluster(tx, cluster.uuid) if cluster.status in FAILED else None)


def _believed(service: Service, summary: ClusterSummary) -> ClusterSummary:
    """Show the health as UNKNOWN that nobody has looked at for too long."""
    cluster = summary.cluster
    status, reason = _believe(service, cluster.health_status, cluster.health_status_reason, summary.health_observed_at)
    if status == cluster.health_status and reason is cluster.health_status_reason:
        return summary
    changed = msgspec.structs.replace(cluster, health_status=status, health_status_reason=dict(reason))
    return msgspec.structs.replace(summary, cluster=changed)


def _believed_overview(service: Service, overview: ClusterOverview) -> ClusterOverview:
    status, _ = _believe(service, overview.health_status, {}, overview.health_observed_at)
    return overview if status == overview.health_status else msgspec.structs.replace(overview, health_status=status)


def _believe(
    service: Service, status: str | None, reason: Mapping[str, str], observed_at: Instant | None
) -> tuple[str | None, Mapping[str, str]]:
    now, interval = service.clock.now(), service.settings.kubernetes.health_seconds
    return believe(status, reason, observed_at, now=now, interval=interval)


def _is_deleting(tx: Connection, operation_uuid: str | None, deletion: DeleteCluster) -> bool:
    """Say whether all that this deletion is to do is being done."""
    current = None if operation_uuid is None else operations.get(tx, operation_uuid).arguments
    return isinstance(current, DeleteCluster) and (current.volumes or not deletion.volumes)


def _template(tx: Connection, cluster: Cluster) -> ClusterTemplate | None:
    try:
        return clustertemplates.read(tx, cluster.cluster_template_id or "")
    except NoSuchRow:
        return None
