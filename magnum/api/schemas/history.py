"""Events and operations in answers. Times are ISO 8601 in UTC, to the millisecond: much happens within a second."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from magnum.core.operations import Standing
from magnum.model.clocks import MICROSECONDS, Instant
from magnum.model.events import Event
from magnum.model.operations import OperationState


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    id: int | None
    created_at: str | None
    kind: str
    level: str
    text: str
    operation_uuid: str | None
    request_id: str | None


class OperationView(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts` are failures in a row of the step that runs next; `next_attempt_at` is when it runs."""

    uuid: str
    kind: str
    arguments: dict[str, Any]
    state: str
    step: str | None
    steps_done: int
    steps_total: int
    attempts: int
    next_attempt_at: str | None
    blocked_by: str | None
    reason: str | None
    error_code: str | None
    deadline_at: str | None
    created_at: str | None
    finished_at: str | None
    request_id: str | None


def event_view(event: Event) -> EventView:
    return EventView(
        id=event.id,
        created_at=_instant(event.at),
        kind=event.kind,
        level=event.level,
        text=event.text,
        operation_uuid=event.operation_uuid,
        request_id=event.request_id,
    )


_HIDDEN = frozenset({"trust_id"})
"""Arguments that are nobody's business, as with clusters."""


def operation_view(standing: Standing) -> OperationView:
    operation, arguments = standing.operation, msgspec.structs.asdict(standing.operation.arguments)
    is_open = operation.finished_at is None
    is_complete = operation.state is OperationState.COMPLETE
    return OperationView(
        uuid=operation.uuid,
        kind=operation.kind,
        arguments={name: value for name, value in arguments.items() if name not in _HIDDEN},
        state=operation.state,
        step=operation.step,
        steps_done=operation.steps_total if is_complete else max(0, operation.step_number - 1),
        steps_total=operation.steps_total,
        attempts=operation.attempts,
        next_attempt_at=_instant(operation.next_attempt) if is_open else None,
        blocked_by=standing.blocked_by,
        reason=operation.reason,
        error_code=operation.error_code,
        deadline_at=_instant(operation.deadline) if is_open else None,
        created_at=_instant(operation.created_at),
        finished_at=_instant(operation.finished_at),
        request_id=operation.request_id,
    )


def _instant(value: Instant | None) -> str | None:
    if value is None:
        return None
    return datetime.fromtimestamp(value / MICROSECONDS, UTC).isoformat(timespec="milliseconds")
