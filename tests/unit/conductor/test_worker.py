"""Operations from end to end, with the fake driver: what their owner sees of each way in which they can go."""

import msgspec
import pytest
from simulation import SECOND

from magnum.conductor.worker import BUGS
from magnum.db import credentials, nodegroups, operations
from magnum.drivers.fake.driver import FakeDriver
from magnum.drivers.registry import Registry
from magnum.model.credentials import NodeCredential, hash_token
from magnum.model.events import EventLevel
from magnum.model.nodes import NodeState
from magnum.model.operations import OperationState
from magnum.model.signing import NodeLimits
from magnum.model.statuses import Status

WORKER = "default-worker"


def events(world, cluster, kind):
    return [event.text for event in world.events(cluster) if event.kind == kind]


def create(world, **more):
    cluster = world.create(**more)
    world.settle()
    return cluster


def test_a_cluster_is_created(world):
    cluster = create(world, masters=3, nodes=2)
    row = world.cluster(cluster)
    assert (row.status, row.status_reason) == (Status.CREATE_COMPLETE, None)
    assert row.api_address.startswith("https://203.0.113.")
    groups = world.groups(cluster)
    assert {group.status for group in groups.values()} == {Status.CREATE_COMPLETE}
    assert [len(group.node_addresses) for group in groups.values()] == [3, 2]
    assert {node.state for node in world.nodes(cluster)} == {NodeState.JOINED}
    assert world.operations(cluster)[0].state is OperationState.COMPLETE
    assert "The create is done." in events(world, cluster, "cluster.create")


def test_a_cluster_is_resized_and_deleted(world):
    cluster = create(world, nodes=1)
    world.resize(cluster, 3)
    assert world.cluster(cluster).status == Status.UPDATE_IN_PROGRESS
    world.settle()
    assert (world.cluster(cluster).status, len(world.machines(cluster))) == (Status.UPDATE_COMPLETE, 4)
    assert len(world.groups(cluster)[WORKER].node_addresses) == 3
    world.resize(cluster, 1)
    world.settle()
    assert [node.number for node in world.nodes(cluster) if node.role == "worker"] == [1]
    world.delete(cluster)
    world.settle(until=lambda: not world.exists(cluster))
    assert world.cloud.things(cluster) == []
    assert world.operations(cluster)[-1].kind == "sweep"
    world.settle()
    assert world.operations(cluster) == world.events(cluster) == []


def test_a_waiting_operation_holds_no_lease_and_shows_what_it_waits_for(world):
    cluster = world.create(labels={"fake_latencies": "boot:30"})
    conductor = world.conductor()
    conductor.run_due()
    state = world.database.read(lambda tx: operations.lock(tx, cluster))
    assert state.owner is None
    waiting = world.operations(cluster)[0]
    assert waiting.step == "node set-up"
    assert world.clock.now() < waiting.next_attempt <= world.clock.now() + 5 * SECOND
    assert world.cluster(cluster).status_reason.startswith(
        "Step 5 of 7, node set-up: waiting for the report of seafood-"
    )
    assert not conductor.run_due()
    world.settle()
    assert (world.cluster(cluster).status, world.clock.elapsed) == (Status.CREATE_COMPLETE, pytest.approx(30, abs=5))


def test_a_failure_names_the_machine_the_step_and_the_error(world):
    cluster = create(world, nodes=2, labels={"fake_faults": "break:install-docker@worker-2:no space left on device"})
    row = world.cluster(cluster)
    assert row.status == Status.CREATE_FAILED
    node = next(node.name for node in world.nodes(cluster) if node.name.endswith("worker-2"))
    assert row.status_reason == (
        f"The create failed in step 5 of 7, node set-up: {node}: step install-docker failed: no space left on device"
    )
    assert {group.status_reason for group in world.groups(cluster).values()} == {row.status_reason}
    failed = world.operations(cluster)[0]
    assert (failed.state, failed.error_code, failed.reason) == (
        OperationState.FAILED,
        "node.step",
        row.status_reason,
    )
    assert row.status_reason in events(world, cluster, "cluster.create")
    world.delete(cluster)
    world.settle()
    assert world.cloud.things(cluster) == []


def test_what_fails_for_now_is_tried_again_ever_more_slowly_and_told_once(world):
    cluster = world.create(labels={"fake_faults": "unreachable:create_network:5"})
    conductor = world.conductor()
    pauses = []
    while world.cluster(cluster).status == Status.CREATE_IN_PROGRESS:
        if conductor.run_due():
            waiting = world.operations(cluster)[0]
            if waiting.attempts:
                pauses.append((waiting.next_attempt - world.clock.now()) / SECOND)
                assert "Could not create network" in world.cluster(cluster).status_reason
        else:
            world.clock.turn_to(world.operations(cluster)[0].next_attempt)
    assert world.cluster(cluster).status == Status.CREATE_COMPLETE
    assert len(pauses) == 5
    for number, pause in enumerate(pauses):
        assert 2**number / 2 <= pause <= 2**number
    assert len(events(world, cluster, "operation.retry")) == 1


