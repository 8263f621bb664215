"""How an operation shows on the rows of its cluster: statuses, reasons and the addresses of its nodes.

Everything is read anew inside the transaction, for the API may have queued another operation meanwhile: then the
cluster, and a node group that the other one is about, stay in progress until that one has ended.
"""

from sqlalchemy import Connection

from magnum.db import clusters, nodegroups, nodes, operations
from magnum.model.nodes import NodeState
from magnum.model.operations import OPEN, Operation, ResizeNodeGroup
from magnum.model.statuses import FAILED, IN_PROGRESS, Status, StatusEvent, after


def settle(
    tx: Connection, operation: Operation, event: StatusEvent, *, reason: str | None = None, only: str | None = None
) -> None:
    """Bring the cluster and its node groups, or `only` one of them, to the statuses that follow."""
    uuid = operation.cluster_uuid
    others = waiting(tx, operation)
    wanted = {other.arguments.nodegroup_uuid for other in others if isinstance(other.arguments, ResizeNodeGroup)}
    cluster = clusters.read(tx, uuid)
    assert cluster.status is not None, "the API gives a cluster its status with the operation"
    for group in nodegroups.of_cluster(tx, uuid):
        if only in (None, group.uuid) and group.uuid not in wanted:
            status = after(group.status or cluster.status, event)
            nodegroups.update(tx, group.uuid, status=status, status_reason=reason)
    if not others:
        clusters.update(tx, uuid, status=after(cluster.status, event), status_reason=reason)
    operations.touch(tx, uuid)


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
        addresses = tuple(node.address for node in present if node.nodegroup_uuid == group.uuid and node.address)
        if addresses != group.node_addresses:
            nodegroups.update(tx, group.uuid, node_addresses=addresses)


def waiting(tx: Connection, operation: Operation) -> list[Operation]:
    """Give the operations that wait for this one to end."""
    newest = operations.of_cluster(tx, operation.cluster_uuid)
    return [other for other in newest if other.state in OPEN and other.uuid != operation.uuid]
