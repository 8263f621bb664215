"""Quotas of projects: the adopted table `quotas`. Without a row the default of the configuration holds."""

from sqlalchemy import ColumnElement, Connection, and_, select, true
from sqlalchemy import delete as sql_delete

from magnum.model.paging import Page
from magnum.model.quotas import Quota

from . import rows
from .errors import NotFound
from .idents import exact
from .instants import stamp
from .pages import select_page
from .tables import quotas as table

RESOURCE = "Quota"
SORT_KEYS = rows.sort_keys(Quota, table)
_READ = select(*rows.columns_of(Quota, table))


def insert(tx: Connection, new: Quota) -> Quota:
    ident = f"{new.resource} of project {new.project_id}"
    rows.insert(tx, table, rows.values(table, new) | {"created_at": stamp(tx)}, resource=RESOURCE, ident=ident)
    return get(tx, new.project_id, new.resource)


def find(tx: Connection, project_id: str, resource: str) -> Quota | None:
    row = tx.execute(_READ.where(_is(tx, project_id, resource))).mappings().one_or_none()
    return None if row is None else rows.build(Quota, row)


def get(tx: Connection, project_id: str, resource: str) -> Quota:
    found = find(tx, project_id, resource)
    if found is None:
        raise NotFound(RESOURCE, f"{resource} of project {project_id}")
    return found


def list_page(tx: Connection, page: Page, *, project_id: str | None) -> list[Quota]:
    """Give a page of one project's quotas, or of all with None. The marker is an `id`."""
    visible = true() if project_id is None else exact(tx, table.c.project_id, project_id)
    query = select_page(tx, _READ, table, page, sort_keys=SORT_KEYS, visible=visible, resource=RESOURCE, key="id")
    return [rows.build(Quota, row) for row in tx.execute(query).mappings()]


def update(tx: Connection, project_id: str, resource: str, hard_limit: int) -> Quota:
    changes = {"updated_at": stamp(tx), "hard_limit": hard_limit}
    if tx.execute(table.update().where(_is(tx, project_id, resource)), changes).rowcount == 0:
        raise NotFound(RESOURCE, f"{resource} of project {project_id}")
    return get(tx, project_id, resource)


def delete(tx: Connection, project_id: str, resource: str) -> None:
    if tx.execute(sql_delete(table).where(_is(tx, project_id, resource))).rowcount == 0:
        raise NotFound(RESOURCE, f"{resource} of project {project_id}")


def _is(tx: Connection, project_id: str, resource: str) -> ColumnElement[bool]:
    return and_(exact(tx, table.c.project_id, project_id), exact(tx, table.c.resource, resource))
