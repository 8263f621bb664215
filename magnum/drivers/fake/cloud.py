"""The simulated provider: networks and machines that exist as rows of an SQLite file.

It outlives every process that uses it and is shared by all of them, as a real provider is. A name exists once per
cluster and kind: creating it again makes nothing, whoever asks and however late, which is what keeps a conductor that
was stopped for an hour from making anything twice. `history` remembers each thing that ever came or went, for tests.

A call goes through `Provider.call`, which is where it takes its time and goes wrong. Its effect takes place at a given
moment, which may lie ahead.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

import msgspec

from magnum.model.clocks import MICROSECONDS, Clock, Instant

from .behaviour import Behaviour, Call, FaultKind

T = TypeVar("T")
NETWORK = "network"
MACHINE = "machine"
_FIRST_ADDRESS = IPv4Address("198.18.0.0")
_ADDRESSES = 2**17
_SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (
    id INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT, kind TEXT, name TEXT,
    ready_at INTEGER, gone_at INTEGER, member INTEGER DEFAULT 0, broken_step TEXT, broken_text TEXT,
    UNIQUE (cluster, kind, name));
CREATE TABLE IF NOT EXISTS coming (
    at INTEGER, cluster TEXT, kind TEXT, name TEXT, ready_at INTEGER, broken_step TEXT, broken_text TEXT);
CREATE TABLE IF NOT EXISTS call (cluster TEXT, call TEXT, count INTEGER, PRIMARY KEY (cluster, call));
CREATE TABLE IF NOT EXISTS mark (cluster TEXT, name TEXT, key TEXT, value TEXT, PRIMARY KEY (cluster, name, key));
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT, what TEXT, kind TEXT, name TEXT);
"""
_COLUMNS = "id, kind, name, ready_at, gone_at, member, broken_step, broken_text"


class UnreachableError(Exception):
    """No answer came. The call may have been carried out, or will be."""


class RefusedError(Exception):
    """The provider has understood, refused, and done nothing."""


class QuotaError(RefusedError):
    """There is no room for it."""


class Thing(msgspec.Struct, frozen=True, array_like=True):
    """A network or a machine that exists. `member` says that it has joined its cluster."""

    id: int
    kind: str
    name: str
    ready_at: Instant
    gone_at: Instant | None
    member: bool
    broken_step: str | None
    broken_text: str | None

    @property
    def address(self) -> str:
        """Addresses of the range that is set aside for benchmarks (RFC 2544): nothing real answers there."""
        return str(_FIRST_ADDRESS + self.id % _ADDRESSES)


