"""How often somebody may call: a bucket of tokens for each key, refilled steadily, with room for a burst."""

import threading
from collections import OrderedDict

import msgspec

from magnum.model.clocks import Clock


class _Bucket(msgspec.Struct):
    tokens: float
    at: float


class RateLimit:
    """Allows `burst` calls at once and `per_second` in the long run; the keys longest unseen are forgotten first."""

    def __init__(self, clock: Clock, *, per_second: float, burst: int, most_keys: int = 10_000) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._most_keys = most_keys
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Say whether the call may go on; if so it is counted."""
        now = self._clock.monotonic()
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
            self._buckets.move_to_end(key)
            while len(self._buckets) > self._most_keys:
                self._buckets.popitem(last=False)
            bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
            bucket.at = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True
