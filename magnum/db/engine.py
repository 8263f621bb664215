"""Connections and transactions; the only module that knows one database from another in how they lock and fail.

Transactions are READ COMMITTED and short: a function is handed the connection, does its statements and returns, and is
run again on a deadlock or a serialization failure. So there is no I/O inside one, and none is begun inside another
(that would wait for itself; it is refused). Nothing connects before the first transaction: open a database after fork.

Reading on a server commits nothing: each statement sees what is committed when it begins, which is what READ COMMITTED
means. So readers have connections of their own, without the round trips of transactions.

SQLite: WAL, one writer at a time. All writers of this process queue for one lock per file, in order, then BEGIN
IMMEDIATE; other processes are waited for by SQLite's busy handler. A database in memory is one connection under a lock.
"""

import functools
import importlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from magnum.model.clocks import Clock, Instant

from . import failures, instants, sqlite

T = TypeVar("T")

ATTEMPTS = 6
_FIRST_PAUSE = 0.02
_CONNECT_SECONDS = 10
_POOL_SECONDS = 30
_RECYCLE_SECONDS = 1800
_STATEMENT_SECONDS = 30
_TRUSTED_SECONDS = 1.0  # how long after its last use a connection is believed to work


class Database:
    """Runs functions in transactions. Safe for threads; not across fork."""

    def __init__(
        self,
        engine: Engine,
        *,
        reader: Engine,
        reading: AbstractContextManager[Any],
        writing: AbstractContextManager[Any],
        back_off: Callable[[int], None],
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._back_off = back_off
        self._writer = engine.execution_options(**{sqlite.WRITER: True})
        self._reading = reading
        self._writing = writing
        self._inside = threading.local()

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    def read(self, f: Callable[[Connection], T]) -> T:
        """Run f, which only reads."""
        return self._run(self._reader.connect, self._reading, f)

    def write(self, f: Callable[[Connection], T]) -> T:
        """Run f and commit. It may run more than once, and what it returns holds only once this has returned."""
        return self._run(self._writer.begin, self._writing, f)

    @staticmethod
    def now(tx: Connection) -> Instant:
        return instants.now(tx)

    def dispose(self) -> None:
        self._engine.dispose()
        self._reader.dispose()

    def _run(
        self,
        begin: Callable[[], AbstractContextManager[Connection]],
        lock: AbstractContextManager[Any],
        f: Callable[[Connection], T],
    ) -> T:
        attempt = 1
        while True:
            try:
                with self._alone(), lock, begin() as tx:
                    return f(tx)
            except SQLAlchemyError as error:
                if attempt == ATTEMPTS or not failures.is_conflict(error):
                    raise failures.translate(error) from error
            self._back_off(attempt)  # no lock is held meanwhile
            attempt += 1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if getattr(self._inside, "busy", False):
            raise RuntimeError("A transaction was begun inside another one; hand the first one's connection down.")
        self._inside.busy = True
        try:
            yield
        finally:
            self._inside.busy = False


def sleep_with_jitter(attempt: int) -> None:
    """Pause before the next attempt; by chance, so that two that met do not meet again."""
    time.sleep(_FIRST_PAUSE * 2**attempt * random.random())  # noqa: S311  no secret in a pause


def open_database(
    url: str,
    *,
    clock: Clock,
    pool_size: int = 10,
    server_time: bool = True,
    statement_seconds: int = _STATEMENT_SECONDS,
    back_off: Callable[[int], None] = sleep_with_jitter,
) -> Database:
    """Describe a database; the first transaction connects.

    `server_time` false takes instants from `clock` instead of the database server (SQLite always does). No statement
    may take longer than `statement_seconds`. `back_off` pauses before a transaction is run again.
    """
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    carried = {instants.CLOCK: clock, instants.SERVER_TIME: server_time and not is_sqlite}
    options: dict[str, Any] = {"execution_options": carried, "hide_parameters": True}  # values may be secret
    pool = {"pool_size": pool_size, "max_overflow": 0, "pool_timeout": _POOL_SECONDS}
    reading: AbstractContextManager[Any] = nullcontext()
    writing: AbstractContextManager[Any] = nullcontext()
    if not is_sqlite:
        engine = _server_engine(parsed, options | pool, statement_seconds, clock)
        reader = _server_engine(parsed, options | pool | _READING, statement_seconds, clock)
        return Database(engine, reader=reader, reading=reading, writing=writing, back_off=back_off)
    if sqlite.is_memory(parsed):
        engine = sqlite.memory_engine(parsed, options)
        reading = writing = sqlite.FairLock()
    else:
        engine = sqlite.file_engine(parsed, options | pool)
        writing = sqlite.writer_lock(parsed)
    return Database(engine, reader=engine, reading=reading, writing=writing, back_off=back_off)


_READING: dict[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
}


def _server_engine(url: URL, options: dict[str, Any], statement_seconds: int, clock: Clock) -> Engine:
    usual = {"isolation_level": "READ COMMITTED", "pool_recycle": _RECYCLE_SECONDS}
    engine = create_engine(
        _with_charset(url), connect_args=_timeouts(url.get_backend_name(), statement_seconds), **usual | options
    )
    if url.get_backend_name() == "mysql":
        event.listen(engine, "connect", _set_up_mysql)
    if url.get_driver_name() == "pymysql":
        # Only where it is used: no other database needs PyMySQL to be installed.
        quick = importlib.import_module(".quick_pymysql", __package__)
        known: dict[bytes, Any] = {}
        connect = functools.partial(quick.QuickConnection, known)
        event.listen(engine, "do_connect", lambda _dialect, _record, _none, options: connect(**options))
    _ping_after_a_rest(engine, clock)
    return engine


def _ping_after_a_rest(engine: Engine, clock: Clock) -> None:
    """Look whether a connection still works, unless it has just been used: that would double what a read costs."""

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["used"] = clock.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: Any, _proxy: object) -> None:
        if clock.monotonic() - record.info.get("used", 0.0) < _TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def _with_charset(url: URL) -> URL:
    if url.get_backend_name() == "mysql" and "charset" not in url.query:
        return url.update_query_dict({"charset": "utf8mb4"})
    return url


def _timeouts(backend: str, statement_seconds: int) -> dict[str, Any]:
    """No call to the database may hang: not to connect, not for a lock, not for an answer."""
    if backend == "mysql":
        return {
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": statement_seconds,
            "write_timeout": statement_seconds,
        }
    return {
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": statement_seconds * 1000,
        "options": f"-c statement_timeout={statement_seconds}s -c lock_timeout={_CONNECT_SECONDS}s "
        f"-c idle_in_transaction_session_timeout={statement_seconds}s -c timezone=UTC",
    }


def _set_up_mysql(connection: Any, _record: object) -> None:
    """Refuse what does not fit instead of cutting it, and give up on a lock before we are given up on."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = 'TRADITIONAL', time_zone = '+00:00'")
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {_CONNECT_SECONDS}")
