"""Between structs and rows, the same way for every table: a field and its column have the same name.

Reading: NULL reads as the field's own default, where it has one that is not None. Writing: text is checked against its
column before any database sees it, so that every database refuses the same.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, String, Table, TypeDecorator, cast, false, true
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from magnum.model.requesters import Scope

from .errors import AlreadyExists, CannotHold

S = TypeVar("S", bound=msgspec.Struct)

TEXT_BYTES = 65_535  # what TEXT holds on MySQL
_CLIPPED_BYTES = 16_000
_UNFIT = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")  # halves of characters, and those of four bytes


def columns_of(cls: type[msgspec.Struct], table: Table) -> tuple[Column[Any], ...]:
    """Give the columns that a struct is built from; what it has no field for is never read."""
    fields = set(cls.__struct_fields__)
    return tuple(column for column in table.c if column.name in fields)


def build(cls: type[S], mapping: Mapping[Any, Any], **given: Any) -> S:
    """Build a struct from a row's mapping; `given` are fields that need more than their column."""
    required = _required_fields(cls)
    values = {name: mapping[name] for name in cls.__struct_fields__ if name in mapping}
    return cls(**{name: value for name, value in values.items() if value is not None or name in required} | given)


@cache
def _required_fields(cls: type[msgspec.Struct]) -> frozenset[str]:
    """Name the fields that have no default. To ask a struct for them takes longer than to read its row."""
    return frozenset(field.name for field in msgspec.structs.fields(cls) if field.required)


def values(table: Table, given: msgspec.Struct | Mapping[str, Any]) -> dict[str, Any]:
    """Give what to write: every field that has a column, checked."""
    if isinstance(given, msgspec.Struct):
        pairs = msgspec.structs.asdict(given)
        pairs = {name: value for name, value in pairs.items() if name in table.c and name != "id"}
    else:
        pairs = dict(given)
    return {name: _checked(_column(table, name), value) for name, value in pairs.items()}


def _column(table: Table, name: str) -> Column[Any]:
    try:
        return table.c[name]
    except KeyError:
        raise TypeError(f"{table.name} has no column {name}") from None


def _checked(column: Column[Any], value: Any) -> Any:
    kind = column.type
    if isinstance(kind, TypeDecorator):
        stored = kind.process_bind_param(value, sqlite.dialect())
        kind = kind.impl_instance
    else:
        stored = value = str(value) if isinstance(value, str) else value
    if not isinstance(stored, str) or not isinstance(kind, String):
        return value
    if column.info.get("clip"):
        return clip(stored)
    _refuse_unfit(column.name, stored, kind.length)
    return value


def clip(text: str, size: int = _CLIPPED_BYTES) -> str:
    """Cut text for people to what every database holds: so many bytes, no NUL, no character of four bytes."""
    clean = _UNFIT.sub("\ufffd", text.replace("\0", "")).encode()
    return clean.decode() if len(clean) <= size else clean[: size - 3].decode(errors="ignore") + "…"


def _refuse_unfit(name: str, text: str, length: int | None) -> None:
    if not _is_text(text):
        raise CannotHold(name, "it has a NUL character or half a character")
    if length is not None and len(text) > length:
        raise CannotHold(name, f"it is longer than {length} characters")
    if len(text.encode()) > TEXT_BYTES:
        raise CannotHold(name, f"it is longer than {TEXT_BYTES} bytes")


def _is_text(text: str) -> bool:
    """Tell whether every database can hold it, were there room."""
    return "\0" not in text and text == text.encode(errors="replace").decode()


def insert(tx: Connection, table: Table, given: dict[str, Any], *, resource: str, ident: str) -> int | None:
    """Insert one row; give its id where the database makes one."""
    try:
        result = tx.execute(table.insert(), given)
    except IntegrityError as error:
        raise AlreadyExists(resource, ident) from error
    key = result.inserted_primary_key
    return key[0] if key is not None and isinstance(key[0], int) else None


def insert_if_absent(tx: Connection, table: Table, given: dict[str, Any]) -> None:
    """Insert one row unless its key is there; on return it is there and may be locked. Never fails the transaction."""
    if tx.dialect.name == "mysql":
        key = next(iter(table.primary_key.columns))
        statement = mysql.insert(table).values(given)
        tx.execute(statement.on_duplicate_key_update({key.name: key}))
    elif tx.dialect.name == "postgresql":
        tx.execute(postgresql.insert(table).values(given).on_conflict_do_nothing())
    else:
        tx.execute(sqlite.insert(table).values(given).on_conflict_do_nothing())


def exact(tx: Connection, column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Compare by bytes. On MySQL the adopted tables compare without case, and without spaces at the end."""
    if not _is_text(value):
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


def sort_keys(cls: type[msgspec.Struct], table: Table) -> frozenset[str]:
    """Name the columns that a collection may be sorted by: those that its struct shows."""
    return frozenset(column.name for column in columns_of(cls, table))


def names(columns: Iterable[Column[Any]]) -> list[str]:
    return [column.name for column in columns]
