"""How operations and the locks of clusters stand in their tables. What may be done to them, `operations` decides."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, RowMapping, and_, bindparam, func, select

from magnum.model.operations import OPEN, Arguments, ClusterState, Operation, OperationState

from . import rows
from .instants import now
from .tables import cluster_state
from .tables import operation as table

RESOURCE = "Operation"

_KINDS = sorted(str(kind.__struct_config__.tag) for kind in get_args(Arguments))
_OPEN = sorted(state.value for state in OPEN)
READ = select(*rows.columns_of(Operation, table), table.c.kind, table.c.position)
_READ_OPEN = READ.where(table.c.cluster_uuid == bindparam("cluster"), table.c.state.in_(_OPEN)).order_by(
    table.c.position
)
_LOCK = select(cluster_state).where(cluster_state.c.cluster_uuid == bindparam("cluster")).with_for_update()
CURRENT = cluster_state.join(
    table,
    # The second half says nothing new; it is what the primary key is found by.
    and_(table.c.uuid == cluster_state.c.operation_uuid, table.c.cluster_uuid == cluster_state.c.cluster_uuid),
)
# What a newer release has enqueued waits for a conductor that knows it.
RUNNABLE = and_(table.c.state == OperationState.ACTIVE.value, table.c.kind.in_(_KINDS))


def lock_state(tx: Connection, cluster_uuid: str) -> ClusterState | None:
    row = tx.execute(_LOCK, {"cluster": cluster_uuid}).mappings().one_or_none()
    return None if row is None else rows.build(ClusterState, row)


def open_operations(tx: Connection, cluster_uuid: str) -> Sequence[RowMapping]:
    """Give the open operations in the order of the queue; as rows, since a newer release may have made some."""
    return tx.execute(_READ_OPEN, {"cluster": cluster_uuid}).mappings().all()


def last_position(tx: Connection, cluster_uuid: str) -> int:
    last = select(func.max(table.c.position)).where(table.c.cluster_uuid == cluster_uuid)
    return tx.execute(last).scalar() or 0


def insert(tx: Connection, operation: Operation, state: OperationState, *, position: int) -> None:
    stored = {
        "arguments": msgspec.json.encode(operation.arguments).decode(),
        "kind": operation.kind,
        "state": state,
        "position": position,
    }
    values = rows.values(table, msgspec.structs.asdict(operation) | stored)
    rows.insert(tx, table, values, resource=RESOURCE, ident=operation.uuid)


def close(tx: Connection, uuid: str, state: OperationState, **more: object) -> None:
    set_operation(tx, uuid, state=state, finished_at=now(tx), **more)


def set_operation(tx: Connection, uuid: str, **columns: object) -> None:
    tx.execute(table.update().where(table.c.uuid == uuid), rows.values(table, columns))


def set_state(tx: Connection, cluster_uuid: str, **columns: Any) -> None:
    tx.execute(cluster_state.update().where(cluster_state.c.cluster_uuid == cluster_uuid).values(**columns))


def build(row: Mapping[Any, Any]) -> Operation:
    arguments: Arguments = msgspec.json.decode(row["arguments"], type=Arguments)
    return rows.build(Operation, row, arguments=arguments, state=OperationState(row["state"]))
