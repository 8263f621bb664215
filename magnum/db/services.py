"""Heartbeats of conductors: the adopted table `magnum_service`. Rows are never removed."""

from sqlalchemy import Connection, select

from magnum.model.services import Service

from . import rows
from .instants import stamp
from .tables import magnum_service as table

_READ = select(*rows.columns_of(Service, table)).order_by(table.c.id)


def heartbeat(tx: Connection, host: str, binary: str) -> None:
    """Count one more report of a process; the first makes its row."""
    at = stamp(tx)
    first = {"host": host, "binary": binary, "report_count": 0, "disabled": False, "forced_down": False}
    mine = (table.c.host == host, table.c.binary == binary)
    if tx.execute(select(table.c.id).where(*mine)).first() is None:
        rows.insert_if_absent(tx, table, rows.values(table, first | {"created_at": at}))
    tx.execute(
        table.update().where(*mine).values(report_count=table.c.report_count + 1, last_seen_up=at, updated_at=at)
    )


def list_all(tx: Connection) -> list[Service]:
    return [rows.build(Service, row) for row in tx.execute(_READ).mappings()]