class Cloud:
    """What exists. The file is made when it is first needed."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def create(
        self, cluster: str, kind: str, name: str, *, at: Instant, ready_in: float, broken: tuple[str, str] | None
    ) -> None:
        """Make it at `at`, unless something of this name is there by then."""
        values = (at, cluster, kind, name, at + round(ready_in * MICROSECONDS), *(broken or (None, None)))
        with self._transaction() as connection:
            connection.execute("INSERT INTO coming VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            self._settle(connection)

    def delete(self, cluster: str, kind: str, name: str, *, at: Instant) -> None:
        with self._transaction() as connection:
            connection.execute(
                "UPDATE thing SET gone_at = min(coalesce(gone_at, ?), ?) WHERE cluster = ? AND kind = ? AND name = ?",
                (at, at, cluster, kind, name),
            )
            self._settle(connection)

    def set_member(self, cluster: str, name: str, *, member: bool) -> None:
        with self._transaction() as connection:
            connection.execute(
                "UPDATE thing SET member = ? WHERE cluster = ? AND kind = ? AND name = ?",
                (member, cluster, MACHINE, name),
            )

    def mark(self, cluster: str, name: str, key: str, value: str) -> None:
        """Put a mark on a machine, such as its labels; a new one of the same key takes its place."""
        with self._transaction() as connection:
            connection.execute("REPLACE INTO mark VALUES (?, ?, ?, ?)", (cluster, name, key, value))

    def marks(self, cluster: str, key: str) -> dict[str, str]:
        """Give the marks of this key by machine."""
        with self._transaction() as connection:
            return dict(
                connection.execute("SELECT name, value FROM mark WHERE cluster = ? AND key = ?", (cluster, key))
            )

    def things(self, cluster: str, kind: str | None = None) -> list[Thing]:
        """Give all that there is of a cluster, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM thing WHERE cluster = ? AND kind = coalesce(?, kind) ORDER BY id",  # noqa: S608
                (cluster, kind),
            )
            return [msgspec.convert(row, Thing, strict=False) for row in rows]

    def find(self, cluster: str, kind: str, name: str) -> Thing | None:
        return next((thing for thing in self.things(cluster, kind) if thing.name == name), None)

    def count_call(self, cluster: str, call: str) -> int:
        """Count one more call of this name and say the how-manieth it is."""
        with self._transaction() as connection:
            row = connection.execute(
                "INSERT INTO call VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
                (cluster, call),
            ).fetchone()
            return int(row[0])

    def history(self, cluster: str) -> list[tuple[str, str, str]]:
        """Give ("made" or "gone", kind, name) of all that ever came and went, in order."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT what, kind, name FROM history WHERE cluster = ? ORDER BY id", (cluster,))
            return [(what, kind, name) for what, kind, name in rows]

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Begin with what the time that has passed has brought about."""
        with self._lock:
            connection = self._connection = self._connection or self._open()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                self._settle(connection)
                yield connection

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA synchronous = OFF")  # it must survive a process that is killed, not a power cut
        connection.executescript(_SCHEMA)
        return connection

    def _settle(self, connection: sqlite3.Connection) -> None:
        now = self._clock.now()
        for cluster, kind, name in connection.execute(
            "DELETE FROM thing WHERE gone_at <= ? RETURNING cluster, kind, name", (now,)
        ).fetchall():
            _remember(connection, cluster, "gone", kind, name)
            connection.execute("DELETE FROM mark WHERE cluster = ? AND name = ?", (cluster, name))
        for _, *values in connection.execute("DELETE FROM coming WHERE at <= ? RETURNING *", (now,)).fetchall():
            made = connection.execute(
                "INSERT INTO thing (cluster, kind, name, ready_at, broken_step, broken_text) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                values,
            )
            if made.rowcount:
                _remember(connection, values[0], "made", values[1], values[2])


def _remember(connection: sqlite3.Connection, cluster: str, what: str, kind: str, name: str) -> None:
    connection.execute("INSERT INTO history VALUES (NULL, ?, ?, ?, ?)", (cluster, what, kind, name))


class Provider:
    """The calls of the simulated provider's API."""

    def __init__(self, cloud: Cloud, clock: Clock, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._cloud = cloud
        self._clock = clock
        self._sleep = sleep

    def call(self, cluster: str, call: Call, behaviour: Behaviour, effect: Callable[[Instant], T]) -> T:
        """Carry out `effect(when)`, or fail as the behaviour of this cluster says.

        What has been asked for takes effect half-way through the call, whatever becomes of its caller meanwhile.
        """
        fault = behaviour.fault(call, self._cloud.count_call(cluster, call))
        seconds = behaviour.seconds(call)
        match fault and fault.kind:
            case FaultKind.UNREACHABLE:
                self._sleep(seconds)
                raise UnreachableError("The provider does not answer.")
            case FaultKind.REFUSE if fault:
                self._sleep(seconds)
                raise RefusedError(fault.argument or "The provider refuses this.")
            case FaultKind.LATE if fault:
                self._carry_out(effect, seconds, after=seconds + float(fault.argument))
                raise UnreachableError("The provider's answer did not come in time.")
            case FaultKind.LOST_ANSWER:
                self._carry_out(effect, seconds, after=seconds / 2)
                raise UnreachableError("The connection to the provider broke before its answer came.")
        self._check_quota(cluster, call, behaviour)
        return self._carry_out(effect, seconds, after=seconds / 2)

    def _carry_out(self, effect: Callable[[Instant], T], seconds: float, *, after: float) -> T:
        result = effect(self._clock.now() + round(after * MICROSECONDS))
        self._sleep(seconds)
        return result

    def _check_quota(self, cluster: str, call: Call, behaviour: Behaviour) -> None:
        if call is Call.CREATE_MACHINE and behaviour.quota is not None:
            used = len(self._cloud.things(cluster, MACHINE))
            if used >= behaviour.quota:
                raise QuotaError(f"Quota exceeded for machines: {used} of {behaviour.quota} are in use.")
