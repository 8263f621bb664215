"""One claim, as the process that holds it sees it: its writes, and how long its lease still lasts.

The database decides who owns a cluster: every write begins by comparing the epoch there, under the cluster's lock. The
provider knows no epoch, so nothing is asked of it unless the lease surely outlasts the answer. The owner counts by its
own monotonic clock, from before the lease was written, and stops a margin early.

Invariants: `remaining()` never promises more than the database holds; a lease is never renewed beyond the time limit of
the step that runs under it, but for a provider call that is about to begin, so a wedged call cannot keep one.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from magnum.db import operations
from magnum.db.errors import LeaseLost
from magnum.model.operations import Claim

from .services import ConductorServices

T = TypeVar("T")
_LONGEST_MARGIN = 2.0
_MARGIN_SHARE = 0.2


class StepOverdue(Exception):  # noqa: N818  not a defect: a long step goes on in another run
    """The step has taken longer than one run may take, and begins nothing more."""


class Lease:
    """Safe for the two threads that use it: the worker, and the one that renews."""

    def __init__(self, services: ConductorServices, claim: Claim) -> None:
        self.claim = claim
        self._services = services
        self._clock = services.clock
        self._seconds = services.settings.conductor.lease_seconds
        self._margin = min(_LONGEST_MARGIN, self._seconds * _MARGIN_SHARE)
        self._lock = threading.Lock()
        self._until = claim.claimed_at + self._seconds
        self._step_until = claim.claimed_at + self._seconds
        self._lost = False

    def write(self, f: Callable[[Connection], T]) -> T:
        """Run f in a transaction that begins by verifying the claim. Raises `LeaseLost`."""

        def verified(tx: Connection) -> T:
            operations.verify(tx, self.claim)
            return f(tx)

        self._services.trace("commit")
        result = self._services.database.write(verified)
        self._services.trace("committed")
        return result

    @property
    def overdue(self) -> bool:
        """Whether the step has taken longer than it may: nobody waits for it any more."""
        return self._clock.monotonic() > self._step_until

    def remaining(self) -> float:
        """Give the seconds for which it is surely ours; negative when it may not be any more."""
        return self._until - self._margin - self._clock.monotonic()

    def begin_step(self, time_limit: float) -> None:
        self._step_until = self._clock.monotonic() + time_limit

    def cut_short(self) -> None:
        """Let the step that runs begin no other provider call; it goes on in another run, wherever that may be."""
        self._step_until = min(self._step_until, self._clock.monotonic())

    def keep(self) -> None:
        """Renew it if a step still runs in its time; called at intervals. Raises what the database raises."""
        with self._lock:
            now = self._clock.monotonic()
            if not self._lost and now <= self._step_until and self._until < now + self._seconds:
                self._renew(self._seconds)

    def outlast(self, seconds: float) -> None:
        """Renew it if it might end within so many seconds. Raises `LeaseLost`, or `StepOverdue`."""
        if self.overdue:
            raise StepOverdue
        if self.remaining() < seconds:
            with self._lock:
                self._renew(max(self._seconds, seconds + 2 * self._margin))

    def _renew(self, seconds: float) -> None:
        asked_at = self._clock.monotonic()
        try:
            self._services.database.write(lambda tx: operations.renew(tx, self.claim, seconds))
        except LeaseLost:
            self._lost = True
            raise
        self._until = max(self._until, asked_at + seconds)
