"""Which rows are meant: whose they are, and how a user names one.

A name is a UUID if it reads as one, in any form, else it is the exact name. Names compare by their bytes everywhere.
"""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, bindparam, cast, false, true

from magnum.model.requesters import Scope

from .texts import is_text


def normal_uuid(ident: str) -> str | None:
    try:
        return str(uuid.UUID(ident))
    except ValueError:
        return None


def matches(tx: Connection, table: Table, ident: str) -> ColumnElement[bool]:
    found = normal_uuid(ident)
    return exact(tx, table.c.name, ident) if found is None else table.c.uuid == found


def exact(tx: Connection, column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Compare by bytes. On MySQL the adopted tables compare without case, and without spaces at the end."""
    if not is_text(value):
        return false()
    if tx.dialect.name == "mysql":
        return cast(column, LargeBinary) == value.encode()
    return column == value


def in_scope(tx: Connection, table: Table, scope: Scope) -> ColumnElement[bool]:
    """Give the condition that a row is the scope's. A scope that names nobody sees nothing."""
    if scope.everything:
        return true()
    if scope.project_id is not None:
        return exact(tx, table.c.project_id, scope.project_id)
    if scope.user_id is not None:
        return exact(tx, table.c.user_id, scope.user_id)
    return false()


def is_owned(dialect: str, table: Table, column: str | None) -> ColumnElement[bool]:
    """Give the same condition for a statement that is built once: `owner` names the column, and fills it in later."""
    if column is None:
        return true()
    if dialect == "mysql":
        return cast(table.c[column], LargeBinary) == bindparam("owner", type_=LargeBinary)
    return table.c[column] == bindparam("owner")


def owner(tx: Connection, scope: Scope) -> tuple[str | None, dict[str, Any]]:
    """Give the column that decides what the scope sees, and what to execute the statement with."""
    if scope.everything:
        return None, {}
    column, value = ("user_id", scope.user_id) if scope.project_id is None else ("project_id", scope.project_id)
    if value is None or not is_text(value):
        return column, {"owner": None}  # NULL, which nothing equals
    return column, {"owner": value.encode() if tx.dialect.name == "mysql" else value}
