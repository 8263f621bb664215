"""Sweep up after a deleted cluster: look once more for all that it ever had, then forget it.

A provider may carry out a call long after its caller has given up. So this operation is due only when the quiet period
has passed, and what names such a call goes only after the last look: the secrets, the trust, the ledger and the
cluster's lock.
"""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.db import credentials, events, ledger, nodes, operations
from magnum.drivers.base import Driver, Step
from magnum.model.operations import Operation, SweepCluster
from magnum.model.outcomes import Done, Outcome

from .certificates import remove_certificates
from .recipe import Recipe
from .trustees import remove_steps
from .trusts import remove_trusts

LOG = logging.getLogger(__name__)


def _steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    return (
        Step("look again", lambda _: _look_again(context, driver)),
        *driver.delete_steps(context),
        Step("remove certificates", lambda _: remove_certificates(context, *_known(context).secrets)),
        *remove_steps(context),
        Step("remove trusts", lambda _: remove_trusts(context)),
    )


def _look_again(context: StepContext, driver: Driver) -> Outcome:
    """Put what has turned up back on the ledger; the steps that follow take it down."""
    for late in driver.linger(context):
        LOG.warning(
            "The %s %s of the deleted cluster %s was still there, or came late; it is removed now.",
            late.kind,
            late.name,
            late.cluster_uuid,
        )
        revived = context.attempt(late.kind, late.name)
        if late.provider_id is not None:
            context.confirm(revived, late.provider_id)
    return Done()


def _succeed(tx: Connection, context: StepContext) -> None:
    """Forget the cluster. The operation itself is the last to go, with the lock that it ran under."""
    uuid = context.cluster.uuid
    credentials.delete_of_cluster(tx, uuid)
    nodes.forget(tx, uuid)
    ledger.forget(tx, uuid)
    events.forget(tx, uuid)
    operations.forget(tx, uuid)


def _progress(tx: Connection, operation: Operation, text: str, *, moved: bool) -> None:
    """Nobody can see it any more."""
    del tx, operation, text, moved


def _fail(_tx: Connection, context: StepContext, reason: str) -> None:
    """The cluster has no owner any more, so the operator is told."""
    LOG.warning("The sweep of the deleted cluster %s goes on later. %s", context.cluster.uuid, reason)


def _known(context: StepContext) -> SweepCluster:
    arguments = context.operation.arguments
    assert isinstance(arguments, SweepCluster)
    return arguments


SWEEP = Recipe(steps=_steps, succeed=_succeed, fail=_fail, progress=_progress, gives_up=False)
