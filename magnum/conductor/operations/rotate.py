"""Rotate what a cluster proves itself with: its authorities and all their certificates, or its credentials.

Nothing may stop while authorities are replaced, so it is done in phases, each complete on every node before the next
begins. New authorities are complete in the store, then they are trusted beside the old ones. Then the cluster names
them: from that moment on requests are signed with them, and our own certificate is theirs. Nodes get certificates of
them, and only then the old ones are trusted no more, and removed.

If it fails on the way, the phase that has been reached stays: both are trusted until a retry, which goes on with the
same new authorities, or another rotation is done. That one makes others, and removes all but those.

Where a cluster acts by a trust, whoever asked has given a new one. Everything is done by that; the old one ends when
nothing lives by it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.drivers.base import Driver, Feature, RotatesCa, RotatesCredential, RotationPhase, Step
from magnum.model.statuses import StatusEvent

from .certificates import remove_certificates
from .clusters import settle_cluster
from .recipe import Recipe, unsupported
from .successors import distrust_predecessors, make_successors, name_successors, renew_own_certificate
from .trustees import make_steps, remove_steps
from .trusts import remove_old_trusts, use_new_trust


def _ca_steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    if not isinstance(driver, RotatesCa):
        raise unsupported(Feature.ROTATE_CA)
    return (
        Step("certificates", lambda _: make_successors(context)),
        *driver.rotate_ca_steps(context, RotationPhase.TRUST),
        Step("use new certificates", lambda _: name_successors(context)),
        *driver.rotate_ca_steps(context, RotationPhase.RENEW),
        Step("distrust old certificates", lambda _: distrust_predecessors(context)),
        *driver.rotate_ca_steps(context, RotationPhase.DROP),
        Step("remove certificates", lambda _: remove_certificates(context)),
    )


def _credential_steps(context: StepContext, driver: Driver) -> Sequence[Step]:
    if not isinstance(driver, RotatesCredential):
        raise unsupported(Feature.ROTATE_CREDENTIAL)
    return (
        Step("use the new trust", lambda _: use_new_trust(context)),
        *make_steps(context),
        *driver.rotate_credential_steps(context),
        Step("certificates", lambda _: renew_own_certificate(context)),
        Step("remove certificates", lambda _: remove_certificates(context)),
        *remove_steps(context, but_present=True),
        Step("remove trusts", lambda _: remove_old_trusts(context)),
    )


def _succeed(tx: Connection, context: StepContext) -> None:
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_DONE)


def _fail(tx: Connection, context: StepContext, reason: str) -> None:
    settle_cluster(tx, context.operation, StatusEvent.UPDATE_FAILED, reason=reason)


ROTATE_CA = Recipe(steps=_ca_steps, succeed=_succeed, fail=_fail)
ROTATE_CREDENTIAL = Recipe(steps=_credential_steps, succeed=_succeed, fail=_fail)
