"""The canary: a known text, sealed with the newest key, by which a conductor sees at its start that it has the keys."""

from sqlalchemy import Connection, select

from . import rows
from .tables import encryption_canary as table

_ONLY = 1


def get(tx: Connection) -> str | None:
    sealed: str | None = tx.execute(select(table.c.sealed).where(table.c.id == _ONLY)).scalar()
    return sealed


def put(tx: Connection, sealed: str) -> None:
    values = rows.values(table, {"id": _ONLY, "sealed": sealed})
    rows.insert_if_absent(tx, table, values)
    tx.execute(table.update().where(table.c.id == _ONLY), values)
