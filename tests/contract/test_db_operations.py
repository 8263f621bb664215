import pytest
from desk import LEASE, SECOND
from msgspec import ValidationError

from magnum.db import clusters, operations, tables
from magnum.db.errors import AlreadyExists, LeaseLost, NotFound
from magnum.model.operations import OperationState, SweepCluster

QUEUED, ACTIVE, COMPLETE, CANCELLED = (
    OperationState.QUEUED,
    OperationState.ACTIVE,
    OperationState.COMPLETE,
    OperationState.CANCELLED,
)


# ---- the lock


def test_a_cluster_has_one_state(desk):
    assert (desk.state().epoch, desk.state().generation, desk.state().owner) == (0, 1, None)
    with pytest.raises(AlreadyExists):
        desk.write(operations.create_state, desk.cluster)
    with pytest.raises(NotFound):
        desk.write(operations.lock, desk.make.uuid())


def test_an_adopted_cluster_gets_its_state_when_it_is_first_locked(database, make):
    uuid = database.write(lambda tx: make.cluster(tx, state=False))
    assert database.write(lambda tx: operations.lock(tx, uuid)).generation == 1
    database.write(lambda tx: operations.enqueue(tx, make.operation(uuid)))
    assert len(database.write(lambda tx: operations.claim(tx, owner=make.owner, limit=1, lease=LEASE))) == 1


def test_nothing_is_left_of_a_cluster_that_is_forgotten(desk):
    uuid = desk.enqueue()
    claim = desk.claim_one()
    desk.write(clusters.delete, desk.cluster)
    assert desk.get(uuid).uuid == uuid
    desk.write(operations.forget, desk.cluster)
    for query in (lambda: desk.get(uuid), desk.state):
        with pytest.raises(NotFound):
            query()
    assert desk.lost(claim)
    assert desk.next_due() is None


# ---- the queue


def test_an_operation_reads_as_it_was_written(desk):
    arguments = SweepCluster(driver="fake", coe="swarm", server_type="vm", os=None, secrets=("a", "b"))
    uuid = desk.enqueue(arguments, deadline=desk.clock.now() + 5, request_id="req-1")
    found = desk.get(uuid)
    assert (found.arguments, found.kind, found.request_id) == (arguments, "sweep", "req-1")
    assert (found.deadline, found.accepted, found.cancel_requested) == (desk.clock.now() + 5, False, False)
    with pytest.raises(NotFound, match="Operation"):
        desk.get(desk.make.uuid())


def test_operations_run_one_after_another_in_the_order_they_came(desk):
    uuids = [desk.enqueue() for _ in range(3)]
    assert [desk.get(uuid).state for uuid in uuids] == [ACTIVE, QUEUED, QUEUED]
    for uuid in uuids:
        claim = desk.claim_one()
        assert claim.operation.uuid == uuid
        assert desk.claim() == []
        desk.finish(claim, reason="done", error_code=None)
        assert (desk.get(uuid).state, desk.get(uuid).finished_at) == (COMPLETE, desk.clock.now())
    assert desk.state().operation_uuid is None
    assert desk.claim() == []
    assert [found.uuid for found in desk.database.read(lambda tx: operations.of_cluster(tx, desk.cluster))] == uuids[
        ::-1
    ]


def test_an_operation_may_be_put_off(desk):
    uuid = desk.enqueue(next_attempt=desk.clock.now() + 60 * SECOND)
    assert desk.next_due() == desk.get(uuid).next_attempt
    assert desk.claim() == []
    desk.clock.advance(60)
    assert desk.claim_one().operation.uuid == uuid


def test_a_newer_resize_takes_the_place_of_a_queued_one(desk):
    desk.enqueue()
    first, _ = desk.resize(3, previous=1)
    other, _ = desk.resize(9, group="h")
    second, replaced = desk.resize(5, previous=3)
    assert replaced
    assert (desk.get(first).state, desk.get(first).cancel_requested) == (CANCELLED, True)
    assert desk.get(second).arguments.previous == 1
    order = []
    for _ in range(3):
        claim = desk.claim_one()
        order.append(claim.operation.uuid)
        desk.finish(claim)
    assert order[1:] == [second, other]


