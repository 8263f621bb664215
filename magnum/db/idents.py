"""How a user names a resource: by UUID if it reads as one, in any form, else by its exact name."""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table

from .rows import exact


def normal_uuid(ident: str) -> str | None:
    try:
        return str(uuid.UUID(ident))
    except ValueError:
        return None


def matches(tx: Connection, table: Table, ident: str) -> ColumnElement[Any]:
    found = normal_uuid(ident)
    return exact(tx, table.c.name, ident) if found is None else table.c.uuid == found
