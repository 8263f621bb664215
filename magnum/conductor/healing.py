"""Auto-healing: whether what two looks at a cluster have found is reason to replace some of its nodes.

A node has died when it was a member, and two looks in a row, at least an interval apart, have not found it Ready. What
is written of the look before is compared with the one that is being stored, so no state is kept besides and any
conductor may look.

Nothing is replaced where that may do harm: when the API does not answer, most nodes or most masters are gone (then it
may be the network between them and us), the last change has failed (its owner knows why), or healing has not helped for
a while. The owner reads in an event that, and why, nothing is done.
"""

import random
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from magnum.core.statuses import begin
from magnum.db import events, nodegroups, nodes, operations
from magnum.db.engine import Database
from magnum.model.clocks import MICROSECONDS, Instant
from magnum.model.clusters import Cluster
from magnum.model.events import Event, EventLevel
from magnum.model.health import API, BELIEVED_INTERVALS, OK, READY, is_healed_by_us
from magnum.model.names import new_uuid
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import HealCluster, Operation, OperationState
from magnum.model.statuses import STEADY, StatusEvent

KIND = "cluster.heal"
MOST_IN_AN_HOUR = 4
_HOUR = 3600 * MICROSECONDS


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look: the reason of the health that it found, and when."""

    reason: Mapping[str, str]
    at: Instant


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator's settings say: seconds between two looks, and minutes that an operation may take."""

    interval: float
    minutes: int
    randomness: random.Random


def consider(tx: Connection, cluster: Cluster, before: Seen | None, now: Seen, terms: Terms) -> None:
    """Ask for the replacement of what has died, or say why not. Call it under the cluster's lock."""
    if not is_healed_by_us(cluster.labels) or before is None or not _in_a_row(before, now, terms.interval):
        return
    members = [node for node in nodes.of_cluster(tx, cluster.uuid) if node.state is NodeState.JOINED]
    lost = [node for node in members if _is_lost(node, before.reason) and _is_lost(node, now.reason)]
    if not lost or now.reason.get(API) != OK:
        return
    against = objection(members, lost) or _objection_of_cluster(tx, cluster, now.at)
    if against is None:
        start_healing(tx, cluster, lost, terms)
        return
    text = f"{_names(lost)} {_have(lost)} died and {_are(lost)} not replaced: {against}"
    if events.newest_text(tx, cluster.uuid, KIND) != text:
        events.insert(tx, Event(cluster_uuid=cluster.uuid, at=now.at, kind=KIND, text=text, level=EventLevel.WARNING))


def objection(members: Sequence[Node], lost: Sequence[Node]) -> str | None:
    """Say why it would be wrong to replace these; None when it is right."""
    masters = [node for node in members if node.role == MASTER]
    lost_masters = [node for node in lost if node.role == MASTER]
    if lost_masters and 2 * len(lost_masters) >= len(masters):
        return f"{len(lost_masters)} of {len(masters)} masters are gone, and only most of them could take a new one in."
    if 2 * len(lost) > len(members):
        return (
            f"{len(lost)} of {len(members)} nodes are gone at once, which may be the network rather than the machines."
        )
    return None


def start_healing(tx: Connection, cluster: Cluster, lost: Sequence[Node], terms: Terms) -> None:
    """Ask for it, as an owner asks for a change."""
    at = Database.now(tx)
    operation = Operation(
        uuid=new_uuid(terms.randomness),
        cluster_uuid=cluster.uuid,
        arguments=HealCluster(tuple(node.uuid for node in lost)),
        state=OperationState.QUEUED,
        next_attempt=at,
        created_at=at,
        deadline=at + terms.minutes * 60 * MICROSECONDS if terms.minutes else None,
    )
    operations.enqueue(tx, operation)
    begin(tx, cluster, StatusEvent.UPDATE_STARTED)
    text = f"{_names(lost)} {_have(lost)} died and {_are(lost)} replaced."
    events.insert(
        tx,
        Event(
            cluster_uuid=cluster.uuid,
            at=at,
            kind=KIND,
            text=text,
            level=EventLevel.WARNING,
            operation_uuid=operation.uuid,
        ),
    )


def _objection_of_cluster(tx: Connection, cluster: Cluster, at: Instant) -> str | None:
    failed = [group.name for group in nodegroups.of_cluster(tx, cluster.uuid) if group.status not in STEADY | {None}]
    if cluster.status not in STEADY or failed:
        return f"the last change of the cluster has failed ({cluster.status}). Retry that, or ask for another one."
    recent = [one for one in operations.of_cluster(tx, cluster.uuid) if one.created_at > at - _HOUR]
    if sum(isinstance(one.arguments, HealCluster) for one in recent) >= MOST_IN_AN_HOUR:
        return f"{MOST_IN_AN_HOUR} times in the last hour that has not helped for long."
    return None


def _in_a_row(before: Seen, now: Seen, interval: float) -> bool:
    return interval * MICROSECONDS <= now.at - before.at <= BELIEVED_INTERVALS * interval * MICROSECONDS


def _is_lost(node: Node, reason: Mapping[str, str]) -> bool:
    return reason.get(f"{node.name}{READY}") == str(False)


def _names(lost: Sequence[Node]) -> str:
    return ", ".join(node.name for node in lost[:10]) + (f" and {len(lost) - 10} more" if len(lost) > 10 else "")


def _have(lost: Sequence[Node]) -> str:
    return "has" if len(lost) == 1 else "have"


def _are(lost: Sequence[Node]) -> str:
    return "is" if len(lost) == 1 else "are"
