"""Operations and events, as the API writes them: due at once, with the request that asked for them."""

from sqlalchemy import Connection

from magnum.model.clocks import MICROSECONDS
from magnum.model.events import Event
from magnum.model.operations import Arguments, Operation, OperationState
from magnum.model.requesters import Requester

from .service import Service


def new_operation(
    service: Service,
    tx: Connection,
    requester: Requester,
    *,
    uuid: str,
    cluster_uuid: str,
    arguments: Arguments,
    minutes: int | None,
) -> Operation:
    """Make an operation that may take so many minutes; 0 or None for as long as it needs."""
    now = service.database.now(tx)
    return Operation(
        uuid=uuid,
        cluster_uuid=cluster_uuid,
        arguments=arguments,
        state=OperationState.QUEUED,
        next_attempt=now,
        created_at=now,
        deadline=now + minutes * 60 * MICROSECONDS if minutes else None,
        request_id=requester.request_id,
    )


def new_event(operation: Operation, kind: str, text: str) -> Event:
    return Event(
        cluster_uuid=operation.cluster_uuid,
        at=operation.created_at,
        kind=kind,
        text=text,
        operation_uuid=operation.uuid,
        request_id=operation.request_id,
    )
