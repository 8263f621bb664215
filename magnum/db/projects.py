"""The lock of a project: held while its clusters are counted against the quota and one is added."""

from sqlalchemy import Connection, select

from . import rows
from .tables import project_lock as table


def lock(tx: Connection, project_id: str) -> None:
    """Wait for the project's lock; it goes with the transaction."""
    rows.insert_if_absent(tx, table, rows.values(table, {"project_id": project_id}))
    tx.execute(select(table.c.project_id).where(table.c.project_id == project_id).with_for_update()).one()
