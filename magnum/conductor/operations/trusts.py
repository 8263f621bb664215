"""The trusts that a cluster's owners have given: ended when nothing is left to do by them.

They are the API's to make and ours to end, by themselves: by a trust we are its trustor, who may delete it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from magnum.conductor.context import StepContext
from magnum.model.failures import Code, Retry
from magnum.model.ledger import CloudResource, ResourceState
from magnum.model.operations import RotateCredential
from magnum.model.outcomes import Done, Outcome
from magnum.model.trusts import TRUST
from magnum.openstack.errors import CloudError
from magnum.openstack.trusts import end_trust, is_redelegated

if TYPE_CHECKING:
    from magnum.openstack.clouds import Clouds

KEYSTONE_TIMEOUT = 20.0
"""Seconds: a token of the trust is made, and then the trust deleted."""


def use_new_trust(context: StepContext) -> Outcome:
    """Act by the trust that whoever asked for the rotation has given."""
    arguments = context.operation.arguments
    assert isinstance(arguments, RotateCredential)
    if arguments.trust_id is not None and arguments.trust_id != context.cluster.trust_id:
        context.set_cluster({"trust_id": arguments.trust_id})
    return Done()


def remove_old_trusts(context: StepContext) -> Outcome:
    """Delete those that came before the one that the cluster names; one that Heat lives by stays.

    Heat takes a trust of its own from another trustor's only. From the same trustor's it goes on with the one that it
    has, which would end with the trust that it was made from.
    """
    standing = _standing(context)
    present = next((row for row in standing if row.provider_id == context.cluster.trust_id), None)
    for row in standing:
        if present is None or row.id >= present.id or row.provider_id is None:
            continue
        with _asking(f"see who lives by the trust {row.provider_id}"):
            if is_redelegated(_clouds(context), row.provider_id):
                text = f"The trust {row.provider_id} stays for now: Heat has its own from it. It goes with the cluster."
                context.event(text)
                continue
        _remove(context, row)
    return Done()


def remove_trusts(context: StepContext) -> Outcome:
    """Delete all that have been given. What somebody has removed, or can be used no more, is fine."""
    for row in _standing(context):
        _remove(context, row)
    return Done()


def _standing(context: StepContext) -> list[CloudResource]:
    """Give those that were made, oldest first. One that is only attempted is the API's, or nobody's."""
    return [row for row in context.resources(TRUST) if row.state is ResourceState.PRESENT]


def _remove(context: StepContext, row: CloudResource) -> None:
    assert row.provider_id is not None
    what = f"delete the trust {row.provider_id}"
    with context.provider_call(what, timeout=KEYSTONE_TIMEOUT), _asking(what):
        end_trust(_clouds(context), row.provider_id)
    context.gone(row)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    try:
        yield
    except CloudError as error:
        raise Retry(Code.PROVIDER_UNREACHABLE, f"Keystone was asked to {what}, and could not. {error}") from error


def _clouds(context: StepContext) -> "Clouds":
    clouds = context.services.driver_services.clouds
    if clouds is None:
        text = "The cluster has a trust and there is no Keystone: [DEFAULT] auth_strategy has been changed."
        raise Retry(Code.PROVIDER_UNREACHABLE, text)
    return clouds
