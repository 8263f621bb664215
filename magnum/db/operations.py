"""The lock of a cluster, its queue of operations, and the leases by which conductors run them.

A cluster has one row in `cluster_state`; everything here begins by locking it, so what follows is decided by one at a
time. Of the open operations of a cluster exactly one is ACTIVE, the row names it, and it is the first of the queue.

* Two conductors claim the same operation: candidates are looked for without locks, then locked (those that another
  holds are skipped) and looked at again. Of two that wait, the second finds the lease taken.
* A conductor believes in a claim whose commit failed: `claim` runs inside `Database.write`, and what that returns
  holds only once it has returned.
* A worker was paused beyond its lease and writes: every write starts with `verify`, which compares epoch and owner
  under the lock. Claiming, superseding, replacing and finishing raise the epoch; releasing a lease clears the owner.
* A delete comes while a worker is inside a provider call: `supersede` takes the epoch at once and leaves the owner's
  name in place. The delete is due when that owner calls `let_go`, or when its lease and the longest call have passed.
* A worker that was superseded calls `let_go` late: no row names its owner any more, since owners are never used
  twice.
* The host was off, or the queue was long: time in which nobody ran an operation is added to its deadline.
"""

from collections.abc import Callable, Iterable
from typing import get_args

import msgspec
from sqlalchemy import Connection, RowMapping, and_, case, func, or_, select
from sqlalchemy import delete as sql_delete

from magnum.model.clocks import MICROSECONDS, Instant
from magnum.model.operations import (
    Arguments,
    Claim,
    ClusterState,
    Operation,
    OperationState,
    ResizeNodeGroup,
)

from . import operationrows as stored
from . import rows
from .errors import LeaseLost, NotFound
from .instants import clock, now
from .tables import cluster, cluster_state
from .tables import operation as table

_OF_NODEGROUPS = frozenset(
    str(kind.__struct_config__.tag) for kind in get_args(Arguments) if "nodegroup_uuid" in kind.__struct_fields__
)
_RESIZE = str(ResizeNodeGroup.__struct_config__.tag)
REPLACED = "A newer resize of the same node group replaced it."
SUPERSEDED = "A delete of the cluster cancelled it."
GROUP_GOES = "The removal of the node group cancelled it."

# ---- the lock


def create_state(tx: Connection, cluster_uuid: str) -> None:
    first = ClusterState(cluster_uuid=cluster_uuid, epoch=0, generation=1)
    rows.insert(tx, cluster_state, rows.values(cluster_state, first), resource="State of cluster", ident=cluster_uuid)


def lock(tx: Connection, cluster_uuid: str) -> ClusterState:
    """Wait for the cluster's lock, which goes with the transaction. A cluster that was adopted gets its state here."""
    state = stored.lock_state(tx, cluster_uuid)
    if state is None:
        if tx.execute(select(cluster.c.id).where(cluster.c.uuid == cluster_uuid)).first() is None:
            raise NotFound("Cluster", cluster_uuid)
        first = ClusterState(cluster_uuid=cluster_uuid, epoch=0, generation=1)
        rows.insert_if_absent(tx, cluster_state, rows.values(cluster_state, first))
        state = stored.lock_state(tx, cluster_uuid)
        assert state is not None
    return state


def touch(tx: Connection, cluster_uuid: str) -> None:
    """Raise the generation: clients can see that something has changed."""
    stored.set_state(tx, cluster_uuid, generation=cluster_state.c.generation + 1)


def touch_health(tx: Connection, cluster_uuid: str) -> None:
    """Raise the generation, because somebody has reported the cluster's health: when it was observed, nobody knows."""
    stored.set_state(tx, cluster_uuid, generation=cluster_state.c.generation + 1, health_observed_at=None)


def forget(tx: Connection, cluster_uuid: str) -> None:
    """Delete the lock and all operations: nothing is left of the cluster."""
    tx.execute(sql_delete(table).where(table.c.cluster_uuid == cluster_uuid))
    tx.execute(sql_delete(cluster_state).where(cluster_state.c.cluster_uuid == cluster_uuid))


# ---- the queue


