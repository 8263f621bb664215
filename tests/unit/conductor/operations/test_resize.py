"""Which nodes come and go, and what is left of a resize that fails."""

import pytest

from magnum.db import clusters
from magnum.model.nodes import NodeState
from magnum.model.statuses import Status

WORKER = "default-worker"


@pytest.fixture
def workers(world):
    """A cluster of one master and three workers, and the numbers of its workers as they are now."""
    cluster = world.create(nodes=3)
    world.settle()

    def numbers():
        return [node.number for node in world.nodes(cluster) if node.role == "worker"]

    return cluster, numbers


def name_of(world, cluster, number):
    return next(node.name for node in world.nodes(cluster) if (node.role, node.number) == ("worker", number))


def add_fault(world, cluster, fault):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={"fake_faults": fault}))


def test_numbers_are_never_used_twice(world, workers):
    cluster, numbers = workers
    for count in (1, 3):
        world.resize(cluster, count)
        world.settle()
    assert numbers() == [1, 4, 5]


def test_the_youngest_goes_when_all_are_idle(world, workers):
    cluster, numbers = workers
    world.resize(cluster, 2)
    world.settle()
    assert numbers() == [1, 2]


@pytest.mark.parametrize("word", ["name", "uuid", "address", "member_id"])
def test_those_that_are_named_go_first(world, workers, word):
    cluster, numbers = workers
    node = next(node for node in world.nodes(cluster) if (node.role, node.number) == ("worker", 2))
    world.resize(cluster, 2, nodes_to_remove=(getattr(node, word),))
    world.settle()
    assert numbers() == [1, 3]
    assert node.name not in world.machines(cluster)


def test_those_that_are_named_go_even_if_others_must_come_for_them(world, workers):
    cluster, numbers = workers
    world.resize(cluster, 3, nodes_to_remove=(name_of(world, cluster, 1),))
    world.settle()
    assert numbers() == [2, 3, 4]


def test_a_name_that_fits_none_is_told(world, workers):
    cluster, numbers = workers
    world.resize(cluster, 2, nodes_to_remove=("nobody",))
    world.settle()
    assert numbers() == [1, 2]
    assert [event.text for event in world.events(cluster) if "nobody" in event.text] == [
        "No node of default-worker is called nobody; nothing is removed for that."
    ]


def test_a_node_whose_set_up_failed_is_replaced(world, workers):
    cluster, numbers = workers
    add_fault(world, cluster, "break:join@worker-4:no route to host")
    world.resize(cluster, 4)
    world.settle()
    assert world.cluster(cluster).status == Status.UPDATE_FAILED
    world.resize(cluster, 4)
    world.settle()
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
    assert numbers() == [1, 2, 3, 5]
    assert len(world.machines(cluster)) == 5


class TestFailure:
    def test_the_count_goes_back_when_the_provider_refused(self, world, workers):
        cluster, numbers = workers
        add_fault(world, cluster, "quota:4")
        world.resize(cluster, 5)
        world.settle()
        group = world.groups(cluster)[WORKER]
        assert (world.cluster(cluster).status, group.status) == (Status.UPDATE_FAILED, Status.UPDATE_FAILED)
        assert group.node_count == 3
        assert numbers() == [1, 2, 3]
        assert "Quota exceeded for machines: 4 of 4 are in use." in group.status_reason
        assert world.groups(cluster)["default-master"].status == Status.CREATE_COMPLETE

    def test_those_that_were_to_go_stay_when_the_provider_refused(self, world, workers):
        cluster, _ = workers
        add_fault(world, cluster, "refuse:leave:not now")
        world.resize(cluster, 1)
        world.settle()
        assert world.groups(cluster)[WORKER].node_count == 3
        assert {node.state for node in world.nodes(cluster)} == {NodeState.JOINED}

    def test_the_count_stays_when_the_provider_has_begun(self, world, workers):
        cluster, numbers = workers
        add_fault(world, cluster, "quota:5")
        world.resize(cluster, 5)
        world.settle()
        assert world.cluster(cluster).status == Status.UPDATE_FAILED
        assert world.groups(cluster)[WORKER].node_count == 5
        assert numbers() == [1, 2, 3, 4, 5]
        add_fault(world, cluster, "quota:9")
        world.resize(cluster, 5)
        world.settle()
        assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
        assert numbers() == [1, 2, 3, 4, 5]

    def test_an_answer_that_never_came_counts_as_begun(self, world, workers):
        cluster, _ = workers
        add_fault(world, cluster, "unreachable:create_machine:1000")
        world.resize(cluster, 4)
        world.settle()
        assert world.cluster(cluster).status == Status.UPDATE_FAILED
        assert world.groups(cluster)[WORKER].node_count == 4


def test_a_newer_resize_replaces_one_that_waits(world, workers):
    cluster, numbers = workers
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={"fake_latencies": "boot:60"}))
    world.resize(cluster, 5)
    world.conductor().run_due()
    assert numbers() == [1, 2, 3, 4, 5]
    world.resize(cluster, 2)
    world.settle()
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
    assert numbers() == [1, 2, 3][:2]
    assert len(world.machines(cluster)) == 3
    assert [operation.state for operation in world.operations(cluster)][1:] == ["CANCELLED", "COMPLETE"]


def test_masters_come_and_go_like_others(world):
    cluster = world.create(masters=1)
    world.settle()
    for count in (3, 5, 1):
        world.resize(cluster, count, nodegroup="default-master")
        world.settle()
        row, masters = world.cluster(cluster), world.groups(cluster)["default-master"]
        assert (row.status, masters.status, masters.node_count) == (
            Status.UPDATE_COMPLETE,
            Status.UPDATE_COMPLETE,
            count,
        )
        assert len(masters.node_addresses) == len([node for node in world.nodes(cluster) if node.role == "master"])
        assert len(masters.node_addresses) == count


def test_one_that_was_refused_before_it_began_brings_back_who_was_to_be_replaced(world, workers):
    cluster, numbers = workers
    add_fault(world, cluster, "refuse:create_machine:no room")
    world.resize(cluster, 3, nodes_to_remove=(name_of(world, cluster, 2),))
    world.settle()
    assert world.cluster(cluster).status == Status.UPDATE_FAILED
    assert numbers() == [1, 2, 3]
    assert {node.state for node in world.nodes(cluster)} == {NodeState.JOINED}
