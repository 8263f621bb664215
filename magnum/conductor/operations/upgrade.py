"""Upgrade node groups: the API has written into the rows what they are to be, the driver brings the nodes there.

If the provider refuses before anything has changed, the rows go back to what they were.
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
    own = arguments.before.get(context.cluster.uuid)
    labels = context.cluster.labels if own is None else own.labels
    clusters.update(tx, context.cluster.uuid, cluster_template_id=arguments.previous, labels=labels)
    for group in context.nodegroups:
        if before := arguments.before.get(group.uuid):
            nodegroups.update(tx, group.uuid, labels=before.labels, image_id=before.image_id)


UPGRADE = Recipe(steps=_steps, succeed=_succeed, fail=_fail)
