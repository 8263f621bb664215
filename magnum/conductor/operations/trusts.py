"""The trusts that a cluster's owners have given: ended when nothing is left to do by them.

They are the API's to make and ours to end, by themselves: by a trust we are its trustor, who may delete it.
"""

from magnum.conductor.context import StepContext
from magnum.model.failures import Code, Retry
from magnum.model.ledger import ResourceState
from magnum.model.outcomes import Done, Outcome
from magnum.model.trusts import TRUST
from magnum.openstack.errors import CloudError
from magnum.openstack.trusts import end_trust

KEYSTONE_TIMEOUT = 20.0
"""Seconds: a token of the trust is made, and then the trust deleted."""


def remove_trusts(context: StepContext, *, keep: str | None = None) -> Outcome:
    """Delete all that have been given, but for one. What somebody has removed, or can be used no more, is fine."""
    clouds = context.services.driver_services.clouds
    for row in context.resources(TRUST):
        if row.provider_id in (None, keep) or row.state is ResourceState.GONE:
            continue
        if clouds is None:
            text = "There is a trust to delete and no Keystone: [DEFAULT] auth_strategy has been changed."
            raise Retry(Code.PROVIDER_UNREACHABLE, text)
        with context.provider_call(f"delete the trust {row.provider_id}", timeout=KEYSTONE_TIMEOUT):
            try:
                end_trust(clouds, row.provider_id)
            except CloudError as error:
                text = f"The trust {row.provider_id} cannot be deleted now. {error}"
                raise Retry(Code.PROVIDER_UNREACHABLE, text) from error
        context.gone(row)
    return Done()
