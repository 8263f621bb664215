"""What time it is, for whoever holds a transaction.

Leases are compared by several hosts, so their time is the writer database's own clock, in UTC microseconds. SQLite
has no clock better than the process's, and tests turn one: both take the clock that the engine was opened with, which
every connection carries in its options.
"""

from datetime import datetime

from sqlalchemy import Connection, text

from magnum.model.clocks import Clock, Instant, to_datetime

CLOCK = "magnum_clock"
SERVER_TIME = "magnum_server_time"

_SERVER_NOW = {
    "postgresql": text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"),
    "mysql": text("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))"),
}


def clock(tx: Connection) -> Clock:
    given: Clock = tx.get_execution_options()[CLOCK]
    return given


def now(tx: Connection) -> Instant:
    if not tx.get_execution_options()[SERVER_TIME]:
        return clock(tx).now()
    return int(tx.execute(_SERVER_NOW[tx.dialect.name]).scalar_one())


def stamp(tx: Connection) -> datetime:
    """Give the time as `created_at` and `updated_at` have it: whole seconds."""
    return to_datetime(now(tx))