def test_a_newer_resize_takes_over_from_one_that_waits(desk):
    first, _ = desk.resize(3)
    claim = desk.claim_one()
    desk.write(operations.mark_accepted, claim, True)
    desk.save(claim, wait=60, release=True)
    second, replaced = desk.resize(5, previous=3)
    assert replaced
    assert desk.get(first).state is CANCELLED
    assert desk.lost(claim)
    taken = desk.claim_one()
    assert taken.operation.uuid == second
    assert taken.operation.arguments.previous == 3, "the older one changed something: its count is what there is"
    assert taken.epoch > claim.epoch


def test_a_resize_that_is_being_run_is_not_replaced_nor_one_of_another_group(desk):
    desk.resize(3)
    claim = desk.claim_one()
    assert not desk.resize(4)[1]
    assert not desk.resize(4, group="h")[1]
    third, replaced = desk.resize(5)
    assert replaced, "the queued one is"
    desk.write(operations.verify, claim)
    desk.clock.advance(LEASE + 1)
    assert desk.resize(6)[1], "the queued one again, while a lapsed worker may still be at it"
    assert desk.get(third).state is CANCELLED


# ---- claims


def test_a_claim_takes_a_lease_and_raises_the_epoch(desk):
    desk.enqueue()
    claim = desk.claim_one()
    state = desk.state()
    assert (state.epoch, state.owner) == (claim.epoch, claim.owner) == (1, claim.owner)
    assert state.lease_until == desk.clock.now() + LEASE * SECOND
    assert claim.claimed_at == desk.clock.monotonic()
    assert desk.write(operations.verify, claim) == state
    assert desk.next_due() == state.lease_until + 1


def test_claims_come_in_batches_the_longest_due_first(database, make, clock):
    def write(tx):
        uuids = [make.cluster(tx) for _ in range(4)]
        for delay, uuid in zip((3, 1, 2, 9), uuids, strict=True):
            operations.enqueue(tx, make.operation(uuid, next_attempt=clock.now() + delay * SECOND))
        return uuids

    uuids = database.write(write)
    clock.advance(5)
    batches = [
        database.write(lambda tx: operations.claim(tx, owner=make.owner, limit=2, lease=LEASE)) for _ in range(3)
    ]
    taken = [[claim.operation.cluster_uuid for claim in batch] for batch in batches]
    assert taken == [[uuids[1], uuids[2]], [uuids[0]], []]
    assert len({claim.owner for batch in batches for claim in batch}) == 3


def test_a_claim_that_was_not_committed_is_none(desk):
    desk.enqueue()

    class PowerCutError(Exception):
        pass

    def fail(tx):
        operations.claim(tx, owner=desk.make.owner, limit=1, lease=LEASE)
        raise PowerCutError

    with pytest.raises(PowerCutError):
        desk.database.write(fail)
    assert desk.state().epoch == 0
    assert desk.claim_one().epoch == 1


def test_a_lapsed_lease_is_taken_over_and_the_former_owner_writes_nothing(desk):
    uuid = desk.enqueue()
    paused = desk.claim_one()
    desk.clock.advance(LEASE)
    assert desk.claim() == []
    desk.clock.advance(0.1)
    desk.write(operations.verify, paused)
    successor = desk.claim_one()
    for late in (
        lambda: desk.save(paused),
        lambda: desk.finish(paused),
        lambda: desk.write(operations.renew, paused, LEASE),
        lambda: desk.write(operations.mark_accepted, paused, True),
    ):
        with pytest.raises(LeaseLost):
            late()
    desk.write(operations.let_go, paused.owner)
    desk.write(operations.verify, successor)
    assert (desk.get(uuid).state, desk.get(uuid).step, desk.get(uuid).accepted) == (ACTIVE, None, False)


