"""Resize a node group: choose who comes and who goes, then let the driver make it so.

When it fails, the count that was asked for stays if the provider may have begun to follow it; the next resize goes on
from there. Only when nothing can have happened does the count go back, and the plan with it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.db import nodegroups
from magnum.drivers.base import Driver, Step
from magnum.model.operations import ResizeNodeGroup
from magnum.model.statuses import StatusEvent

from .clusters import settle_cluster, settle_group, show_addresses, waiting
from .nodes import change_nodes, undo_plan
from .recipe import Recipe


def _steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    wanted = _wanted(context)
    return (
        Step("nodes", lambda _: change_nodes(context, driver, wanted)),
        *driver.resize_steps(context),
    )


def _succeed(tx: Connection, context: StepContext) -> None:
    show_addresses(tx, context.operation)
    settle_group(tx, context.operation, StatusEvent.UPDATE_DONE)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _fail(tx: Connection, context: StepContext, reason: str) -> None:
    wanted = _wanted(context)
    if not context.operation.accepted:
        _go_back(tx, context, wanted)
    show_addresses(tx, context.operation)
    settle_group(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)


def _go_back(tx: Connection, context: StepContext, wanted: ResizeNodeGroup) -> None:
    """Undo the plan: forget the machines that nobody has asked for, and keep those that were to go."""
    newer = any(
        isinstance(other.arguments, ResizeNodeGroup) and other.arguments.nodegroup_uuid == wanted.nodegroup_uuid
        for other in waiting(tx, context.operation)
    )
    if newer:
        return  # the count is the newer one's by now, and so will be the plan
    nodegroups.update(tx, wanted.nodegroup_uuid, node_count=wanted.previous)
    undo_plan(tx, context, wanted.nodegroup_uuid, wanted.previous)


def _wanted(context: StepContext) -> ResizeNodeGroup:
    arguments = context.operation.arguments
    assert isinstance(arguments, ResizeNodeGroup)
    return arguments


RESIZE = Recipe(steps=_steps, succeed=_succeed, fail=_fail)
