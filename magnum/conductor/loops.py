"""A thread that does one piece of work again and again.

The work says after how many seconds it is due again; `wake` makes it due at once, `wake_at` at a given moment. What it
raises is logged and does not end it: the next run may go better, and a conductor with a dead thread is worse than one
that complains.
"""

import heapq
import logging
import threading
from collections.abc import Callable

from magnum.db.errors import DatabaseUnreachable

LOG = logging.getLogger(__name__)
_PAUSE_AFTER_FAILURE = 1.0


class Loop:
    def __init__(self, name: str, work: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._name = name
        self._work = work
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._alarms: list[float] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self.wake_at(self._monotonic())

    def wake_at(self, moment: float) -> None:
        with self._changed:
            heapq.heappush(self._alarms, moment)
            self._changed.notify()

    def stop(self, timeout: float) -> bool:
        """Begin no more work, wait for what runs, and say whether it has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = 0.0
        while self._sleep(pause):
            try:
                pause = self._work()
            except DatabaseUnreachable as error:
                LOG.warning("%s: %s", self._name, error)
                pause = _PAUSE_AFTER_FAILURE
            except Exception:
                LOG.exception("%s met an error that nobody foresaw, and goes on.", self._name)
                pause = _PAUSE_AFTER_FAILURE

    def _sleep(self, seconds: float) -> bool:
        """Wait so long, or until an alarm; false when it is time to stop."""
        with self._changed:
            end = self._monotonic() + seconds
            while not self._stopping:
                left = min([end, *self._alarms[:1]]) - self._monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            now = self._monotonic()
            while self._alarms and self._alarms[0] <= now:
                heapq.heappop(self._alarms)
            return not self._stopping
