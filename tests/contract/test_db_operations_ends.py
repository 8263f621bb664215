"""How operations end before they are done: by a delete, by a deadline, with their node group."""

import pytest
from desk import LEASE, SECOND

from magnum.db import operations
from magnum.db.errors import LeaseLost
from magnum.model.operations import OperationState, ResizeNodeGroup

QUEUED, ACTIVE, COMPLETE, CANCELLED = (
    OperationState.QUEUED,
    OperationState.ACTIVE,
    OperationState.COMPLETE,
    OperationState.CANCELLED,
)


# ---- superseding


def test_a_delete_cancels_all_and_is_due_at_once_when_nobody_works(desk):
    others = [desk.enqueue(), desk.enqueue()]
    uuid = desk.delete()
    assert [desk.get(other).state for other in others] == [CANCELLED, CANCELLED]
    assert all(desk.get(other).cancel_requested and desk.get(other).finished_at for other in others)
    claim = desk.claim_one()
    assert claim.operation.uuid == uuid
    desk.finish(claim)
    assert desk.claim() == []


def test_a_delete_waits_until_the_worker_has_returned(desk):
    desk.enqueue()
    worker = desk.claim_one()
    epoch = desk.state().epoch
    uuid = desk.delete()
    assert desk.state().epoch == epoch + 1
    assert desk.lost(worker)
    with pytest.raises(LeaseLost):
        desk.write(operations.renew, worker, LEASE)
    desk.clock.advance(1)
    assert desk.claim() == []
    desk.write(operations.let_go, worker.owner)
    assert desk.claim_one().operation.uuid == uuid


def test_a_delete_waits_no_longer_than_the_lease_and_the_longest_call(desk):
    desk.enqueue()
    worker = desk.claim_one()
    uuid = desk.delete(longest_call=30)
    desk.clock.advance(LEASE + 29)
    assert desk.claim() == []
    desk.clock.advance(1.1)
    deleting = desk.claim_one()
    assert deleting.operation.uuid == uuid
    desk.write(operations.let_go, worker.owner)
    desk.write(operations.verify, deleting)


def test_a_delete_after_a_delete_still_waits_for_the_first_worker(desk):
    desk.enqueue()
    worker = desk.claim_one()
    first, second = desk.delete(), desk.delete()
    assert desk.get(first).state is CANCELLED
    desk.clock.advance(1)
    assert desk.claim() == []
    desk.write(operations.let_go, worker.owner)
    assert desk.claim_one().operation.uuid == second


def test_what_is_enqueued_while_a_delete_runs_comes_after_it(desk):
    desk.delete()
    later = desk.enqueue()
    desk.finish(desk.claim_one())
    assert desk.claim_one().operation.uuid == later


# ---- deadlines


@pytest.mark.parametrize(("away", "moved"), [(0, 0), (LEASE - 1, 0), (3600, 3600)])
def test_time_in_which_nobody_ran_a_waiting_operation_does_not_count(desk, away, moved):
    deadline = desk.clock.now() + 600 * SECOND
    desk.enqueue(deadline=deadline)
    desk.save(desk.claim_one(), wait=5, release=True)
    desk.clock.advance(5 + away)
    assert desk.claim_one().operation.deadline == deadline + moved * SECOND


def test_time_after_a_lease_lapsed_does_not_count(desk):
    deadline = desk.clock.now() + 600 * SECOND
    uuid = desk.enqueue(deadline=deadline)
    claim = desk.claim_one()
    desk.clock.advance(5)
    desk.write(operations.renew, claim, LEASE)
    desk.clock.advance(LEASE + 3600)
    assert desk.claim_one().operation.deadline == desk.get(uuid).deadline == deadline + 3600 * SECOND


def test_time_in_which_a_worker_was_at_it_counts(desk):
    deadline = desk.clock.now() + 600 * SECOND
    desk.enqueue(deadline=deadline)
    claim = desk.claim_one()
    for _ in range(10):
        desk.clock.advance(LEASE - 1)
        desk.write(operations.renew, claim, LEASE)
    desk.write(operations.let_go, claim.owner)
    assert desk.claim_one().operation.deadline == deadline


def test_time_in_the_queue_does_not_count(desk):
    desk.enqueue()
    deadline = desk.clock.now() + 600 * SECOND
    uuid = desk.enqueue(deadline=deadline)
    claim = desk.claim_one()
    desk.clock.advance(9)
    desk.finish(claim)
    assert desk.get(uuid).deadline == deadline + 9 * SECOND
    assert desk.claim_one().operation.deadline == deadline + 9 * SECOND


class TestTheEndOfANodeGroup:
    """What was asked of a group is given up when it is to go."""

    @pytest.fixture
    def cluster(self, database, make):
        return database.write(make.cluster)

    def queue(self, database, make, cluster, *groups):
        queued = [make.operation(cluster, ResizeNodeGroup(nodegroup_uuid=g, node_count=2, previous=1)) for g in groups]
        for operation in queued:
            database.write(lambda tx, o=operation: operations.enqueue(tx, o))
        return [operation.uuid for operation in queued]

    def states(self, database, uuids):
        return [database.read(lambda tx, u=uuid: operations.get(tx, u)).state for uuid in uuids]

    def test_the_next_of_the_others_goes_on(self, database, make, cluster):
        uuids = self.queue(database, make, cluster, "g1", "g1", "g2", "g1")
        database.write(lambda tx: operations.cancel_of_nodegroup(tx, cluster, "g1"))
        state = OperationState
        assert self.states(database, uuids) == [state.CANCELLED, state.CANCELLED, state.ACTIVE, state.CANCELLED]
        claims = database.write(lambda tx: operations.claim(tx, owner=make.owner, limit=9, lease=10.0))
        assert [claim.operation.uuid for claim in claims] == [uuids[2]]

    def test_with_no_other_the_cluster_is_free(self, database, make, cluster):
        self.queue(database, make, cluster, "g1")
        database.write(lambda tx: operations.cancel_of_nodegroup(tx, cluster, "g1"))
        assert database.write(lambda tx: operations.lock(tx, cluster)).operation_uuid is None

    def test_what_somebody_is_running_goes_on(self, database, make, cluster):
        uuids = self.queue(database, make, cluster, "g1", "g1")
        (claim,) = database.write(lambda tx: operations.claim(tx, owner=make.owner, limit=9, lease=10.0))
        database.write(lambda tx: operations.cancel_of_nodegroup(tx, cluster, "g1"))
        assert self.states(database, uuids) == [OperationState.ACTIVE, OperationState.CANCELLED]
        database.write(lambda tx: operations.verify(tx, claim))
