"""Quotas of projects: the adopted table `quotas`. Without a row the default of the configuration holds."""

from sqlalchemy import Connection, select

from .idents import exact
from .tables import quotas as table


def limit(tx: Connection, project_id: str, resource: str) -> int | None:
    query = select(table.c.hard_limit).where(exact(tx, table.c.project_id, project_id), table.c.resource == resource)
    found = tx.execute(query).scalar()
    return None if found is None else int(found)
