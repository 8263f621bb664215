"""Pages of a collection: sorted by any column, then by `id`, starting after a marker.

NULL sorts before every value on every database. What a page is sorted by is what the next one starts after, so items
that come or go in between neither hide another nor show it twice.
"""

from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, Text, and_, bindparam, case, or_, select
from sqlalchemy import type_coerce as as_type
from sqlalchemy.sql.selectable import FromClause

from magnum.model.paging import Page

from .columns import JsonText
from .errors import NotFound, UnknownSortKey


def ordering(source: FromClause, page: Page) -> list[ColumnElement[Any]]:
    """Give the ORDER BY; `source` is the table or a subquery of it."""
    keys: list[ColumnElement[Any]] = [source.c.id]
    if page.sort_key != "id":
        column = _comparable(source.c[page.sort_key])
        keys = [case((column.is_(None), 0), else_=1), column, *keys]
    return [key.desc() for key in keys] if page.descending else keys


def select_page(
    tx: Connection | None,
    query: Select[Any],
    table: Table,
    page: Page,
    *,
    sort_keys: frozenset[str],
    visible: ColumnElement[bool],
    resource: str,
    key: str = "uuid",
) -> Select[Any]:
    """Cut a query over `table` down to the page. A marker that is not visible is NotFound; one more query finds it.

    `key` is the column that markers name. Without a marker nothing is asked, and no connection is needed.
    """
    if page.sort_key not in sort_keys:
        raise UnknownSortKey(page.sort_key)
    if page.marker is not None:
        assert tx is not None
        column = table.c[page.sort_key]
        found = tx.execute(
            select(table.c.id, _comparable(column)).where(table.c[key] == page.marker, visible)
        ).one_or_none()
        if found is None:
            raise NotFound(resource, str(page.marker))
        query = query.where(_after(table, page, found[0], found[1]))
    return query.where(visible).order_by(*ordering(table, page)).limit(page.limit)


def _after(table: Table, page: Page, marker_id: int, marker_value: Any) -> ColumnElement[bool]:
    later_id = table.c.id < marker_id if page.descending else table.c.id > marker_id
    if page.sort_key == "id":
        return later_id
    column = _comparable(table.c[page.sort_key])
    if marker_value is None:
        same = and_(column.is_(None), later_id)
        return same if page.descending else or_(same, column.is_not(None))
    value = bindparam(None, marker_value, type_=column.type)
    same = and_(column == value, later_id)
    if page.descending:
        return or_(column < value, column.is_(None), same)
    return or_(column > value, same)


def _comparable(column: Column[Any] | ColumnElement[Any]) -> ColumnElement[Any]:
    """Compare JSON as the text that is stored, which writing it anew need not give."""
    return as_type(column, Text) if isinstance(column.type, JsonText) else column