def enqueue(tx: Connection, operation: Operation) -> None:
    """Put an operation at the end of its cluster's queue; it is ACTIVE at once if there is no other."""
    state = lock(tx, operation.cluster_uuid)
    operation = _not_before_now(tx, operation)
    position = stored.last_position(tx, operation.cluster_uuid) + 1
    stored.insert(tx, operation, OperationState.QUEUED, position=position)
    if state.operation_uuid is None:
        stored.set_operation(tx, operation.uuid, state=OperationState.ACTIVE)
        stored.set_state(tx, operation.cluster_uuid, operation_uuid=operation.uuid)


def replace_resize(tx: Connection, operation: Operation) -> bool:
    """Put a resize in the place of an older one of its node group that nobody is running; False if there is none.

    Where the older one has not changed anything at the provider, the count to go back to is still the one before it.
    """
    state = lock(tx, operation.cluster_uuid)
    operation = _not_before_now(tx, operation)
    for row in reversed(stored.open_operations(tx, operation.cluster_uuid)):
        current = row["uuid"] == state.operation_uuid
        if row["kind"] != _RESIZE or (current and state.owner is not None):
            continue
        older = stored.build(row)
        if not _same_nodegroup(older, operation):
            continue
        stored.close(tx, older.uuid, OperationState.CANCELLED, reason=REPLACED, cancel_requested=True)
        new_state = OperationState.ACTIVE if current else OperationState.QUEUED
        stored.insert(tx, _with_previous(operation, older), new_state, position=row["position"])
        if current:
            stored.set_state(tx, operation.cluster_uuid, epoch=state.epoch + 1, operation_uuid=operation.uuid)
        return True
    return False


def cancel_of_nodegroup(tx: Connection, cluster_uuid: str, nodegroup_uuid: str) -> None:
    """Cancel what is open about a node group that is to go, but for what somebody is running at this moment."""
    state = lock(tx, cluster_uuid)
    running = None if state.owner is None else state.operation_uuid
    found = [row for row in stored.open_operations(tx, cluster_uuid) if row["kind"] in _OF_NODEGROUPS]
    going = [row["uuid"] for row in found if stored.build(row).nodegroup_uuid == nodegroup_uuid]
    for uuid in going:
        if uuid != running:
            stored.close(tx, uuid, OperationState.CANCELLED, reason=GROUP_GOES, cancel_requested=True)
    if running is None and state.operation_uuid in going:
        _go_on(tx, state)


def supersede(tx: Connection, operation: Operation, *, longest_call: float) -> None:
    """Cancel all that is open and make `operation` the current one; it waits for a worker that may be at work still."""
    state = lock(tx, operation.cluster_uuid)
    at = now(tx)
    due = at if state.owner is None else max(at, state.lease_until + _microseconds(longest_call))
    for older in stored.open_operations(tx, operation.cluster_uuid):
        stored.close(tx, older["uuid"], OperationState.CANCELLED, reason=SUPERSEDED, cancel_requested=True)
    new = msgspec.structs.replace(operation, next_attempt=due)
    stored.insert(tx, new, OperationState.ACTIVE, position=stored.last_position(tx, operation.cluster_uuid) + 1)
    stored.set_state(tx, operation.cluster_uuid, epoch=state.epoch + 1, operation_uuid=operation.uuid)


# ---- leases


def claim(tx: Connection, *, owner: Callable[[], str], limit: int, lease: float) -> list[Claim]:
    """Take up to `limit` operations that are due and that nobody runs, the longest due first. Holds after COMMIT."""
    claimed_at = clock(tx).monotonic()
    at = now(tx)
    free = or_(cluster_state.c.owner.is_(None), cluster_state.c.lease_until < at)
    candidates = select(cluster_state.c.cluster_uuid).select_from(stored.CURRENT)
    candidates = candidates.where(stored.RUNNABLE, table.c.next_attempt <= at, free)
    found = tx.execute(candidates.order_by(table.c.next_attempt, table.c.id).limit(limit)).scalars().all()
    if not found:
        return []
    mine = select(cluster_state).where(cluster_state.c.cluster_uuid.in_(found), free)
    locked = tx.execute(mine.with_for_update(skip_locked=True)).mappings()
    states = {row["operation_uuid"]: rows.build(ClusterState, row) for row in locked}
    return [
        _claim_one(tx, states[due.uuid], due, owner=owner(), at=at, lease=lease, claimed_at=claimed_at)
        for due in _due_operations(tx, states, at)
    ]


