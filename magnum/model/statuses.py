"""The statuses of clusters and node groups, and the only table by which they change.

`after()` is the single way to a new status: no other module writes a status literal into a row. The documentation's
diagram and a property test are made from `TRANSITIONS`. Values read from a database may be older or newer than us:
`read_status` keeps an unknown one as `UnknownStatus`, which renders as it is and from which only a delete leads on.
"""

from enum import StrEnum


class Status(StrEnum):
    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_FAILED = "CREATE_FAILED"
    CREATE_COMPLETE = "CREATE_COMPLETE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_FAILED = "UPDATE_FAILED"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"
    DELETE_COMPLETE = "DELETE_COMPLETE"
    RESUME_COMPLETE = "RESUME_COMPLETE"
    RESUME_FAILED = "RESUME_FAILED"
    RESTORE_COMPLETE = "RESTORE_COMPLETE"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    ROLLBACK_COMPLETE = "ROLLBACK_COMPLETE"
    SNAPSHOT_COMPLETE = "SNAPSHOT_COMPLETE"
    CHECK_COMPLETE = "CHECK_COMPLETE"
    ADOPT_COMPLETE = "ADOPT_COMPLETE"


class UnknownStatus(str):
    """A status written by another release; shown unchanged."""

    __slots__ = ()


AnyStatus = Status | UnknownStatus

IN_PROGRESS = frozenset(status for status in Status if status.endswith("_IN_PROGRESS"))
FAILED = frozenset(
    {
        Status.CREATE_FAILED,
        Status.UPDATE_FAILED,
        Status.DELETE_FAILED,
        Status.ROLLBACK_FAILED,
        Status.RESUME_FAILED,
    }
)
"""The failed ones, which show `faults` (data-model.md, section 4)."""

STEADY = frozenset(status for status in Status if status.endswith("_COMPLETE")) - {Status.DELETE_COMPLETE}
"""From these a cluster may be updated, upgraded and have its CA rotated (rest-api.md, section 22)."""

RESIZABLE = STEADY | {Status.UPDATE_FAILED, Status.UPDATE_IN_PROGRESS}
"""From these a node group may be resized; wider than STEADY because the autoscaler needs it."""


class StatusEvent(StrEnum):
    """What happens to a cluster or node group, in the words of the operations."""

    CREATE_DONE = "create done"
    CREATE_FAILED = "create failed"
    CREATE_RETRIED = "create retried"
    UPDATE_STARTED = "update started"
    UPDATE_DONE = "update done"
    UPDATE_FAILED = "update failed"
    DELETE_STARTED = "delete started"
    DELETE_FAILED = "delete failed"
    DELETE_DONE = "delete done"


class IllegalTransitionError(Exception):
    """An event that cannot happen in this status: a bug in the caller."""


def _table() -> dict[tuple[Status, StatusEvent], Status]:
    event = StatusEvent
    table = {
        (Status.CREATE_IN_PROGRESS, event.CREATE_DONE): Status.CREATE_COMPLETE,
        (Status.CREATE_IN_PROGRESS, event.CREATE_FAILED): Status.CREATE_FAILED,
        (Status.CREATE_FAILED, event.CREATE_RETRIED): Status.CREATE_IN_PROGRESS,
        (Status.UPDATE_IN_PROGRESS, event.UPDATE_DONE): Status.UPDATE_COMPLETE,
        (Status.UPDATE_IN_PROGRESS, event.UPDATE_FAILED): Status.UPDATE_FAILED,
        (Status.DELETE_IN_PROGRESS, event.DELETE_DONE): Status.DELETE_COMPLETE,
        (Status.DELETE_IN_PROGRESS, event.DELETE_FAILED): Status.DELETE_FAILED,
    }
    table |= {(status, event.UPDATE_STARTED): Status.UPDATE_IN_PROGRESS for status in RESIZABLE}
    table |= {(status, event.DELETE_STARTED): Status.DELETE_IN_PROGRESS for status in Status}
    return table


TRANSITIONS = _table()


def after(status: AnyStatus, event: StatusEvent) -> Status:
    """Give the status that follows; raise IllegalTransitionError where the table has none."""
    if isinstance(status, UnknownStatus):
        if event is StatusEvent.DELETE_STARTED:
            return Status.DELETE_IN_PROGRESS
        raise IllegalTransitionError(f"{event} cannot happen in the unknown status {status}")
    try:
        return TRANSITIONS[status, event]
    except KeyError:
        raise IllegalTransitionError(f"{event} cannot happen in status {status}") from None


def read_status(text: str | None) -> AnyStatus | None:
    """Read a status from a row, tolerantly."""
    if text is None:
        return None
    try:
        return Status(text)
    except ValueError:
        return UnknownStatus(text)


class HealthStatus(StrEnum):
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"
    UNKNOWN = "UNKNOWN"
