"""Whose turn it is to be looked at, and what was seen. Any number of conductors share all clusters by it.

A cluster that is due is claimed by one statement, which sets the time when it is due again to one that nobody else
saw: of two that try, the second changes nothing. That time is also the claim's token. What was seen is stored under the
cluster's lock, and only while the token is still there, nothing else has changed of the cluster, and it is one to be
looked at: so never over what was seen or reported later, and never when it is changing, being deleted or gone.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, func, or_, select

from magnum.model.clocks import Instant
from magnum.model.clusters import Cluster
from magnum.model.health import LOOKED_AT

from . import clusters, operations
from . import operationrows as stored
from .errors import NotFound
from .tables import cluster, cluster_state

_due_at: ColumnElement[int] = func.coalesce(cluster_state.c.health_due_at, 0)
_STATUSES = sorted(LOOKED_AT)


class Due(msgspec.Struct, frozen=True):
    """A cluster as it was found; one that was adopted has no state, and no generation, yet."""

    cluster_uuid: str
    due_at: Instant
    generation: int | None


class Look(msgspec.Struct, frozen=True):
    """The right to look at a cluster, and to store what is seen as of `at`."""

    cluster_uuid: str
    at: Instant
    until: Instant
    generation: int


def find_due(tx: Connection, at: Instant, limit: int) -> list[Due]:
    """Give those that have waited longest; no lock is taken."""
    query = (
        select(cluster.c.uuid, _due_at, cluster_state.c.generation)
        .select_from(cluster.outerjoin(cluster_state, cluster_state.c.cluster_uuid == cluster.c.uuid))
        .where(
            cluster.c.status.in_(_STATUSES),
            cluster.c.api_address.is_not(None),
            or_(cluster_state.c.health_due_at.is_(None), cluster_state.c.health_due_at <= at),
        )
        .order_by(_due_at, cluster.c.id)
        .limit(limit)
    )
    return [Due(*row) for row in tx.execute(query)]


def claim(tx: Connection, found: Sequence[Due], *, at: Instant, until: Instant) -> list[Look]:
    """Take those that nobody has taken meanwhile; always in the same order, so that two do not wait for each other."""
    taken = []
    for due in sorted(found, key=lambda due: due.cluster_uuid):
        generation = due.generation
        if generation is None:
            try:
                generation = operations.lock(tx, due.cluster_uuid).generation
            except NotFound:
                continue
        own = cluster_state.update().where(cluster_state.c.cluster_uuid == due.cluster_uuid)
        if tx.execute(own.where(_due_at == due.due_at).values(health_due_at=until)).rowcount == 1:
            taken.append(Look(due.cluster_uuid, at, until, generation))
    return taken


def lock(tx: Connection, look: Look) -> Cluster | None:
    """Lock the cluster and give it as it is; None when nothing may be stored of this look any more."""
    try:
        state = operations.lock(tx, look.cluster_uuid)
        current = clusters.read(tx, look.cluster_uuid)
    except NotFound:
        return None
    if (state.health_due_at, state.generation) != (look.until, look.generation) or current.status not in LOOKED_AT:
        return None
    return current


def seen(tx: Connection, look: Look, *, due_at: Instant) -> None:
    """Write down when the stored health was observed, and when it is looked at again."""
    stored.set_state(tx, look.cluster_uuid, health_observed_at=look.at, health_due_at=due_at)
