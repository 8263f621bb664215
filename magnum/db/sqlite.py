"""How SQLite is opened and locked.

Within one process writers queue, first come first served, for one lock per database file: SQLite's own waiting is
polling without order, and lets one of many wait until it fails. The lock is process-wide on purpose, however many
`Database`s are open on the file. A file that does not exist yet is made readable by its owner alone; its -wal and
-shm follow it.
"""

import os
import sqlite3
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool, StaticPool

WRITER = "magnum_writer"
BUSY_SECONDS = 5.0
_WAL_ATTEMPTS = 50


class FairLock:
    """A lock that goes to the one who has waited longest. Not reentrant."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:  # an interrupt: our turn must not go to nobody
            self._leave_queue(turn)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._hand_over()

    def _leave_queue(self, turn: threading.Event) -> None:
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._hand_over()

    def _hand_over(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()  # stays held: it is the next one's
        else:
            self._held = False


_WRITER_LOCKS: dict[str, FairLock] = {}
_WRITER_LOCKS_GUARD = threading.Lock()
# A child has none of the threads that hold them.
os.register_at_fork(after_in_child=_WRITER_LOCKS.clear)


def writer_lock(url: URL) -> FairLock:
    path = os.path.realpath(url.database or "")
    with _WRITER_LOCKS_GUARD:
        return _WRITER_LOCKS.setdefault(path, FairLock())


def is_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:")


def memory_engine(url: URL, options: dict[str, Any]) -> Engine:
    engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False}, **options)
    _prepare(engine, None)
    return engine


def file_engine(url: URL, options: dict[str, Any]) -> Engine:
    arguments = {"check_same_thread": False, "timeout": BUSY_SECONDS}
    engine = create_engine(url, poolclass=QueuePool, connect_args=arguments, **options)
    _prepare(engine, Path(url.database or ""))
    return engine


def _prepare(engine: Engine, path: Path | None) -> None:
    """Set each connection up, and begin transactions ourselves: the module's own way cannot begin a write at once."""

    @event.listens_for(engine, "do_connect")
    def make_private(*_: Any) -> None:
        if path is not None and not path.exists():
            _make_private(path)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        if path is not None:
            _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITER, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise sqlite3.OperationalError(f"{path} cannot be made: {error.strerror}") from error


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; that asks for the whole file, and SQLite does not wait for it as it waits for other locks."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(BUSY_SECONDS / _WAL_ATTEMPTS)
            continue
        if mode != "wal":
            raise sqlite3.OperationalError(f"the file system does not allow SQLite's WAL mode (it stays in {mode})")
        return
