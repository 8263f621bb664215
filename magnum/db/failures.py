"""What an error of the database driver means: a conflict to try again, a database that is away, text that does not fit.

Conflicts are told by the codes of each database, never by words. Anything not named here stays what it is: a bug.
"""

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from .errors import CannotHold, DatabaseUnreachable

_POSTGRESQL_CONFLICTS = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available
_MYSQL_CONFLICTS = {1205, 1213, 1020}  # lock wait timeout, deadlock, record has changed (MariaDB)
_SQLITE_CONFLICTS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_POSTGRESQL_DUPLICATE = "23505"
_MYSQL_DUPLICATE = 1062
_SQLITE_DUPLICATES = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_SQLITE_PRIMARY = 0xFF  # an extended code carries its primary one in the low byte


def is_conflict(error: SQLAlchemyError) -> bool:
    """Tell whether the transaction failed, certainly and as a whole, because of another one."""
    if not isinstance(error, DBAPIError):
        return False
    cause = error.orig
    if _sqlite_code(error) in _SQLITE_CONFLICTS:
        return True
    if getattr(cause, "sqlstate", None) in _POSTGRESQL_CONFLICTS:
        return True
    return next(iter(getattr(cause, "args", ())), None) in _MYSQL_CONFLICTS


def _sqlite_code(error: DBAPIError) -> int | None:
    """Give SQLite's own code; its driver calls everything operational, a mistake in a statement too."""
    if not isinstance(error.orig, sqlite3.Error):
        return None
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & _SQLITE_PRIMARY


def is_duplicate(error: IntegrityError) -> bool:
    """Tell whether a unique key is taken; other broken promises, such as a NULL that may not be, are bugs."""
    cause = error.orig
    return (
        getattr(cause, "sqlite_errorcode", None) in _SQLITE_DUPLICATES
        or getattr(cause, "sqlstate", None) == _POSTGRESQL_DUPLICATE
        or next(iter(getattr(cause, "args", ())), None) == _MYSQL_DUPLICATE
    )


def translate(error: SQLAlchemyError) -> Exception:
    """Give the error to raise instead, which may be the same."""
    if isinstance(error, PoolTimeoutError):
        return DatabaseUnreachable("All connections to the database are busy, and none came free in time.")
    if isinstance(error, DataError):
        return CannotHold("A value", "the database has no room or no code for it")
    if isinstance(error, OperationalError | InterfaceError) and _sqlite_code(error) != sqlite3.SQLITE_ERROR:
        return DatabaseUnreachable(f"The database does not answer: {error.orig}")
    return error
