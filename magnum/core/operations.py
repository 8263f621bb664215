"""Operations and events, as the API writes them: due at once, with the request that asked for them.

And as their owner reads them: how far each operation is, and what it waits for.
"""

import msgspec
from sqlalchemy import Connection

from magnum.db import operations
from magnum.model.clocks import MICROSECONDS, Instant
from magnum.model.events import Event, EventLevel
from magnum.model.operations import OPEN, Arguments, ClusterState, Operation, OperationState
from magnum.model.paging import Page
from magnum.model.requesters import Requester

from .service import Service

_SOON = 5 * MICROSECONDS
"""An operation that is due is taken sooner than this where conductors have time for it."""


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


def new_event(operation: Operation, kind: str, text: str, *, level: EventLevel = EventLevel.INFO) -> Event:
    return Event(
        cluster_uuid=operation.cluster_uuid,
        at=operation.created_at,
        kind=kind,
        text=text,
        level=level,
        operation_uuid=operation.uuid,
        request_id=operation.request_id,
    )


class Standing(msgspec.Struct, frozen=True):
    """An operation and what keeps it from going on, in a sentence; None when nothing does."""

    operation: Operation
    blocked_by: str | None


def history(service: Service, cluster_uuid: str, page: Page) -> list[Standing]:
    """Give what is being done to a cluster, what waits, and what was done."""
    after = None if page.marker is None else str(page.marker)

    def run(tx: Connection) -> list[Standing]:
        found = operations.of_cluster(tx, cluster_uuid, limit=page.limit, after=after, descending=page.descending)
        state = operations.look(tx, cluster_uuid)
        now = service.database.now(tx)
        return [Standing(operation, what_blocks(operation, state, now)) for operation in found]

    return service.database.read(run)


def what_blocks(operation: Operation, state: ClusterState | None, now: Instant) -> str | None:
    """Say what an open operation waits for. What a step waits for, it has said itself."""
    if operation.state not in OPEN or state is None:
        return None
    if operation.uuid != state.operation_uuid:
        return f"It waits for its turn: the operation {state.operation_uuid} comes first."
    if state.owner is not None and state.lease_until < now:
        return "The conductor that ran it has gone silent; the next one that looks takes it over."
    if operation.next_attempt > now:
        return operation.reason
    if state.owner is None and now - operation.next_attempt > _SOON:
        return "No conductor has taken it yet. If this lasts, ask the operator whether one is running."
    return None
