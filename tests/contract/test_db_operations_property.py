"""Any interleaving of API calls, workers and time keeps the promises of `magnum.db.operations`."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from magnum.db import operations, tables
from magnum.db.errors import LeaseLost
from magnum.model.operations import DeleteCluster, OperationState, ResizeNodeGroup

SECOND = 1_000_000
LEASE = 10.0
LONGEST_CALL = 30.0
CLUSTERS = st.sampled_from([0, 0, 0, 1])
OPEN = ("ACTIVE", "QUEUED")


class PowerCutError(Exception):
    pass


def open_operations(tx, cluster):
    table = tables.operation
    query = select(table.c.uuid, table.c.state).where(table.c.cluster_uuid == cluster, table.c.state.in_(OPEN))
    return tx.execute(query.order_by(table.c.position)).all()


class Workers(RuleBasedStateMachine):
    """Two clusters, an API, and any number of workers, each known by its claim.

    `valid` is the claim that may write to a cluster, as the promises say; `lapses` is until when nobody else may claim
    it; `barrier` is the worker that a delete waits for, and how long at most.
    """

    def __init__(self, world):
        super().__init__()
        self.database, self.make, self.clock = world
        self.clusters = [self.write(self.make.cluster) for _ in range(2)]
        self.claims = []
        self.valid = {}
        self.lapses = {}
        self.barrier = {}
        self.epochs = dict.fromkeys(self.clusters, 0)
        for index in range(2):
            self.enqueue(index)

    def write(self, function, *arguments, **named):
        return self.database.write(lambda tx: function(tx, *arguments, **named))

    def now(self):
        return self.clock.now()

    def open_operations(self, cluster):
        return self.database.read(lambda tx: open_operations(tx, cluster))

    @rule(index=CLUSTERS)
    def enqueue(self, index):
        self.write(operations.enqueue, self.make.operation(self.clusters[index]))

    @rule(index=CLUSTERS, group=st.sampled_from("gggh"))
    def resize(self, index, group):
        cluster = self.clusters[index]
        operation = self.make.operation(cluster, ResizeNodeGroup(group, 2, 1))
        before = [row.uuid for row in self.open_operations(cluster)]
        replaced = self.write(operations.replace_resize, operation)
        if not replaced:
            self.write(operations.enqueue, operation)
        after = [row.uuid for row in self.open_operations(cluster)]
        assert len(after) == len(before) + (not replaced)
        assert [uuid for uuid in after if uuid in before] == [uuid for uuid in before if uuid in after]
        if cluster in self.valid:
            assert after[0] == before[0], "what is being run is not replaced"

    @rule(index=CLUSTERS)
    def delete(self, index):
        cluster = self.clusters[index]
        owner = self.write(operations.lock, cluster).owner
        operation = self.make.operation(cluster, DeleteCluster())
        self.write(operations.supersede, operation, longest_call=LONGEST_CALL)
        assert [row.uuid for row in self.open_operations(cluster)] == [operation.uuid]
        self.valid.pop(cluster, None)
        if owner is not None:
            self.barrier[cluster] = (owner, self.lapses[cluster] + int(LONGEST_CALL * SECOND))

    @rule(limit=st.sampled_from([2, 2, 1]), commits=st.sampled_from([True, True, True, True, False]))
    def claim(self, limit, commits):
        def take(tx):
            taken = operations.claim(tx, owner=self.make.owner, limit=limit, lease=LEASE)
            if not commits:
                raise PowerCutError
            return taken

        try:
            taken = self.database.write(take)
        except PowerCutError:
            return
        assert len({claim.operation.cluster_uuid for claim in taken}) == len(taken) <= limit
        for claim in taken:
            self.check_claim(claim)

    def check_claim(self, claim):
        cluster = claim.operation.cluster_uuid
        assert claim.operation.uuid == self.open_operations(cluster)[0].uuid, "the first of the queue"
        assert claim.epoch > self.epochs[cluster]
        assert self.lapses.get(cluster, 0) < self.now(), "nobody holds a lease"
        _, until = self.barrier.pop(cluster, (None, 0))
        assert until <= self.now(), "the worker that a delete waits for has returned or had its time"
        self.claims.append(claim)
        self.valid[cluster] = claim
        self.lapses[cluster] = self.now() + int(LEASE * SECOND)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), action=st.sampled_from(["renew", "save", "release", "accept", "finish"]))
    def work(self, data, action):
        claim = data.draw(st.sampled_from(self.claims[-6:]))
        cluster = claim.operation.cluster_uuid
        may = self.valid.get(cluster) is claim
        try:
            self.act(claim, action)
        except LeaseLost:
            assert not may
            return
        assert may, "a claim that is over writes nothing"
        if action == "renew":
            self.lapses[cluster] = self.now() + int(LEASE * SECOND)
        if action in ("release", "finish"):
            self.end_claim(cluster)

    def act(self, claim, action):
        if action == "renew":
            self.write(operations.renew, claim, LEASE)
        elif action == "accept":
            self.write(operations.mark_accepted, claim, True)
        elif action == "finish":
            self.write(operations.finish, claim, state=OperationState.COMPLETE)
        else:
            step = {"step": "s", "step_number": 1, "steps_total": 2, "attempts": 0, "reason": None}
            due = self.now() + 5 * SECOND
            self.write(operations.save_step, claim, **step, next_attempt=due, release=action == "release")

    def end_claim(self, cluster):
        self.valid.pop(cluster, None)
        self.lapses.pop(cluster, None)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def let_go(self, data):
        claim = data.draw(st.sampled_from(self.claims[-6:]))
        cluster = claim.operation.cluster_uuid
        self.write(operations.let_go, claim.owner)
        waited_for = self.barrier.get(cluster, (None, 0))[0] == claim.owner
        if waited_for or self.valid.get(cluster) is claim:
            self.barrier.pop(cluster, None)
            self.end_claim(cluster)
            assert self.database.read(operations.next_due) <= self.now(), "what waited for it is due at once"

    @rule(seconds=st.sampled_from([3, LONGEST_CALL, 3600]))
    def pass_time(self, seconds):
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([LEASE - 1, LEASE + 1]))
    def pass_a_lease(self, seconds):
        self.clock.advance(seconds)

    @invariant()
    def only_the_valid_claim_passes(self):
        def check(tx):
            for claim in self.claims[-6:]:
                valid = self.valid.get(claim.operation.cluster_uuid) is claim
                try:
                    operations.verify(tx, claim)
                except LeaseLost:
                    assert not valid
                else:
                    assert valid

        self.database.write(check)

    @invariant()
    def the_first_of_the_queue_is_active_and_no_other(self):
        def check(tx):
            for cluster in self.clusters:
                rows = open_operations(tx, cluster)
                assert [row.state for row in rows] == ["ACTIVE", *["QUEUED"] * (len(rows) - 1)][: len(rows)]
                state = operations.lock(tx, cluster)
                assert state.operation_uuid == (rows[0].uuid if rows else None)
                assert state.epoch >= self.epochs[cluster]
                self.epochs[cluster] = state.epoch

        self.database.write(check)

    def teardown(self):
        """Whatever has happened, a worker that comes later gets everything done."""
        open_ones = sum(len(self.open_operations(cluster)) for cluster in self.clusters)
        self.clock.advance(3600)
        for _ in range(open_ones):
            assert self.database.read(operations.next_due) is not None
            (claim, *_) = self.write(operations.claim, owner=self.make.owner, limit=1, lease=LEASE)
            self.write(operations.finish, claim, state=OperationState.COMPLETE)
        assert not any(self.open_operations(cluster) for cluster in self.clusters)
        assert self.database.read(operations.next_due) is None


def test_the_promises_hold_in_any_order_of_events(new_world, database_url):
    examples = 120 if database_url == "sqlite://" else 10
    run_state_machine_as_test(
        lambda: Workers(new_world()), settings=settings(max_examples=examples, stateful_step_count=40)
    )
