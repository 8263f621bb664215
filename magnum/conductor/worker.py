"""Run one claimed operation, step after step, until it waits, ends, or is no longer ours.

Every step starts from the rows as they are now, and its outcome is written before the next one starts. What a step
raises is a failure of one of the two kinds, or a bug: that is logged with its traceback, counted, tried again a few
times, and shown to the owner without its text, which could hold anything.

A worker decides nothing about statuses (`settling`, `operations`) and nothing about threads (`service`).
"""

import logging
from collections.abc import Callable, Sequence

from prometheus_client import Counter

from magnum.db import operations
from magnum.db.errors import DatabaseUnreachable, LeaseLost, NotFound
from magnum.drivers.base import Step
from magnum.model.clocks import Instant
from magnum.model.failures import Code, Failure, Fatal, Retry
from magnum.model.operations import (
    Claim,
    CreateCluster,
    CreateNodeGroup,
    DeleteCluster,
    DeleteNodeGroup,
    HealCluster,
    Operation,
    ResizeNodeGroup,
    RotateCertificates,
    RotateCredential,
    SweepCluster,
    UpdateNodeGroup,
    UpgradeNodeGroup,
)
from magnum.model.outcomes import Done, Outcome, Wait

from .context import CallForbidden, StepContext
from .drivers import Drivers
from .lease import Lease, StepOverdue
from .operations.create import CREATE
from .operations.delete import DELETE
from .operations.heal import HEAL
from .operations.nodegroups import CREATE_NODEGROUP, DELETE_NODEGROUP, UPDATE_NODEGROUP
from .operations.recipe import Recipe
from .operations.resize import RESIZE
from .operations.rotate import ROTATE_CA, ROTATE_CREDENTIAL
from .operations.sweep import SWEEP
from .operations.upgrade import UPGRADE
from .rows import Rows, read_rows
from .services import ConductorServices
from .settling import Position, Settlement, out_of_time

LOG = logging.getLogger(__name__)
BUGS = Counter("magnum_operation_bugs", "Errors in steps of operations that nobody foresaw.", ["operation", "step"])
_BUG_RUNS = 3

RECIPES: dict[type[object], Recipe] = {
    CreateCluster: CREATE,
    ResizeNodeGroup: RESIZE,
    CreateNodeGroup: CREATE_NODEGROUP,
    UpdateNodeGroup: UPDATE_NODEGROUP,
    DeleteNodeGroup: DELETE_NODEGROUP,
    UpgradeNodeGroup: UPGRADE,
    HealCluster: HEAL,
    RotateCertificates: ROTATE_CA,
    RotateCredential: ROTATE_CREDENTIAL,
    DeleteCluster: DELETE,
    SweepCluster: SWEEP,
}


class Worker:
    def __init__(self, services: ConductorServices, drivers: Drivers) -> None:
        self._services = services
        self._drivers = drivers

    def claim(self, owner: Callable[[], str], limit: int) -> list[Claim]:
        """Take up to `limit` operations that are due; each is to be run at once."""
        seconds = self._services.settings.conductor.lease_seconds
        self._services.trace("claim")
        claims = self._services.database.write(lambda tx: operations.claim(tx, owner=owner, limit=limit, lease=seconds))
        self._services.trace(f"claimed {len(claims)}")
        return claims

    def run(self, lease: Lease, *, stopping: Callable[[], bool] = lambda: False) -> Instant | None:
        """Run it as far as it goes now. Give the instant at which it is due again, None if it has ended or is lost."""
        claim = lease.claim
        try:
            while True:
                going_on, due = self._advance(lease, stopping)
                if not going_on:
                    return due
        except LeaseLost as lost:
            LOG.info("%s This worker stops here.", lost)
            self._services.database.write(lambda tx: operations.let_go(tx, claim.owner))
        except DatabaseUnreachable as error:
            LOG.warning("Operation %s goes on when its lease has lapsed: %s", claim.operation.uuid, error)
        return None

    def _advance(self, lease: Lease, stopping: Callable[[], bool]) -> tuple[bool, Instant | None]:
        """Run one step and settle its outcome; say whether to go on at once, or when it is due again."""
        rows = self._read(lease)
        recipe = RECIPES[type(rows.operation.arguments)]
        deadline = rows.operation.deadline if recipe.gives_up else None
        late = deadline is not None and rows.now >= deadline
        context = StepContext(self._services, lease, rows, look_only=late)
        position, outcome = self._run_step(context, lease, recipe)
        settlement = Settlement(context, lease, recipe, position)
        if late and not isinstance(outcome, Done | Fatal):
            outcome = out_of_time(context, outcome)
        match outcome:
            case Done() if position.following is None:
                settlement.complete(late=late)
                return False, None
            case Done():
                release = stopping()
                settlement.next_step(release=release)
                return not release, None
            case Wait():
                return False, settlement.wait(outcome)
            case Fatal():
                return False, settlement.fail(outcome)
            case Failure():
                return False, settlement.retry(outcome)

    def _read(self, lease: Lease) -> Rows:
        try:
            return self._services.database.read(lambda tx: read_rows(tx, lease.claim.operation.uuid))
        except NotFound:
            lease.write(lambda _: None)  # another one has taken over and come to the end; else it is a bug
            raise

    def _run_step(self, context: StepContext, lease: Lease, recipe: Recipe) -> tuple[Position, Outcome | Failure]:
        operation = context.operation
        position = Position(operation.step, operation.step_number, operation.steps_total)
        try:
            steps = recipe.steps(context, self._drivers.of(context.rows))
            if not steps:
                return position, Done()
            position, step = _locate(steps, operation)
            lease.begin_step(step.time_limit)
            self._services.trace(f"{operation.kind}: {step.name}")
            outcome = step.run(context)
            self._services.trace(f"{operation.kind}: {step.name}: {outcome}")
        except (LeaseLost, DatabaseUnreachable):
            raise
        except StepOverdue:
            return position, Wait(0.0, "there is more to do than one run may take")
        except CallForbidden as needed:
            return position, Wait(0.0, str(needed))
        except Failure as failure:
            return position, failure
        except Exception as error:
            LOG.exception("An error that nobody foresaw, in operation %s (%s).", operation.uuid, operation.kind)
            return position, _bug(operation, position, error)
        else:
            return position, outcome


def _locate(steps: Sequence[Step], operation: Operation) -> tuple[Position, Step]:
    """Find the step that the operation stands at: the first one, when it has none or its name is no longer known."""
    names = [step.name for step in steps]
    index = names.index(operation.step) if operation.step in names else 0
    following = names[index + 1] if index + 1 < len(names) else None
    return Position(names[index], index + 1, len(names), following), steps[index]


def _bug(operation: Operation, position: Position, error: Exception) -> Failure:
    BUGS.labels(operation.kind, position.step or "preparation").inc()
    text = f"An internal error ({type(error).__name__}); the log of the service has it under {operation.uuid}."
    return Fatal(Code.BUG, text) if operation.attempts + 1 >= _BUG_RUNS else Retry(Code.BUG, text)
