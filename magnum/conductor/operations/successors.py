"""New authorities and a new certificate of our own beside those that a cluster names, until they take their place.

Their UUIDs follow from that of the first operation which tried to, so that one that is tried again goes on with what
that one has made and given to nodes. They stand on the ledger before anything is stored. The old ones are put there
when the cluster names them no more, so whatever is on it and not named is to be removed in the end.
"""

from collections.abc import Sequence
from uuid import UUID, uuid5

from sqlalchemy import Connection

from magnum.conductor.context import StepContext
from magnum.conductor.secrets import store_failures
from magnum.db import authorities, ledger
from magnum.model.clusters import CA_COLUMNS, Cluster
from magnum.model.outcomes import Done, Outcome
from magnum.model.signing import CaType

from .certificates import CERTIFICATE, OWN, columns, ensure


def make_successors(context: StepContext) -> Outcome:
    """Store new ones, then have members of the cluster trust the new authorities besides those that it names."""
    successors = _made(context, columns(context))
    coming = _authorities(successors)
    if coming != _named(context.cluster):
        context.write(lambda tx: authorities.trust(tx, context.cluster.uuid, coming))
    return Done()


def name_successors(context: StepContext) -> Outcome:
    """Let the cluster name all of them at once; the old authorities are still trusted."""
    _name(context, _made(context, columns(context)))
    return Done()


def distrust_predecessors(context: StepContext) -> Outcome:
    """Have members trust nothing but what the cluster names."""
    context.write(lambda tx: authorities.forget(tx, context.cluster.uuid))
    return Done()


def renew_own_certificate(context: StepContext) -> Outcome:
    """Let a new one of the same authority take the place of our own, where there is one."""
    if context.cluster.magnum_cert_ref is not None:
        _name(context, _made(context, (OWN,)))
    return Done()


def _made(context: StepContext, wanted: Sequence[str]) -> dict[str, str]:
    """Give the references of new ones, by column; made and stored where they are not yet."""
    made: dict[str, str] = {}
    with store_failures("make the cluster's new certificates"):
        for column in wanted:
            resource = context.attempt(CERTIFICATE, str(uuid5(UUID(context.operation.origin), column)))
            ref = resource.provider_id
            if ref is None:
                issuer = made.get("ca_cert_ref", context.cluster.ca_cert_ref)
                ref = ensure(context, column, resource.name, authority_ref=issuer)
                context.confirm(resource, ref)
            made[column] = ref
    return made


def _name(context: StepContext, successors: dict[str, str]) -> None:
    old = {column: getattr(context.cluster, column) for column in successors}
    if old == successors:
        return
    uuid, leaving = context.cluster.uuid, [ref for ref in old.values() if ref is not None]
    predecessors = {ca_type: ref for ca_type, ref in _named(context.cluster).items() if ref in leaving}

    def keep(tx: Connection) -> None:
        for ref in leaving:
            ledger.confirm(tx, ledger.attempt(tx, uuid, CERTIFICATE, ref).id, ref)
        authorities.trust(tx, uuid, predecessors)

    context.set_cluster(successors, beside=keep)


def _named(cluster: Cluster) -> dict[CaType, str]:
    return _authorities({column: getattr(cluster, column) for column in CA_COLUMNS.values()})


def _authorities(refs: dict[str, str]) -> dict[CaType, str]:
    """Give those of authorities, by type."""
    return {ca_type: refs[column] for ca_type, column in CA_COLUMNS.items() if refs.get(column) is not None}