def test_a_bug_is_logged_counted_tried_again_and_told_without_its_text(world, caplog, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("the secret is s3cr3t")

    monkeypatch.setattr(FakeDriver, "_join", broken)
    before = BUGS.labels("create", "join")._value.get()
    cluster = create(world)
    assert BUGS.labels("create", "join")._value.get() == before + 3
    row = world.cluster(cluster)
    assert row.status == Status.CREATE_FAILED
    assert "An internal error (ZeroDivisionError)" in row.status_reason
    assert "s3cr3t" not in row.status_reason
    assert world.operations(cluster)[0].uuid in row.status_reason
    assert "Traceback" in caplog.text


class TestDeadline:
    def test_it_ends_the_operation_with_the_last_error_and_what_is_missing(self, world):
        cluster = create(world, create_timeout=2, labels={"fake_latencies": "boot:3600"})
        row = world.cluster(cluster)
        assert row.status == Status.CREATE_FAILED
        assert world.clock.elapsed == pytest.approx(120, abs=1)
        assert (
            "step 5 of 7, node set-up: Its time is over. Still missing: waiting for the report of" in row.status_reason
        )
        assert world.operations(cluster)[0].error_code == "operation.deadline"

    def test_the_last_error_is_told(self, world):
        cluster = create(world, create_timeout=1, labels={"fake_faults": "unreachable:create_machine:1000"})
        assert "Its time is over. Last error: Could not create machine" in world.cluster(cluster).status_reason

    def test_the_last_look_starts_nothing(self, world):
        cluster = world.create(create_timeout=1)
        world.clock.turn(1)
        operation = world.operations(cluster)[0]
        world.update_operation(operation.uuid, step="network", deadline=world.clock.now())
        points = []
        world.settle(points.append)
        assert world.cloud.things(cluster) == []
        assert not [point for point in points if point.startswith("call")]
        assert "Still missing: create network" in world.cluster(cluster).status_reason

    def test_what_turns_out_to_be_done_is_a_late_success(self, world):
        cluster = world.create(labels={"fake_latencies": "boot:10"})
        world.conductor().run_due()
        world.update_operation(
            world.operations(cluster)[0].uuid, deadline=world.clock.now() + 10 * SECOND, step="ready"
        )
        world.clock.turn(15)
        nodes = world.nodes(cluster)
        for node in nodes:
            world.cloud.set_member(cluster, node.name, member=True)
        world.settle()
        assert world.cluster(cluster).status == Status.CREATE_COMPLETE
        assert [event.level for event in world.events(cluster) if event.kind == "operation.late"] == [
            EventLevel.WARNING
        ]


class TestDelete:
    def test_it_never_gives_up_and_says_meanwhile_why(self, world):
        cluster = create(world, labels={"fake_faults": "refuse:delete_machine:the machine is locked"})
        world.delete(cluster)
        seen = set()
        world.settle(until=lambda: seen.add(world.cluster(cluster).status) or world.clock.elapsed > 3600)
        row = world.cluster(cluster)
        assert seen == {Status.DELETE_IN_PROGRESS, Status.DELETE_FAILED}
        assert row.status == Status.DELETE_FAILED
        assert "the machine is locked" in row.status_reason
        assert row.status_reason.endswith("It is tried again by itself.")
        assert (
            len(events(world, cluster, "cluster.delete")) == 2
        )  # asked for, and failed: the same failure is told once
        assert {group.status for group in world.groups(cluster).values()} == {Status.DELETE_FAILED}

    def test_once_it_moves_on_it_is_in_progress_again(self, world):
        cluster = create(world, labels={"fake_faults": "unreachable:delete_machine:6", "fake_latencies": "vanish:2"})
        world.delete(cluster)
        seen = []

        def watch():
            if world.exists(cluster) and world.cluster(cluster).status not in seen[-1:]:
                seen.append(world.cluster(cluster).status)

        world.settle(until=watch)
        assert seen == [Status.DELETE_IN_PROGRESS, Status.DELETE_FAILED, Status.DELETE_IN_PROGRESS]

    def test_asked_for_again_it_is_tried_at_once(self, world):
        cluster = create(world, labels={"fake_faults": "unreachable:delete_machine:9"})
        world.delete(cluster)
        world.settle(until=lambda: world.cluster(cluster).status == Status.DELETE_FAILED)
        world.delete(cluster)
        assert world.cluster(cluster).status == Status.DELETE_IN_PROGRESS
        assert world.conductor().run_due() == 1

    def test_a_driver_that_is_missing_is_named(self, world):
        cluster = create(world)
        world.delete(cluster)
        known, world.registry = world.registry, Registry([])
        world.settle(until=lambda: world.cluster(cluster).status == Status.DELETE_FAILED)
        assert "no driver for clusters of kubernetes on fake (vm)" in world.cluster(cluster).status_reason
        assert "disabled_drivers" in world.cluster(cluster).status_reason
        world.registry = known
        world.settle()
        assert not world.exists(cluster)

    def test_the_credentials_of_its_nodes_end_with_the_cluster(self, world):
        cluster = create(world)
        node = world.nodes(cluster)[0]
        credential = NodeCredential(
            token_hash=hash_token("t"),
            cluster_uuid=cluster,
            node_uuid=node.uuid,
            node_name=node.name,
            limits=NodeLimits(common_name=node.name),
            expires_at=world.clock.now() + 3600 * SECOND,
        )
        world.database.write(lambda tx: credentials.insert(tx, credential))
        world.delete(cluster)
        world.settle(until=lambda: not world.exists(cluster))
        assert world.database.read(lambda tx: credentials.find(tx, hash_token("t"))) is None

    def test_what_arrives_during_the_quiet_period_is_taken_down(self, world, caplog):
        """A call that takes effect long after its caller gave up, and after the deletion."""
        cluster = world.create(labels={"fake_faults": "late:create_machine:60"})
        world.conductor().run_due()
        world.delete(cluster)
        world.settle(until=lambda: not world.exists(cluster))
        assert world.cloud.things(cluster) == []
        assert not world.conductor().run_due(), "it has to be quiet first"
        assert world.ledger(cluster)
        world.clock.turn(60)
        assert len(world.machines(cluster)) == 1
        world.settle()
        assert world.cloud.things(cluster) == []
        assert "was still there, or came late" in caplog.text
        assert world.ledger(cluster) == ()


class TestMissingDriver:
    def test_a_create_waits_for_it_and_says_so(self, world):
        cluster = world.create()
        known, world.registry = world.registry, Registry([])
        world.settle(until=lambda: world.clock.elapsed > 30)
        row = world.cluster(cluster)
        assert row.status == Status.CREATE_IN_PROGRESS
        assert "There is no driver" in row.status_reason
        world.registry = known
        world.settle()
        assert world.cluster(cluster).status == Status.CREATE_COMPLETE


class TestLostLease:
    def test_a_delete_need_not_wait_once_the_worker_has_returned(self, world):
        cluster = world.create()
        began = world.clock.elapsed

        def delete(point):
            if point == f"call: create network network-{cluster}":
                world.delete(cluster)
                assert not world.conductor().run_due(), "the call is still under way"

        world.conductor(delete).run_due()
        world.settle(until=lambda: not world.exists(cluster))
        assert world.clock.elapsed == began

    def test_a_worker_that_was_overtaken_changes_nothing(self, world):
        cluster = world.create()

        def overtake(point):
            if point == "call: create network network-" + cluster:
                world.clock.turn(60)
                world.settle()

        world.settle(overtake)
        assert world.cluster(cluster).status == Status.CREATE_COMPLETE
        assert len(world.cloud.history(cluster)) == 3
        assert len(events(world, cluster, "cluster.create")) == 2

    def test_a_step_with_more_to_do_than_one_run_may_take_goes_on_in_another(self, world):
        cluster = create(world, nodes=20, labels={"fake_latencies": "create_machine:4"})
        assert len(world.machines(cluster)) == 21
        assert world.cluster(cluster).status == Status.CREATE_COMPLETE
        assert len(set(world.cloud.history(cluster))) == 22


def test_the_next_operation_keeps_the_cluster_in_progress(world):
    """Two node groups are resized at once: the cluster is complete when both are."""
    cluster = create(world, nodes=1)
    other = msgspec.structs.replace(
        world.groups(cluster)[WORKER], uuid="7d1c1b53-4d3b-4a53-8c7c-4f5a2a3d4e5f", name="big", id=None, node_count=0
    )
    world.database.write(lambda tx: nodegroups.insert(tx, msgspec.structs.replace(other, node_addresses=())))
    world.resize(cluster, 2)
    world.resize(cluster, 2, nodegroup="big")
    conductor = world.conductor()
    conductor.run_due()
    assert world.cluster(cluster).status == Status.UPDATE_IN_PROGRESS
    assert world.groups(cluster)[WORKER].status == Status.UPDATE_COMPLETE
    assert world.groups(cluster)["big"].status == Status.UPDATE_IN_PROGRESS
    conductor.run_due()
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
    assert world.groups(cluster)["big"].status == Status.UPDATE_COMPLETE
    assert len(world.machines(cluster)) == 5