def verify(tx: Connection, claim: Claim) -> ClusterState:
    """Lock the cluster and see that the claim still holds. The first statement of every write of a conductor."""
    cluster_uuid = claim.operation.cluster_uuid
    state = stored.lock_state(tx, cluster_uuid)
    if state is None or state.epoch != claim.epoch or state.owner != claim.owner:
        raise LeaseLost(cluster_uuid)
    return state


def renew(tx: Connection, claim: Claim, lease: float) -> None:
    verify(tx, claim)
    stored.set_state(tx, claim.operation.cluster_uuid, lease_until=now(tx) + _microseconds(lease))


def mark_accepted(tx: Connection, claim: Claim, accepted: bool) -> None:
    """Write down whether the provider may have done what was asked for."""
    verify(tx, claim)
    stored.set_operation(tx, claim.operation.uuid, accepted=accepted)


def allow_more_time(tx: Connection, claim: Claim, minutes: int) -> None:
    """Let the time that it may take begin anew, unless it may take as long as it needs."""
    verify(tx, claim)
    if get(tx, claim.operation.uuid).deadline is not None:
        stored.set_operation(tx, claim.operation.uuid, deadline=now(tx) + _microseconds(minutes * 60))


def save_step(
    tx: Connection,
    claim: Claim,
    *,
    step: str | None,
    step_number: int,
    steps_total: int,
    attempts: int,
    reason: str | None,
    next_attempt: Instant,
    release: bool,
) -> None:
    """Write how far the operation is. Released, it waits for `next_attempt` without a lease and the claim is over."""
    state = verify(tx, claim)
    uuid = claim.operation.uuid
    before = tx.execute(select(table.c.step, table.c.step_started_at).where(table.c.uuid == uuid)).one()
    started = before.step_started_at if before.step == step else now(tx)
    stored.set_operation(
        tx,
        uuid,
        step=step,
        step_started_at=started,
        step_number=step_number,
        steps_total=steps_total,
        attempts=attempts,
        reason=reason,
        next_attempt=next_attempt,
    )
    if release:
        stored.set_state(tx, state.cluster_uuid, owner=None)


def finish(
    tx: Connection,
    claim: Claim,
    *,
    state: OperationState,
    reason: str | None = None,
    error_code: str | None = None,
) -> None:
    """Close the operation; the next of the queue is due at once, its deadline moved by the time that it waited."""
    before = verify(tx, claim)
    stored.close(tx, claim.operation.uuid, state, reason=reason, error_code=error_code)
    _go_on(tx, before)


def let_go(tx: Connection, owner: str) -> None:
    """Say that the worker of this claim has returned from its step and starts nothing more.

    What waited for it, or what it gave up itself, is due at once. Nothing happens when another has the cluster by now.
    """
    query = select(cluster_state).where(cluster_state.c.owner == owner).with_for_update()
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        return
    stored.set_state(tx, row["cluster_uuid"], owner=None)
    stored.set_operation(tx, row["operation_uuid"], next_attempt=now(tx))


def release_all(tx: Connection) -> None:
    """End every lease: only for one who knows that all who held them are dead. What they ran is due at once.

    It is due since they died, as far as can be known, so that the time since then does not count.
    """
    held = select(cluster_state.c.cluster_uuid, cluster_state.c.lease_until, table.c.uuid, table.c.next_attempt)
    query = held.select_from(stored.CURRENT).where(cluster_state.c.owner.is_not(None)).with_for_update()
    for row in tx.execute(query).all():
        due = min(now(tx), max(row.next_attempt, row.lease_until))
        stored.set_operation(tx, row.uuid, next_attempt=due)
        stored.set_state(tx, row.cluster_uuid, owner=None)


# ---- reading


def look(tx: Connection, cluster_uuid: str) -> ClusterState | None:
    """Give the cluster's state without its lock: to be shown, not to be acted on."""
    query = select(cluster_state).where(cluster_state.c.cluster_uuid == cluster_uuid)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else rows.build(ClusterState, row)


def get(tx: Connection, operation_uuid: str) -> Operation:
    row = tx.execute(stored.READ.where(table.c.uuid == operation_uuid)).mappings().one_or_none()
    if row is None:
        raise NotFound(stored.RESOURCE, operation_uuid)
    return stored.build(row)


