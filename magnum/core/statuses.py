"""What the status of a cluster allows, and the one way in which a request changes it.

Whatever is begun shows at once, on the cluster and on the node groups that it is about, and the reason of what was
before goes: `begin` writes both.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from magnum.db import clusters, nodegroups, operations
from magnum.model.clusters import Cluster
from magnum.model.nodegroups import NodeGroup
from magnum.model.statuses import AnyStatus, Status, StatusEvent, after

from .errors import InvalidRequest


def check_status(cluster: Cluster, allowed: frozenset[Status], what: str) -> None:
    if cluster.status not in allowed:
        raise InvalidRequest(
            f"The cluster {cluster.uuid} is {cluster.status}, so it cannot be {what} now. "
            f"It can in the status {', '.join(sorted(allowed))}."
        )


def begin(
    tx: Connection,
    cluster: Cluster,
    event: StatusEvent,
    groups: Iterable[NodeGroup] = (),
    *,
    group_event: StatusEvent | None = None,
    **columns: object,
) -> None:
    """Show what begins on the cluster and on these of its node groups, whose other columns are written with it."""
    clusters.update(tx, cluster.uuid, status=_started(cluster.status, event), status_reason=None)
    for group in groups:
        status = _started(group.status, group_event or event)
        nodegroups.update(tx, group.uuid, **columns, status=status, status_reason=None)
    operations.touch(tx, cluster.uuid)


_WITHOUT_STATUS = {
    StatusEvent.CREATE_RETRIED: Status.CREATE_IN_PROGRESS,
    StatusEvent.UPDATE_STARTED: Status.UPDATE_IN_PROGRESS,
    StatusEvent.DELETE_STARTED: Status.DELETE_IN_PROGRESS,
}


def _started(status: AnyStatus | None, event: StatusEvent) -> Status:
    """Give the status after the event. Old rows of node groups have none: what is asked of them was checked before."""
    return _WITHOUT_STATUS[event] if status is None else after(status, event)
