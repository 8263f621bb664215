"""Events of operations: how the owner of a cluster, or whoever looks after it, learns what has happened."""

from sqlalchemy import Connection

from magnum.db import events
from magnum.db.engine import Database
from magnum.model.events import Event, EventLevel
from magnum.model.operations import Operation


def record(tx: Connection, operation: Operation, kind: str, text: str, level: EventLevel = EventLevel.INFO) -> None:
    events.insert(
        tx,
        Event(
            cluster_uuid=operation.cluster_uuid,
            at=Database.now(tx),
            kind=kind,
            text=text,
            level=level,
            operation_uuid=operation.uuid,
            request_id=operation.request_id,
        ),
    )
