"""Bring a database to the schema of this code, and say how far one is. `magnum-db-manage` is made of these functions.

Revisions are numbered and named for what they do to a service that runs meanwhile: an *expand* revision only adds, so
the release before works on; a *contract* revision takes away what no release in use needs any more, and so waits until
all processes are new. There is no way back but a backup. Our place is kept in `magnum_alembic_version`; that of the
existing service is read (see `migrations.adoption`).

On SQLite and PostgreSQL an upgrade is one transaction; elsewhere a revision that was interrupted is run again.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, make_url, text

from magnum.model.clocks import SystemClock

from . import sqlite
from .engine import Database, open_database
from .errors import DatabaseUnreachable, DbError
from .migrations.adoption import VERSION_TABLE, refuse_strange
from .tables import METADATA

T = TypeVar("T")
SCRIPTS = Path(__file__).parent / "migrations"
EXPAND = "expand"
CONTRACT = "contract"
_HOUR = 3600
_PATIENCE = 600
_LOCK_NUMBER = 0x6D61676E756D  # any number, the same for all of us


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    kind: str
    message: str
    applied: bool


def upgrade(url: str, revision: str = "head") -> None:
    """Run what is missing up to `revision`. Refuses a database that is not ours to add to, and leaves it as it was."""

    def run(tx: Connection) -> None:
        _wait_for_others(tx)
        refuse_strange(tx)
        command.upgrade(_config(tx), revision)

    with _open(url) as database:
        database.write(run)


def stamp(url: str, revision: str) -> None:
    """Say that the database is at `revision`, without changing anything else."""

    def run(tx: Connection) -> None:
        refuse_strange(tx)
        command.stamp(_config(tx), revision)

    with _open(url) as database:
        database.write(run)


def version(url: str) -> str | None:
    """Give the number of the revision that the database is at; None where none of ours has run."""
    return _read(url, _version, missing=None)


def history(url: str) -> list[Revision]:
    """Give all revisions, oldest first, and whether the database has them."""
    script = ScriptDirectory.from_config(_config())
    current = version(url)
    applied = {found.revision for found in script.iterate_revisions(current, "base")} if current else set()
    return [
        Revision(number=found.revision, kind=_kind(found.path), message=found.doc, applied=found.revision in applied)
        for found in reversed(list(script.walk_revisions()))
    ]


def check(url: str) -> list[str]:
    """Say what keeps this code from working on the database, one sentence each; empty when all is well."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    current = version(url)
    if current != head:
        at = f"at revision {current}" if current else "not set up yet"
        return [f"The database is {at} and must be at {head}: run `magnum-db-manage upgrade`."]
    return _read(url, _missing, missing=[])


def revision(message: str, *, contract: bool = False, autogenerate: bool = False) -> Path:
    """Write the next revision's file, for whoever develops this; filled with the difference to `tables`, if wished."""
    number = f"{len(list(ScriptDirectory.from_config(_config()).walk_revisions())) + 1:04d}"
    named = f"{CONTRACT if contract else EXPAND}: {message}"
    database = open_database("sqlite://", clock=SystemClock())

    def run(tx: Connection) -> Any:
        config = _config(tx)
        command.upgrade(config, "head")
        return command.revision(config, message=named, rev_id=number, autogenerate=autogenerate)

    return Path(database.write(run).path)


def create_all(database: Database) -> None:
    """Make every table in an empty database, without a trace of migrations: for databases in memory and for tests."""
    database.write(METADATA.create_all)


def _config(tx: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = tx
    return config


@contextlib.contextmanager
def _open(url: str) -> Iterator[Database]:
    database = open_database(url, clock=SystemClock(), pool_size=1, statement_seconds=_HOUR)
    try:
        yield database
    except CommandError as error:  # a revision that there is not
        raise DbError(f"{error}.") from error
    finally:
        database.dispose()


def _read(url: str, f: Callable[[Connection], T], *, missing: T) -> T:
    """Look at a database, without making the file of one that is not there."""
    parsed = make_url(url)
    if (
        parsed.get_backend_name() == "sqlite"
        and not sqlite.is_memory(parsed)
        and not Path(str(parsed.database)).exists()
    ):
        return missing
    with _open(url) as database:
        return database.read(f)


def _version(tx: Connection) -> str | None:
    return MigrationContext.configure(tx, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _missing(tx: Connection) -> list[str]:
    """Compare with `tables`; what the database has beyond them is not ours to judge."""
    options = {"version_table": VERSION_TABLE, "compare_type": True}
    differences = compare_metadata(MigrationContext.configure(tx, opts=options), METADATA)
    added = [change for change in differences if isinstance(change, tuple) and change[0].startswith("add_")]
    no_table = {change[1].name for change in added if change[0] == "add_table"}
    return [
        _sentence(change) for change in added if not (change[0] == "add_index" and change[1].table.name in no_table)
    ]


def _sentence(change: tuple[Any, ...]) -> str:
    kind = change[0].removeprefix("add_")
    if kind == "column":
        return f"Column {change[3].name} of table {change[2]} is missing."
    if kind == "table":
        return f"Table {change[1].name} is missing."
    return f"The {kind} {change[1].name} of table {change[1].table.name} is missing."


def _kind(path: str) -> str:
    return CONTRACT if f"_{CONTRACT}_" in Path(path).name else EXPAND


def _wait_for_others(tx: Connection) -> None:
    """Let one process migrate at a time. On SQLite the write transaction does that."""
    if tx.dialect.name == "postgresql":
        tx.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
    elif tx.dialect.name == "mysql":
        taken = tx.execute(text(f"SELECT GET_LOCK('{VERSION_TABLE}', {_PATIENCE})")).scalar()
        if taken != 1:
            raise DatabaseUnreachable(f"Another process has been migrating the database for {_PATIENCE} s.")
