"""Rotate what a cluster proves itself with: its authorities and all their certificates, or its credential in the cloud.

New authorities are complete in the store before the cluster names them; the old ones go when every node has
certificates of the new ones. If that fails the cluster keeps the new ones and the others stay beside them, because
nodes may have certificates of either. A retry goes on with the same new ones; a rotation that is asked for anew makes
others, and removes all but those when it is done.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.drivers.base import Driver, Feature, RotatesCa, RotatesCredential, Step
from magnum.model.statuses import StatusEvent

from .certificates import remove_certificates, renew_certificates
from .clusters import settle_cluster
from .recipe import Recipe, unsupported


def _ca_steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    if not isinstance(driver, RotatesCa):
        raise unsupported(Feature.ROTATE_CA)
    return (
        Step("certificates", lambda _: renew_certificates(context)),
        *driver.rotate_ca_steps(context),
        Step("remove certificates", lambda _: remove_certificates(context)),
    )


def _credential_steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    if not isinstance(driver, RotatesCredential):
        raise unsupported(Feature.ROTATE_CREDENTIAL)
    return driver.rotate_credential_steps(context)


def _succeed(tx: Connection, context: StepContext) -> None:
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _fail(tx: Connection, context: StepContext, reason: str) -> None:
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)


ROTATE_CA = Recipe(steps=_ca_steps, succeed=_succeed, fail=_fail)
ROTATE_CREDENTIAL = Recipe(steps=_credential_steps, succeed=_succeed, fail=_fail)
