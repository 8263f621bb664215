"""What Keystone has said of tokens, remembered in this process, so that a token seen before costs no call.

keystonemiddleware asks it like a memcached client. Its own memory is one per concurrent request, without a bound; this
one is shared by all threads and forgets the oldest of too many. How long an answer counts is `token_cache_time`.
"""

import threading
from collections import OrderedDict

from magnum.model.clocks import Clock

MOST_TOKENS = 10_000


class TokenMemory:
    """The key is a digest of the token; neither is a token. Safe for threads."""

    def __init__(self, clock: Clock, most: int = MOST_TOKENS) -> None:
        self._clock = clock
        self._most = most
        self._answers: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            until, answer = self._answers.get(key, (0.0, b""))
            if until <= self._clock.monotonic():
                self._answers.pop(key, None)
                return None
            return answer

    def set(self, key: str, value: bytes, time: int) -> None:
        """Remember for `time` seconds; not at all when that is not positive."""
        with self._lock:
            self._answers[key] = (self._clock.monotonic() + time, value)
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
