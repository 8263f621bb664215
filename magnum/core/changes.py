"""A change of a cluster that is there, written down: its operation, what the cluster shows of it, and the event.

What may be changed when is for the module of each change to judge; it calls this in the same transaction, under the
cluster's lock.
"""

from sqlalchemy import Connection

from magnum.db import events, operations
from magnum.model.clusters import Cluster
from magnum.model.nodegroups import NodeGroup
from magnum.model.operations import Arguments, Operation, ResizeNodeGroup
from magnum.model.requesters import Requester
from magnum.model.statuses import StatusEvent

from .operations import new_event, new_operation
from .service import Service
from .statuses import begin


def ask(
    service: Service,
    tx: Connection,
    requester: Requester,
    *,
    uuid: str,
    cluster: Cluster,
    arguments: Arguments,
    event: str,
    text: str,
    group: NodeGroup | None = None,
    group_event: StatusEvent = StatusEvent.UPDATE_STARTED,
    **columns: object,
) -> Operation:
    """Queue the operation `uuid`; show the cluster as being updated, and the node group too, with these columns."""
    operation = new_operation(
        service,
        tx,
        requester,
        uuid=uuid,
        cluster_uuid=cluster.uuid,
        arguments=arguments,
        minutes=service.settings.conductor.update_timeout,
    )
    if not (isinstance(arguments, ResizeNodeGroup) and operations.replace_resize(tx, operation)):
        operations.enqueue(tx, operation)
    groups = () if group is None else (group,)
    begin(tx, cluster, StatusEvent.UPDATE_STARTED, groups, group_event=group_event, **columns)
    events.insert(tx, new_event(operation, event, text))
    return operation
