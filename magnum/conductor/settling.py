"""What becomes of a step's outcome: each case is one transaction under the cluster's lock, and one answer to the owner.

Done leads to the next step, or to the end; Wait and Retry to another run of the same step, later and without a lease;
Fatal, and the end of the allowed time, to the operation's failure. A recipe that never gives up is tried again instead,
and the cluster says meanwhile why it did not work.

Whatever is decided here, the owner can read: in the status reason, or in an event. A retry is an event only when its
text is new, so that an hour of retries is not an hour of events.
"""

import random

import msgspec
from sqlalchemy import Connection

from magnum.db import operations
from magnum.db.engine import Database
from magnum.model.clocks import MICROSECONDS, Instant
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Failure, Fatal, Retry
from magnum.model.operations import OperationState
from magnum.model.outcomes import Wait

from .context import StepContext
from .events import record
from .lease import Lease
from .operations.recipe import Recipe

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 120.0
_SHORTEST_PAUSE = 0.02
"""However short a pause a driver asks for, it must not become a busy loop."""
_PATIENCE = 5
"""With so many failures of a step in a row, an operation that never gives up shows as failed."""


class Position(msgspec.Struct, frozen=True):
    """Which step of how many; none and 0 of 0 before the first. `following` is the next one's name, if there is one."""

    step: str | None
    number: int
    total: int
    following: str | None = None

    def __str__(self) -> str:
        return f"step {self.number} of {self.total}, {self.step}" if self.step else "its preparation"


def back_off(attempts: int, randomness: random.Random) -> float:
    """Give the seconds to wait after so many failures in a row: doubled each time, and never in step with others."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempts - 1, 10))
    return longest * randomness.uniform(0.5, 1.0)


class Settlement:
    """The cases, for one run of one step. Where the step runs again, they give the instant at which it is due."""

    def __init__(self, context: StepContext, lease: Lease, recipe: Recipe, position: Position) -> None:
        self._context = context
        self._operation = context.operation
        self._lease = lease
        self._recipe = recipe
        self._position = position

    def next_step(self, *, release: bool) -> None:
        """Go on to the following step: now, or without a lease when this conductor stops."""

        def write(tx: Connection) -> None:
            number = self._position.number + 1
            self._save(tx, step=self._position.following, number=number, next_attempt=Database.now(tx), release=release)
            record(tx, self._operation, "operation.step", f"Done: {self._position}.")
            text = f"Step {number} of {self._position.total}, {self._position.following}."
            self._recipe.progress(tx, self._operation, text, moved=True)

        self._lease.write(write)

    def complete(self, *, late: bool) -> None:
        def write(tx: Connection) -> None:
            if late:
                text = "It has succeeded after its time was over."
                record(tx, self._operation, "operation.late", text, EventLevel.WARNING)
            record(tx, self._operation, f"cluster.{self._operation.kind}", f"The {self._operation.noun} is done.")
            operations.finish(tx, self._lease.claim, state=OperationState.COMPLETE)
            self._recipe.succeed(tx, self._context)

        self._lease.write(write)

    def wait(self, outcome: Wait) -> Instant:
        def write(tx: Connection) -> Instant:
            due = self._save(tx, reason=outcome.reason, next_attempt=self._in(tx, outcome.seconds))
            self._recipe.progress(tx, self._operation, f"{self._sentence()}: {outcome.reason}", moved=False)
            return due

        return self._lease.write(write)

    def retry(self, failure: Failure) -> Instant:
        attempts = self._operation.attempts + 1
        asked = failure.after if isinstance(failure, Retry) else None
        seconds = back_off(attempts, self._context.services.randomness) if asked is None else asked

        def write(tx: Connection) -> Instant:
            if failure.text != self._operation.reason:
                record(
                    tx, self._operation, "operation.retry", f"{self._sentence()}: {failure.text}", EventLevel.WARNING
                )
            if not self._recipe.gives_up and attempts >= _PATIENCE:
                self._recipe.fail(tx, self._context, self._reason(failure))
            else:
                self._recipe.progress(tx, self._operation, f"{self._sentence()}: {failure.text}", moved=False)
            return self._save(tx, attempts=attempts, reason=failure.text, next_attempt=self._in(tx, seconds))

        return self._lease.write(write)

    def fail(self, failure: Fatal) -> Instant | None:
        """Close the operation as failed, or try for ever what never gives up."""
        reason = self._reason(failure)
        attempts = self._operation.attempts + 1
        pause = back_off(attempts, self._context.services.randomness)

        def write(tx: Connection) -> Instant | None:
            if self._recipe.gives_up or failure.text != self._operation.reason:
                record(tx, self._operation, f"cluster.{self._operation.kind}", reason, EventLevel.ERROR)
            due = None
            if self._recipe.gives_up:
                operations.finish(
                    tx, self._lease.claim, state=OperationState.FAILED, reason=reason, error_code=failure.code
                )
            else:
                due = self._save(tx, attempts=attempts, reason=failure.text, next_attempt=self._in(tx, pause))
            self._recipe.fail(tx, self._context, reason)
            return due

        return self._lease.write(write)

    def _save(
        self,
        tx: Connection,
        *,
        next_attempt: Instant,
        step: str | None = None,
        number: int | None = None,
        attempts: int = 0,
        reason: str | None = None,
        release: bool = True,
    ) -> Instant:
        operations.save_step(
            tx,
            self._lease.claim,
            step=step or self._position.step,
            step_number=number or self._position.number,
            steps_total=self._position.total,
            attempts=attempts,
            reason=reason,
            next_attempt=next_attempt,
            release=release,
        )
        return next_attempt

    def _in(self, tx: Connection, seconds: float) -> Instant:
        """Give the instant in so many seconds, but no later than the end of the allowed time."""
        due = Database.now(tx) + round(max(_SHORTEST_PAUSE, seconds) * MICROSECONDS)
        return due if self._operation.deadline is None else min(due, self._operation.deadline)

    def _sentence(self) -> str:
        text = str(self._position)
        return text[0].upper() + text[1:]

    def _reason(self, failure: Failure) -> str:
        again = "" if self._recipe.gives_up else " It is tried again by itself."
        return f"The {self._operation.noun} failed in {self._position}: {failure.text}{again}"


def out_of_time(context: StepContext, outcome: Wait | Failure) -> Fatal:
    """Say what was wrong, and what was missing, when the allowed time was over."""
    sentences = ["Its time is over."]
    before = context.operation
    if isinstance(outcome, Failure):
        sentences.append(f"Last error: {outcome.text}")
    elif before.attempts and before.reason:
        sentences.append(f"Last error: {before.reason}")
    if isinstance(outcome, Wait):
        sentences.append(f"Still missing: {outcome.reason}.")
    return Fatal(Code.DEADLINE, " ".join(sentences))
