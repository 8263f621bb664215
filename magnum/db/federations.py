"""Federations: the adopted table `federation`. They belong to projects; whoever has none sees none."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, false, select
from sqlalchemy import delete as sql_delete

from magnum.model.federations import Federation
from magnum.model.paging import Page
from magnum.model.requesters import Scope

from . import rows
from .errors import Ambiguous, NotFound
from .idents import in_scope, matches
from .instants import stamp
from .pages import select_page
from .tables import federation as table

RESOURCE = "Federation"
SORT_KEYS = rows.sort_keys(Federation, table)
_READ = select(*rows.columns_of(Federation, table))


def insert(tx: Connection, new: Federation) -> None:
    rows.insert(tx, table, rows.values(table, new) | {"created_at": stamp(tx)}, resource=RESOURCE, ident=new.uuid)


def get(tx: Connection, ident: str, scope: Scope, *, lock: bool = False) -> Federation:
    """Give it, kept as it is until the transaction ends if asked for."""
    query = _READ.where(matches(tx, table, ident), _visible(tx, scope)).limit(2)
    found = tx.execute(query.with_for_update() if lock else query).mappings().all()
    if not found:
        raise NotFound(RESOURCE, ident)
    if len(found) > 1:
        raise Ambiguous(RESOURCE, ident)
    return rows.build(Federation, found[0])


def list_page(tx: Connection, scope: Scope, page: Page) -> list[Federation]:
    query = select_page(tx, _READ, table, page, sort_keys=SORT_KEYS, visible=_visible(tx, scope), resource=RESOURCE)
    return [rows.build(Federation, row) for row in tx.execute(query).mappings()]


def update(tx: Connection, uuid: str, **columns: object) -> None:
    """Set columns, and `updated_at`."""
    changes = {"updated_at": stamp(tx)} | rows.values(table, columns)
    if tx.execute(table.update().where(table.c.uuid == uuid), changes).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def delete(tx: Connection, uuid: str) -> None:
    if tx.execute(sql_delete(table).where(table.c.uuid == uuid)).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def _visible(tx: Connection, scope: Scope) -> ColumnElement[Any]:
    return false() if scope.project_id is None else in_scope(tx, table, scope)
