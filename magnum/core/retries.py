"""Try again what has failed, with the arguments that it had.

A create goes on from what is there: nodes that were lost are replaced, those that work stay. Of resizes, every node
group whose newest one has failed gets it again. A delete, which never gives up, is tried at once. What is asked for is
an operation like any other; where nothing has failed, that is said, and nothing changes.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.db import clusters, events, nodegroups, operations
from magnum.model.clusters import Cluster
from magnum.model.names import new_uuid
from magnum.model.operations import CreateCluster, DeleteCluster, Operation, OperationState, ResizeNodeGroup
from magnum.model.requesters import Requester
from magnum.model.statuses import FAILED, IN_PROGRESS, Status, StatusEvent, after

from .clusters import Guard, Resize, read_guarded, start_delete, start_resize
from .errors import Conflict
from .operations import new_event, new_operation
from .service import Service


def retry(service: Service, requester: Requester, uuid: str, *, guard: Guard | None = None) -> list[str]:
    """Ask for it; gives the UUIDs of the new operations, in the order in which they run."""

    def run(tx: Connection) -> list[str]:
        state = operations.lock(tx, uuid)
        cluster = read_guarded(tx, uuid, guard)
        failed = _failed(tx, cluster, is_busy=state.operation_uuid is not None)
        return [_start(service, tx, requester, cluster=cluster, failed=operation) for operation in failed]

    started = service.database.write(run)
    service.wake()
    return started


def _failed(tx: Connection, cluster: Cluster, *, is_busy: bool) -> Sequence[Operation]:
    """Find what can be tried again, oldest first; refuse when there is nothing."""
    known = operations.of_cluster(tx, cluster.uuid)
    found: list[Operation] = []
    if cluster.status is Status.DELETE_FAILED:
        found = [operation for operation in known if isinstance(operation.arguments, DeleteCluster)][:1]
    elif cluster.status in IN_PROGRESS or is_busy:
        raise Conflict(f"The cluster {cluster.uuid} is {cluster.status}, so there is nothing to retry until that ends.")
    elif cluster.status is Status.CREATE_FAILED:
        found = [operation for operation in known if isinstance(operation.arguments, CreateCluster)][:1]
    elif cluster.status is Status.UPDATE_FAILED:
        found = _failed_resizes(tx, cluster, known)
    else:
        raise Conflict(
            f"The cluster {cluster.uuid} is {cluster.status}: nothing has failed, so there is nothing to retry."
        )
    if not found:
        raise Conflict(f"{_other_failure(known)} Ask for the change anew, or delete the cluster and create it again.")
    return found


def _other_failure(known: Sequence[Operation]) -> str:
    """Say why what has failed, which is none of those, is not tried again."""
    kind = next((operation.kind for operation in known if operation.state is OperationState.FAILED), None)
    if kind is None:
        return "What has failed is not recorded, so it cannot be retried."
    return f"The {kind} that has failed is not one that can be retried."


def _failed_resizes(tx: Connection, cluster: Cluster, known: Sequence[Operation]) -> list[Operation]:
    newest: dict[str, Operation] = {}
    for operation in known:
        if isinstance(operation.arguments, ResizeNodeGroup):
            newest.setdefault(operation.arguments.nodegroup_uuid, operation)
    groups = {group.uuid for group in nodegroups.of_cluster(tx, cluster.uuid) if group.status in FAILED}
    failed = [one for group, one in newest.items() if group in groups and one.state is OperationState.FAILED]
    return failed[::-1]


def _start(service: Service, tx: Connection, requester: Requester, *, cluster: Cluster, failed: Operation) -> str:
    """Put the operation in the queue once more. Each kind writes its own rows."""
    operation_uuid = new_uuid(service.randomness)
    match failed.arguments:
        case CreateCluster():
            _start_create(service, tx, requester, cluster=cluster, operation_uuid=operation_uuid)
        case ResizeNodeGroup() as wanted:
            asked = Resize(
                node_count=wanted.node_count,
                nodegroup=wanted.nodegroup_uuid,
                nodes_to_remove=wanted.nodes_to_remove,
                rollback=wanted.rollback,
            )
            start_resize(service, tx, requester, cluster=cluster, asked=asked, operation_uuid=operation_uuid)
        case _:
            start_delete(service, tx, requester, cluster=cluster, operation_uuid=operation_uuid)
    again = operations.get(tx, operation_uuid)
    why = failed.reason or cluster.status_reason or "nothing more is known of it."
    events.insert(tx, new_event(again, "cluster.retry", f"The {again.kind} is tried again. It had failed: {why}"))
    return operation_uuid


def _start_create(
    service: Service, tx: Connection, requester: Requester, *, cluster: Cluster, operation_uuid: str
) -> None:
    operation = new_operation(
        service,
        tx,
        requester,
        uuid=operation_uuid,
        cluster_uuid=cluster.uuid,
        arguments=CreateCluster(again=True),
        minutes=cluster.create_timeout,
    )
    operations.enqueue(tx, operation)
    assert cluster.status is not None, "it has failed"
    clusters.update(tx, cluster.uuid, status=after(cluster.status, StatusEvent.CREATE_RETRIED), status_reason=None)
    for group in nodegroups.of_cluster(tx, cluster.uuid):
        status = after(group.status or cluster.status, StatusEvent.CREATE_RETRIED)
        nodegroups.update(tx, group.uuid, status=status, status_reason=None)
    operations.touch(tx, cluster.uuid)
