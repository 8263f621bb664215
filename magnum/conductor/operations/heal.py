"""Replace nodes that have died: new ones are planned in their place, and the driver does the rest.

When the driver refuses before it has done anything the plan is undone; else a retry goes on with it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.drivers.base import Driver, Heals, Step
from magnum.model.operations import HealCluster
from magnum.model.statuses import StatusEvent

from .clusters import settle_cluster, show_addresses
from .nodes import replace_nodes, undo_plan
from .recipe import Recipe, unsupported


def _steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    if not isinstance(driver, Heals):
        raise unsupported("the replacement of dead nodes")
    return (Step("nodes", lambda _: replace_nodes(context, _dead(context))), *driver.heal_steps(context))


def _succeed(tx: Connection, context: StepContext) -> None:
    show_addresses(tx, context.operation)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _fail(tx: Connection, context: StepContext, reason: str) -> None:
    if not context.operation.accepted:
        for group in context.nodegroups:
            undo_plan(tx, context, group.uuid, group.node_count)
    show_addresses(tx, context.operation)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)


def _dead(context: StepContext) -> tuple[str, ...]:
    arguments = context.operation.arguments
    assert isinstance(arguments, HealCluster)
    return arguments.nodes


HEAL = Recipe(steps=_steps, succeed=_succeed, fail=_fail)
