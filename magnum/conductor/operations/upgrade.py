"""Upgrade node groups: the API has given the cluster its new template already, the driver brings the nodes there.

If the provider refuses before anything has changed, the cluster goes back to the template that it had.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.db import clusters, clustertemplates, nodegroups
from magnum.db.errors import NotFound
from magnum.drivers.base import Driver, Feature, Step, Upgrades
from magnum.model.operations import UpgradeNodeGroup
from magnum.model.statuses import StatusEvent

from .clusters import settle_cluster, settle_group, show_addresses
from .recipe import Recipe, unsupported


def _steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    if not isinstance(driver, Upgrades):
        raise unsupported(Feature.UPGRADE)
    return driver.upgrade_steps(context)


def _succeed(tx: Connection, context: StepContext) -> None:
    """Let default groups have the template's image; others keep their own."""
    upgraded = [group for group in context.nodegroups if group.uuid == context.operation.nodegroup_uuid]
    if any(group.is_default for group in upgraded):
        for group in context.nodegroups:
            if group.is_default:
                nodegroups.update(tx, group.uuid, image_id=context.template.image_id)
    show_addresses(tx, context.operation)
    settle_group(tx, context.operation, StatusEvent.UPDATE_DONE)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _fail(tx: Connection, context: StepContext, reason: str) -> None:
    if not context.operation.accepted:
        _go_back(tx, context)
    show_addresses(tx, context.operation)
    settle_group(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)


def _go_back(tx: Connection, context: StepContext) -> None:
    arguments = context.operation.arguments
    assert isinstance(arguments, UpgradeNodeGroup)
    try:
        clustertemplates.lock(tx, arguments.previous, shared=True)
    except NotFound:
        return  # deleted meanwhile: nothing to go back to
    clusters.update(tx, context.cluster.uuid, cluster_template_id=arguments.previous)


UPGRADE = Recipe(steps=_steps, succeed=_succeed, fail=_fail)