def of_cluster(
    tx: Connection, cluster_uuid: str, *, limit: int = 1000, after: str | None = None, descending: bool = True
) -> list[Operation]:
    """Give the operations of a cluster, newest first unless told otherwise, from the one that follows `after`."""
    query = stored.READ.where(table.c.cluster_uuid == cluster_uuid)
    if after is not None:
        mine = select(table.c.id).where(table.c.uuid == after, table.c.cluster_uuid == cluster_uuid)
        marker = tx.execute(mine).scalar()
        if marker is None:
            raise NotFound(stored.RESOURCE, after)
        query = query.where(table.c.id < marker if descending else table.c.id > marker)
    query = query.order_by(table.c.id.desc() if descending else table.c.id).limit(limit)
    return [stored.build(row) for row in tx.execute(query).mappings()]


def next_due(tx: Connection) -> Instant | None:
    """Say when `claim` may find something next, as far as is known now; None when nothing is open."""
    lapse = cluster_state.c.lease_until + 1
    leased = and_(cluster_state.c.owner.is_not(None), lapse > table.c.next_attempt)
    earliest = func.min(case((leased, lapse), else_=table.c.next_attempt))
    query = select(earliest).select_from(stored.CURRENT).where(stored.RUNNABLE)
    found = tx.execute(query).scalar()
    return None if found is None else int(found)


# ---- parts


def _claim_one(
    tx: Connection,
    state: ClusterState,
    operation: Operation,
    *,
    owner: str,
    at: Instant,
    lease: float,
    claimed_at: float,
) -> Claim:
    since = operation.next_attempt if state.owner is None else max(operation.next_attempt, state.lease_until)
    idle = at - since
    if operation.deadline is not None and idle > _microseconds(lease):
        operation = msgspec.structs.replace(operation, deadline=operation.deadline + idle)
        stored.set_operation(tx, operation.uuid, deadline=operation.deadline)
    epoch = state.epoch + 1
    stored.set_state(tx, state.cluster_uuid, epoch=epoch, owner=owner, lease_until=at + _microseconds(lease))
    return Claim(operation=operation, epoch=epoch, owner=owner, claimed_at=claimed_at)


def _due_operations(tx: Connection, uuids: Iterable[str], at: Instant) -> list[Operation]:
    """Read the current operations of locked clusters anew; what was due before the lock may have been changed."""
    query = stored.READ.where(table.c.uuid.in_(list(uuids)), stored.RUNNABLE, table.c.next_attempt <= at)
    return [stored.build(row) for row in tx.execute(query.order_by(table.c.next_attempt, table.c.id)).mappings()]


def _go_on(tx: Connection, state: ClusterState) -> None:
    """Let the first that is still open be the cluster's current one. Nobody has a claim on the cluster any more."""
    successor = next(iter(stored.open_operations(tx, state.cluster_uuid)), None)
    if successor is not None:
        _activate(tx, successor)
    uuid = None if successor is None else successor["uuid"]
    stored.set_state(tx, state.cluster_uuid, epoch=state.epoch + 1, owner=None, operation_uuid=uuid)


def _activate(tx: Connection, successor: RowMapping) -> None:
    at = now(tx)
    waited = max(0, at - successor["next_attempt"])
    deadline = None if successor["deadline"] is None else successor["deadline"] + waited
    due = max(at, successor["next_attempt"])
    stored.set_operation(tx, successor["uuid"], state=OperationState.ACTIVE, next_attempt=due, deadline=deadline)


def _same_nodegroup(older: Operation, newer: Operation) -> bool:
    return (
        isinstance(older.arguments, ResizeNodeGroup)
        and isinstance(newer.arguments, ResizeNodeGroup)
        and older.arguments.nodegroup_uuid == newer.arguments.nodegroup_uuid
    )


def _with_previous(newer: Operation, older: Operation) -> Operation:
    assert isinstance(newer.arguments, ResizeNodeGroup)
    assert isinstance(older.arguments, ResizeNodeGroup)
    if older.accepted:
        return newer
    arguments = msgspec.structs.replace(newer.arguments, previous=older.arguments.previous)
    return msgspec.structs.replace(newer, arguments=arguments)


def _not_before_now(tx: Connection, operation: Operation) -> Operation:
    """While an operation is queued, `next_attempt` is the time since when it could have run."""
    return msgspec.structs.replace(operation, next_attempt=max(operation.next_attempt, now(tx)))


def _microseconds(seconds: float) -> int:
    return int(seconds * MICROSECONDS)
