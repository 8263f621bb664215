"""How an operation shows on the rows of its cluster: statuses, reasons and the addresses of its nodes.

Everything is read anew inside the transaction, for the API may have queued another operation meanwhile: then the
cluster, and a node group that the other one is about, stay in progress until that one has ended.
"""

from sqlalchemy import Connection

from magnum.db import clusters, nodegroups, nodes, operations
from magnum.model.clusters import Cluster
from magnum.model.nodes import NodeState
from magnum.model.operations import OPEN, Operation
from magnum.model.statuses import FAILED, IN_PROGRESS, AnyStatus, Status, StatusEvent, after


def settle(tx: Connection, operation: Operation, event: StatusEvent, *, reason: str | None = None) -> None:
    """Bring the cluster and all its node groups to the statuses that follow."""
    cluster = clusters.read(tx, operation.cluster_uuid)
    wanted = {other.nodegroup_uuid for other in waiting(tx, operation)}
    for group in nodegroups.of_cluster(tx, cluster.uuid):
        if group.uuid not in wanted:
            status = after(group.status or _status(cluster), event)
            nodegroups.update(tx, group.uuid, status=status, status_reason=reason)
    settle_cluster(tx, operation, event, reason=reason)


def settle_group(tx: Connection, operation: Operation, event: StatusEvent, *, reason: str | None = None) -> None:
    """Bring the node group that the operation is about to the status that follows, unless more is asked of it."""
    uuid = operation.nodegroup_uuid
    assert uuid is not None, "the operation is about a node group"
    if uuid in {other.nodegroup_uuid for other in waiting(tx, operation)}:
        return
    group = nodegroups.get(tx, operation.cluster_uuid, uuid)
    status = after(group.status or Status.UPDATE_IN_PROGRESS, event)
    nodegroups.update(tx, uuid, status=status, status_reason=reason)


def settle_cluster(tx: Connection, operation: Operation, event: StatusEvent, *, reason: str | None = None) -> None:
    """Bring the cluster alone to the status that follows. It is not complete while one of its node groups is failed."""
    cluster = clusters.read(tx, operation.cluster_uuid)
    if not waiting(tx, operation):
        failed = [group.name for group in nodegroups.of_cluster(tx, cluster.uuid) if group.status in FAILED]
        if failed and event is StatusEvent.UPDATE_DONE:
            event, reason = StatusEvent.UPDATE_FAILED, f"Failed node groups: {', '.join(failed)}."
        clusters.update(tx, cluster.uuid, status=after(_status(cluster), event), status_reason=reason)
    operations.touch(tx, cluster.uuid)


def show_progress(tx: Connection, operation: Operation, text: str, *, moved: bool) -> None:
    """Let the owner read how far it is; a deletion that has failed so far is in progress again once it has moved on."""
    cluster = clusters.read(tx, operation.cluster_uuid)
    if moved and cluster.status is Status.DELETE_FAILED:
        settle(tx, operation, StatusEvent.DELETE_STARTED, reason=text)
    elif cluster.status in IN_PROGRESS and cluster.status_reason != text:
        clusters.update(tx, cluster.uuid, status_reason=text)
        operations.touch(tx, cluster.uuid)


def show_failure(tx: Connection, operation: Operation, event: StatusEvent, reason: str) -> None:
    """Say of an operation that goes on trying that it has failed so far."""
    cluster = clusters.read(tx, operation.cluster_uuid)
    if cluster.status not in FAILED:
        settle(tx, operation, event, reason=reason)
    elif cluster.status_reason != reason:
        clusters.update(tx, cluster.uuid, status_reason=reason)
        operations.touch(tx, cluster.uuid)


def show_addresses(tx: Connection, operation: Operation) -> None:
    """Give each node group the addresses of its nodes, in the order of their numbers."""
    present = [node for node in nodes.of_cluster(tx, operation.cluster_uuid) if node.state is not NodeState.REMOVING]
    for group in nodegroups.of_cluster(tx, operation.cluster_uuid):
        addresses = tuple(node.reached_at for node in present if node.nodegroup_uuid == group.uuid and node.reached_at)
        if addresses != group.node_addresses:
            nodegroups.update(tx, group.uuid, node_addresses=addresses)


def _status(cluster: Cluster) -> AnyStatus:
    assert cluster.status is not None, "the API gives a cluster its status with the operation"
    return cluster.status


def waiting(tx: Connection, operation: Operation) -> list[Operation]:
    """Give the operations that wait for this one to end."""
    newest = operations.of_cluster(tx, operation.cluster_uuid)
    return [other for other in newest if other.state in OPEN and other.uuid != operation.uuid]
