"""Create a cluster: its certificates, its nodes as rows, then whatever its driver does to make them real."""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.drivers.base import Driver, Step
from magnum.model.statuses import StatusEvent

from .certificates import make_certificates
from .clusters import settle, show_addresses
from .nodes import plan_nodes
from .recipe import Recipe
from .trustees import make_steps


def _steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    return (
        Step("certificates", lambda _: make_certificates(context)),
        *make_steps(context),
        Step("nodes", lambda _: plan_nodes(context)),
        *driver.create_steps(context),
    )


def _succeed(tx: Connection, context: StepContext) -> None:
    show_addresses(tx, context.operation)
    settle(tx, context.operation, StatusEvent.CREATE_DONE)


def _fail(tx: Connection, context: StepContext, reason: str) -> None:
    """What has been made stays, for its owner to look at and to delete."""
    show_addresses(tx, context.operation)
    settle(tx, context.operation, StatusEvent.CREATE_FAILED, reason=reason)


CREATE = Recipe(steps=_steps, succeed=_succeed, fail=_fail)