def test_a_renewed_lease_does_not_lapse(desk):
    desk.enqueue()
    claim = desk.claim_one()
    for _ in range(5):
        desk.clock.advance(LEASE - 1)
        desk.write(operations.renew, claim, LEASE)
    assert desk.claim() == []
    desk.clock.advance(LEASE + 1)
    assert desk.claim_one().epoch == claim.epoch + 1


def test_a_waiting_operation_holds_no_lease_and_its_claim_is_over(desk):
    uuid = desk.enqueue()
    claim = desk.claim_one()
    desk.save(claim, wait=5, release=True, reason="1 of 3 machines has reported", attempts=2)
    assert desk.lost(claim)
    assert desk.state().owner is None
    found = desk.get(uuid)
    assert (found.step, found.step_number, found.steps_total, found.attempts) == ("machines", 1, 3, 2)
    assert found.reason == "1 of 3 machines has reported"
    assert desk.next_due() == desk.clock.now() + 5 * SECOND
    assert desk.claim() == []
    desk.clock.advance(5)
    assert desk.claim_one().operation == found


def test_a_step_keeps_the_time_it_first_ran(desk):
    uuid = desk.enqueue()
    claim = desk.claim_one()
    desk.save(claim)
    began = desk.clock.now()
    desk.clock.advance(3)
    desk.save(claim, attempts=1)
    assert desk.get(uuid).step_started_at == began
    desk.save(claim, step="swarm")
    assert desk.get(uuid).step_started_at == began + 3 * SECOND


def test_the_provider_may_have_acted(desk):
    uuid = desk.enqueue()
    claim = desk.claim_one()
    desk.write(operations.mark_accepted, claim, True)
    assert desk.get(uuid).accepted
    desk.write(operations.mark_accepted, claim, False)
    assert not desk.get(uuid).accepted


def test_a_worker_that_gives_up_leaves_the_operation_due(desk):
    desk.enqueue()
    claim = desk.claim_one()
    desk.save(claim, wait=60)
    desk.write(operations.let_go, claim.owner)
    assert desk.lost(claim)
    assert desk.claim_one().operation.uuid == claim.operation.uuid


def test_what_a_newer_release_enqueued_waits_for_it_and_can_be_superseded(desk):
    uuid = desk.enqueue()
    kind = tables.operation.update().values(kind="rotate", arguments='{"type": "rotate", "since": "2.0"}')
    desk.database.write(lambda tx: tx.execute(kind))
    assert desk.claim() == []
    assert desk.next_due() is None
    assert not desk.resize(3)[1]
    deleting = desk.delete()
    assert desk.claim_one().operation.uuid == deleting
    with pytest.raises(ValidationError):
        desk.get(uuid)


@pytest.mark.parametrize("away", [1, 3600])
def test_when_all_workers_are_known_to_be_dead_their_operations_are_due(desk, away):
    deadline = desk.clock.now() + 600 * SECOND
    uuid = desk.enqueue(deadline=deadline)
    dead = desk.claim_one()
    desk.clock.advance(away)
    desk.write(operations.release_all)
    assert desk.lost(dead)
    claim = desk.claim_one()
    assert claim.operation.uuid == uuid
    assert claim.operation.deadline == deadline + (away - LEASE if away > 2 * LEASE else 0) * SECOND


def test_a_delete_does_not_wait_for_a_worker_that_is_known_to_be_dead_nor_a_sweep_come_early(desk):
    desk.enqueue()
    desk.claim()
    uuid = desk.delete()
    desk.write(operations.release_all)
    claim = desk.claim_one()
    assert claim.operation.uuid == uuid
    desk.finish(claim)
    later = desk.enqueue(next_attempt=desk.clock.now() + 120 * SECOND)
    desk.write(operations.release_all)
    assert desk.claim() == []
    assert desk.get(later).next_attempt == desk.clock.now() + 120 * SECOND
