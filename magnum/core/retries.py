"""Try again what has failed, with the arguments that it had.

What has failed and has not been done since: on each node group that shows it, the newest operation of each kind; of the
cluster as a whole its newest rotations. They start anew in the order in which they were asked for. Each goes on from
what is there: nodes that were lost are replaced, those that work stay, a rotation keeps the authorities that it has
made. A delete, which never gives up, is tried at once.

What is asked for is an operation like any other, judged as it was the first time; where nothing has failed, that is
said, and nothing changes.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, clustertemplates, events, nodegroups, operations
from magnum.db.errors import NotFound as NoSuchRow
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.names import new_uuid
from magnum.model.operations import (
    CreateCluster,
    CreateNodeGroup,
    DeleteCluster,
    DeleteNodeGroup,
    HealCluster,
    Operation,
    OperationState,
    ResizeNodeGroup,
    RotateCertificates,
    RotateCredential,
    UpdateNodeGroup,
    UpgradeNodeGroup,
)
from magnum.model.requesters import Requester
from magnum.model.statuses import FAILED, IN_PROGRESS, Status, StatusEvent

from .changes import ask
from .clusters import Guard, Resize, read_guarded, start_delete, start_resize
from .errors import Conflict
from .operations import new_event, new_operation
from .rotations import start_rotation
from .service import Service
from .statuses import begin
from .upgrades import start_upgrade

_GROUP_EVENTS: dict[type[object], StatusEvent] = {
    CreateNodeGroup: StatusEvent.CREATE_RETRIED,
    UpdateNodeGroup: StatusEvent.UPDATE_STARTED,
    DeleteNodeGroup: StatusEvent.DELETE_STARTED,
}


def retry(service: Service, requester: Requester, uuid: str, *, guard: Guard | None = None) -> list[str]:
    """Ask for it; gives the UUIDs of the new operations, in the order in which they run."""

    def run(tx: Connection) -> list[str]:
        state = operations.lock(tx, uuid)
        cluster = read_guarded(service, tx, uuid, guard)
        failed = _failed(tx, cluster, is_busy=state.operation_uuid is not None)
        return [_start(service, tx, requester, uuid=uuid, failed=operation) for operation in failed]

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
        found = _failed_changes(tx, cluster, known)
    else:
        raise Conflict(
            f"The cluster {cluster.uuid} is {cluster.status}: nothing has failed, so there is nothing to retry."
        )
    if not found:
        raise Conflict(
            "What has failed is not recorded, so it cannot be retried. "
            "Ask for the change anew, or delete the cluster and create it again."
        )
    return found


def _failed_changes(tx: Connection, cluster: Cluster, known: Sequence[Operation]) -> list[Operation]:
    """Of each kind, and of each node group that shows a failure, the newest, if that one has failed."""
    showing = {group.uuid for group in nodegroups.of_cluster(tx, cluster.uuid) if group.status in FAILED} | {None}
    going = {one.nodegroup_uuid for one in known if isinstance(one.arguments, DeleteNodeGroup)}
    newest: dict[tuple[str, str | None], Operation] = {}
    for operation in known:
        newest.setdefault((operation.kind, operation.nodegroup_uuid), operation)
    found = [
        operation
        for operation in newest.values()
        if operation.state is OperationState.FAILED
        and operation.nodegroup_uuid in showing
        and not isinstance(operation.arguments, CreateCluster)
        and (operation.nodegroup_uuid not in going or isinstance(operation.arguments, DeleteNodeGroup))
    ]
    return found[::-1]


def _start(service: Service, tx: Connection, requester: Requester, *, uuid: str, failed: Operation) -> str:
    """Put the operation in the queue once more. Each kind writes its own rows."""
    cluster, operation_uuid = clusters.read(tx, uuid), new_uuid(service.randomness)
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
        case RotateCertificates() | RotateCredential() as rotation:
            rotation = msgspec.structs.replace(rotation, origin=failed.origin)
            start_rotation(service, tx, requester, cluster=cluster, rotation=rotation, operation_uuid=operation_uuid)
        case CreateNodeGroup() | UpdateNodeGroup() | DeleteNodeGroup() | UpgradeNodeGroup():
            _start_of_group(service, tx, requester, cluster=cluster, failed=failed, operation_uuid=operation_uuid)
        case HealCluster() as healing:
            text = "The replacement of dead nodes was asked for."
            ask(
                service,
                tx,
                requester,
                uuid=operation_uuid,
                cluster=cluster,
                arguments=healing,
                event="cluster.heal",
                text=text,
            )
        case DeleteCluster() as deletion:
            start_delete(service, tx, requester, deletion, cluster=cluster, operation_uuid=operation_uuid)
    new = operations.get(tx, operation_uuid)
    why = failed.reason or cluster.status_reason or "nothing more is known of it."
    events.insert(tx, new_event(new, "cluster.retry", f"The {new.noun} is tried again. It had failed: {why}"))
    return operation_uuid


def _start_of_group(
    service: Service, tx: Connection, requester: Requester, *, cluster: Cluster, failed: Operation, operation_uuid: str
) -> None:
    group = nodegroups.get(tx, cluster.uuid, failed.nodegroup_uuid or "")
    if isinstance(failed.arguments, UpgradeNodeGroup):
        start_upgrade(
            service,
            tx,
            requester,
            cluster=cluster,
            group=group,
            template=_template(tx, failed.arguments.template),
            max_batch_size=failed.arguments.max_batch_size,
            operation_uuid=operation_uuid,
        )
        return
    ask(
        service,
        tx,
        requester,
        uuid=operation_uuid,
        cluster=cluster,
        arguments=failed.arguments,
        event=f"nodegroup.{failed.kind.partition('-')[0]}",
        text=f"The {failed.noun} {group.name} was asked for.",
        group=group,
        group_event=_GROUP_EVENTS[type(failed.arguments)],
    )


def _template(tx: Connection, uuid: str) -> ClusterTemplate:
    try:
        return clustertemplates.read(tx, uuid)
    except NoSuchRow:
        raise Conflict(
            f"The upgrade that has failed was to the cluster template {uuid}, which is gone, so it cannot be retried."
        ) from None


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
    begin(tx, cluster, StatusEvent.CREATE_RETRIED, nodegroups.of_cluster(tx, cluster.uuid))
