"""Requests that wait for a cluster to come to rest: how many may, and who looks for all of them.

A waiting request holds a thread of the server and nothing else, so only a part of the threads may wait, and only a few
for each project: whoever comes beyond that is answered at once. One thread of the process looks for all of them, in one
statement; it is there while somebody waits. When the process is to end, all waiting is over.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection

LOG = logging.getLogger(__name__)
MOST_OF_A_PROJECT = 4
_INTERVAL = 0.2


class _Waiter:
    def __init__(self, cluster: str, project: str) -> None:
        self.cluster = cluster
        self.project = project
        self.over = threading.Event()


class Waiters:
    """`find_busy` gives, of clusters, those that are still in progress. `most` requests may wait at a time."""

    def __init__(
        self,
        find_busy: Callable[[Collection[str]], Collection[str]],
        *,
        most: int,
        ending: threading.Event,
        interval: float = _INTERVAL,
    ) -> None:
        self._find_busy = find_busy
        self._most = most
        self._ending = ending
        self._interval = interval
        self._lock = threading.Lock()
        self._waiters: set[_Waiter] = set()
        self._is_watched = False

    def wait(self, cluster: str, *, project: str, seconds: float) -> bool:
        """Wait until the cluster has come to rest or the time is over; False at once if there is no room to wait."""
        waiter = _Waiter(cluster, project)
        if not self._enter(waiter):
            return False
        try:
            waiter.over.wait(seconds)
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        return True

    def _enter(self, waiter: _Waiter) -> bool:
        with self._lock:
            of_project = Counter(other.project for other in self._waiters)[waiter.project]
            if len(self._waiters) >= self._most or of_project >= MOST_OF_A_PROJECT or self._ending.is_set():
                return False
            self._waiters.add(waiter)
            if not self._is_watched:
                threading.Thread(target=self._watch, name="waiters", daemon=True).start()
                self._is_watched = True
            return True

    def _watch(self) -> None:
        is_ending = False
        while not is_ending:
            is_ending = self._ending.wait(self._interval)
            with self._lock:
                waiting = list(self._waiters)
                if not waiting:
                    self._is_watched = False
                    return
            busy = set() if is_ending else self._look({waiter.cluster for waiter in waiting})
            for waiter in waiting:
                if waiter.cluster not in busy:
                    waiter.over.set()

    def _look(self, asked_for: set[str]) -> Collection[str]:
        try:
            return self._find_busy(asked_for)
        except Exception:
            LOG.exception("Nobody can wait for a cluster now: looking for %d of them failed.", len(asked_for))
            return set()  # each is answered with what it finds by itself
