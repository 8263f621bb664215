"""Which rows are meant: whose they are, and how a user names one.

A name is a UUID if it reads as one, in any form, else it is the exact name. Names compare by their bytes everywhere.
"""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, cast, false, true

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
