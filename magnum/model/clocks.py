"""Time as a parameter.

Two kinds, never mixed: an `Instant` is UTC microseconds since 1970, as stored in our tables; monotonic seconds measure
how long something has taken in this process.
"""

import time
from datetime import UTC, datetime
from typing import Protocol

Instant = int
MICROSECONDS = 1_000_000


class Clock(Protocol):
    def now(self) -> Instant:
        """UTC microseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


class SystemClock:
    def now(self) -> Instant:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


def to_datetime(instant: Instant) -> datetime:
    """Give the aware UTC time, whole seconds: what the adopted tables hold and the API shows."""
    return datetime.fromtimestamp(instant // MICROSECONDS, UTC)
