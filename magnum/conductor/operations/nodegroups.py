"""Add a node group, change it, remove it: the same steps of the driver, on a different plan.

A group that could not be made stays, failed, with what has been made of it, for its owner to look at and to remove. A
group whose removal failed can be removed again. In both cases the cluster shows as failed, by the name of the group,
until that is done; all other groups can be worked with meanwhile.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.db import nodegroups
from magnum.drivers.base import Driver, Step
from magnum.model.statuses import StatusEvent

from .clusters import settle_cluster, settle_group, show_addresses
from .nodes import plan_nodes, remove_nodes
from .recipe import Recipe


def _create_steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    return (Step("nodes", lambda _: plan_nodes(context)), *driver.resize_steps(context))


def _update_steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    return driver.resize_steps(context)


def _delete_steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    return (Step("nodes", lambda _: remove_nodes(context, _about(context))), *driver.resize_steps(context))


def _created(tx: Connection, context: StepContext) -> None:
    show_addresses(tx, context.operation)
    settle_group(tx, context.operation, StatusEvent.CREATE_DONE)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _updated(tx: Connection, context: StepContext) -> None:
    settle_group(tx, context.operation, StatusEvent.UPDATE_DONE)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _deleted(tx: Connection, context: StepContext) -> None:
    nodegroups.delete(tx, _about(context))
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _create_failed(tx: Connection, context: StepContext, reason: str) -> None:
    _fail(tx, context, StatusEvent.CREATE_FAILED, reason)


def _update_failed(tx: Connection, context: StepContext, reason: str) -> None:
    _fail(tx, context, StatusEvent.UPDATE_FAILED, reason)


def _delete_failed(tx: Connection, context: StepContext, reason: str) -> None:
    _fail(tx, context, StatusEvent.DELETE_FAILED, reason)


def _fail(tx: Connection, context: StepContext, event: StatusEvent, reason: str) -> None:
    show_addresses(tx, context.operation)
    settle_group(tx, context.operation, event, reason=reason)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)


def _about(context: StepContext) -> str:
    uuid = context.operation.nodegroup_uuid
    assert uuid is not None, "the operation is about a node group"
    return uuid


CREATE_NODEGROUP = Recipe(steps=_create_steps, succeed=_created, fail=_create_failed)
UPDATE_NODEGROUP = Recipe(steps=_update_steps, succeed=_updated, fail=_update_failed)
DELETE_NODEGROUP = Recipe(steps=_delete_steps, succeed=_deleted, fail=_delete_failed)
