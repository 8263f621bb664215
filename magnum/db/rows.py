"""Between structs and rows, the same way for every table: a field and its column have the same name.

Reading: NULL reads as the field's own default, where it has one that is not None. Writing: text is checked against its
column before any database sees it, so that every database refuses the same.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, Connection, Result, String, Table, TypeDecorator
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import IntegrityError

from .errors import AlreadyExists
from .failures import is_duplicate
from .texts import CLIPPED_BYTES, clip, refuse_unfit

S = TypeVar("S", bound=msgspec.Struct)
_ANY_DIALECT = DefaultDialect()


def columns_of(cls: type[msgspec.Struct], table: Table) -> tuple[Column[Any], ...]:
    """Give the columns that a struct is built from; what it has no field for is never read."""
    fields = set(cls.__struct_fields__)
    return tuple(column for column in table.c if column.name in fields)


def build(cls: type[S], mapping: Mapping[Any, Any], **given: Any) -> S:
    """Build a struct from a row's mapping; `given` are fields that need more than their column."""
    required = _required_fields(cls)
    values = {name: mapping[name] for name in cls.__struct_fields__ if name in mapping}
    return cls(**{name: value for name, value in values.items() if value is not None or name in required} | given)


def mappings(result: Result[Any]) -> list[dict[str, Any]]:
    """Give rows as dictionaries, which are built from faster than SQLAlchemy's mappings."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


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
        stored = kind.process_bind_param(value, _ANY_DIALECT)
        kind = kind.impl_instance
    else:
        stored = value = str(value) if isinstance(value, str) else value
    if not isinstance(stored, str) or not isinstance(kind, String):
        return value
    if column.info.get("clip"):
        return clip(stored, kind.length or CLIPPED_BYTES)
    refuse_unfit(column.name, stored, kind.length)
    return value


def insert(tx: Connection, table: Table, given: dict[str, Any], *, resource: str, ident: str) -> None:
    """Insert one row; AlreadyExists when a key of it is taken."""
    try:
        tx.execute(table.insert(), given)
    except IntegrityError as error:
        if is_duplicate(error):
            raise AlreadyExists(resource, ident) from error
        raise


def insert_if_absent(tx: Connection, table: Table, given: dict[str, Any]) -> None:
    """Insert one row unless its key is there; on return it is there and may be locked. Never fails the transaction."""
    # Only the database's own, which is loaded anyway: all of them take as long as everything else of SQLAlchemy.
    dialect = importlib.import_module(f"sqlalchemy.dialects.{tx.dialect.name}")
    statement = dialect.insert(table).values(given)
    if tx.dialect.name == "mysql":
        key = next(iter(table.primary_key.columns))
        tx.execute(statement.on_duplicate_key_update({key.name: key}))
    else:
        tx.execute(statement.on_conflict_do_nothing())


def sort_keys(cls: type[msgspec.Struct], table: Table) -> frozenset[str]:
    """Name the columns that a collection may be sorted by: those that its struct shows."""
    return frozenset(column.name for column in columns_of(cls, table))
