"""Delete a cluster: the driver takes down all that the ledger names, then the rows go and the API answers 404.

It never gives up. What stays for a while is a sweep, an operation of its own: a call that was begun before the deletion
may take effect after it, so everything is looked for once more when it has been quiet for long enough.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.db import authorities, cluster_secrets, clusters, credentials, nodegroups, nodes, operations
from magnum.db.engine import Database
from magnum.drivers.base import Driver, Step
from magnum.model.clocks import MICROSECONDS, Instant
from magnum.model.names import new_uuid
from magnum.model.operations import Operation, OperationState, SweepCluster
from magnum.model.statuses import StatusEvent

from .certificates import references
from .clusters import show_failure
from .recipe import Recipe
from .trustees import remove_steps


def _steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    return (*driver.delete_steps(context), *remove_steps(context))


def _succeed(tx: Connection, context: StepContext) -> None:
    uuid = context.cluster.uuid
    credentials.delete_of_cluster(tx, uuid)
    cluster_secrets.delete_of_cluster(tx, uuid)
    authorities.forget(tx, uuid)
    nodes.forget(tx, uuid)
    for group in nodegroups.of_cluster(tx, uuid):
        nodegroups.delete(tx, group.uuid)
    clusters.delete(tx, uuid)
    quiet_until = Database.now(tx) + round(context.services.settings.conductor.quiet_period * MICROSECONDS)
    operations.enqueue(tx, _sweep(context, due=quiet_until))


def _fail(tx: Connection, context: StepContext, reason: str) -> None:
    show_failure(tx, context.operation, StatusEvent.DELETE_FAILED, reason)


def _sweep(context: StepContext, *, due: Instant) -> Operation:
    """Take along all that will be needed once the rows are gone."""
    cluster, template = context.cluster, context.template
    registry = context.services.registry
    spec = registry.spec_for(template.server_type, template.cluster_distro, template.coe, template.driver)
    return Operation(
        uuid=new_uuid(context.services.randomness),
        cluster_uuid=cluster.uuid,
        arguments=SweepCluster(
            driver=spec.name,
            coe=template.coe,
            server_type=template.server_type,
            os=template.cluster_distro,
            name=cluster.name,
            project_id=cluster.project_id,
            user_id=cluster.user_id,
            stack_id=cluster.stack_id,
            trust_id=cluster.trust_id,
            secrets=references(cluster),
        ),
        state=OperationState.QUEUED,
        next_attempt=due,
        created_at=context.rows.now,
        request_id=context.operation.request_id,
    )


DELETE = Recipe(steps=_steps, succeed=_succeed, fail=_fail, gives_up=False)
