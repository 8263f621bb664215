"""Cluster templates: the adopted table `cluster_template`.

Seen are one's own and the public ones; public ones that are hidden are seen by their owners and by a scope of
everything. `public` and `hidden` are NULL in old rows, which reads as no.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select
from sqlalchemy import delete as sql_delete

from magnum.model.clustertemplates import ClusterTemplate, read_coe
from magnum.model.paging import Page
from magnum.model.requesters import Scope

from . import rows
from .errors import Ambiguous, NotFound
from .idents import in_scope, matches
from .instants import stamp
from .pages import select_page
from .tables import cluster_template as table

RESOURCE = "ClusterTemplate"
SORT_KEYS = rows.sort_keys(ClusterTemplate, table)
_READ = select(*rows.columns_of(ClusterTemplate, table))


def insert(tx: Connection, new: ClusterTemplate) -> None:
    created = new.created_at or stamp(tx)
    rows.insert(tx, table, rows.values(table, new) | {"created_at": created}, resource=RESOURCE, ident=new.uuid)


def read(tx: Connection, uuid: str) -> ClusterTemplate:
    """Give the template, whoever may see it."""
    found = _fetch(tx, table.c.uuid == uuid)
    if not found:
        raise NotFound(RESOURCE, uuid)
    return found[0]


def lock(tx: Connection, uuid: str, *, shared: bool = False) -> ClusterTemplate:
    """Give the template and keep it so until the transaction ends; those who only need it to stay share the lock."""
    row = tx.execute(_READ.where(table.c.uuid == uuid).with_for_update(read=shared)).mappings().one_or_none()
    if row is None:
        raise NotFound(RESOURCE, uuid)
    return _build(row)


def get(tx: Connection, ident: str, scope: Scope) -> ClusterTemplate:
    found = _fetch(tx, and_(matches(tx, table, ident), _visible(tx, scope)))
    if not found:
        raise NotFound(RESOURCE, ident)
    if len(found) > 1:
        raise Ambiguous(RESOURCE, ident)
    return found[0]


def list_page(tx: Connection, scope: Scope, page: Page) -> list[ClusterTemplate]:
    query = select_page(tx, _READ, table, page, sort_keys=SORT_KEYS, visible=_visible(tx, scope), resource=RESOURCE)
    return [_build(row) for row in tx.execute(query).mappings()]


def update(tx: Connection, uuid: str, **columns: object) -> None:
    """Set columns, and `updated_at`."""
    changes = {"updated_at": stamp(tx)} | rows.values(table, columns)
    if tx.execute(table.update().where(table.c.uuid == uuid), changes).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def delete(tx: Connection, uuid: str) -> None:
    if tx.execute(sql_delete(table).where(table.c.uuid == uuid)).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def _visible(tx: Connection, scope: Scope) -> ColumnElement[bool]:
    shown = and_(func.coalesce(table.c.public, false()), ~func.coalesce(table.c.hidden, false()))
    return or_(in_scope(tx, table, scope), shown)


def _fetch(tx: Connection, condition: ColumnElement[bool]) -> list[ClusterTemplate]:
    return [_build(row) for row in tx.execute(_READ.where(condition).limit(2)).mappings()]


def _build(row: Mapping[Any, Any]) -> ClusterTemplate:
    return rows.build(ClusterTemplate, row, coe=read_coe(str(row["coe"] or "")))
