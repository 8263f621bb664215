"""Node groups come, change and go; one that has failed keeps no other from being worked with."""

import json

import pytest

from magnum.db import clusters
from magnum.model.ledger import ResourceState
from magnum.model.nodes import NodeState
from magnum.model.statuses import Status

TAINT = {"key": "gpu", "effect": "NoSchedule"}


@pytest.fixture
def cluster(world):
    uuid = world.create(nodes=1)
    world.settle()
    return uuid


def break_nodes(world, cluster, faults):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={"fake_faults": faults}))


def test_one_is_added_with_its_nodes(world, cluster):
    world.add_group(cluster, node_count=2, node_labels={"disk": "ssd"}, node_taints=(TAINT,))
    assert world.cluster(cluster).status == Status.UPDATE_IN_PROGRESS
    world.settle()
    group = world.groups(cluster)["gpu"]
    own = [node for node in world.nodes(cluster) if node.nodegroup_uuid == group.uuid]
    assert [node.state for node in own] == [NodeState.JOINED, NodeState.JOINED]
    assert group.node_addresses == tuple(node.address for node in own)
    assert (group.status, world.cluster(cluster).status) == (Status.CREATE_COMPLETE, Status.UPDATE_COMPLETE)
    assert world.groups(cluster)["default-worker"].status == Status.CREATE_COMPLETE
    carried = world.cloud.marks(cluster, "labels")
    assert {name: json.loads(labels) for name, labels in carried.items()} == {
        node.name: [{"disk": "ssd"}, [TAINT]] for node in own
    }


def test_an_empty_one_has_none(world, cluster):
    world.add_group(cluster, node_count=0)
    world.settle()
    assert world.groups(cluster)["gpu"].status == Status.CREATE_COMPLETE
    assert len(world.nodes(cluster)) == 2
    world.resize(cluster, 1, nodegroup="gpu")
    world.settle()
    assert len(world.groups(cluster)["gpu"].node_addresses) == 1


def test_new_labels_are_put_on_the_nodes_that_are_there(world, cluster):
    world.add_group(cluster, node_count=1)
    world.settle()
    world.change_group(cluster, "gpu", node_labels={"a": "b"}, max_node_count=4)
    world.settle()
    group = world.groups(cluster)["gpu"]
    assert (group.status, group.max_node_count) == (Status.UPDATE_COMPLETE, 4)
    assert list(world.cloud.marks(cluster, "labels").values()) == ['[{"a":"b"},[]]']
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE


def test_one_is_removed_with_all_that_it_had(world, cluster):
    world.add_group(cluster, node_count=2)
    world.settle()
    before = world.machines(cluster)
    world.remove_group(cluster)
    world.settle()
    assert set(world.groups(cluster)) == {"default-master", "default-worker"}
    assert len(world.nodes(cluster)) == 2
    assert len(before) == 4
    assert len(world.machines(cluster)) == 2
    assert sum(row.state is ResourceState.PRESENT for row in world.ledger(cluster)) == 3
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE


def test_changes_run_one_after_the_other_and_the_cluster_is_in_progress_until_the_last(world, cluster):
    world.add_group(cluster, "first")
    world.add_group(cluster, "second")
    world.resize(cluster, 2)
    seen = set()
    world.settle(lambda _: seen.add((world.cluster(cluster).status, len(world.nodes(cluster)))))
    assert {count for status, count in seen if status == Status.UPDATE_IN_PROGRESS} == {2, 3, 4, 5}
    assert {count for status, count in seen if status != Status.UPDATE_IN_PROGRESS} <= {5}
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
    assert len(world.nodes(cluster)) == 5


def test_one_that_is_to_go_before_it_is_made_goes(world, cluster):
    world.add_group(cluster)
    world.remove_group(cluster)
    world.settle()
    assert "gpu" not in world.groups(cluster)
    assert len(world.machines(cluster)) == 2


def test_one_that_takes_for_ever_can_be_removed_at_once(world, cluster):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={"fake_latencies": "boot:3000"}))
    world.add_group(cluster)
    world.settle(until=lambda: len(world.machines(cluster)) == 3)
    before = world.clock.elapsed
    world.remove_group(cluster)
    world.resize(cluster, 0)
    world.settle()
    assert world.clock.elapsed - before < 60
    assert set(world.groups(cluster)) == {"default-master", "default-worker"}
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE
    assert len(world.machines(cluster)) == 1


@pytest.fixture
def failed(world, cluster):
    """A cluster with a node group whose only machine could not be set up."""
    break_nodes(world, cluster, "break:docker@gpu-1:no space left on device")
    world.add_group(cluster)
    world.settle()
    break_nodes(world, cluster, "")
    return cluster


def test_one_that_cannot_be_made_says_why(world, failed):
    group, cluster = world.groups(failed)["gpu"], world.cluster(failed)
    assert (group.status, cluster.status) == (Status.CREATE_FAILED, Status.UPDATE_FAILED)
    assert group.status_reason.startswith("The creation of the node group failed in step 3 of 7, node set-up: ")
    assert "no space left on device" in group.status_reason
    assert "no space left on device" in cluster.status_reason


def test_one_that_has_failed_keeps_no_other_from_being_worked_with(world, failed):
    before = [node for node in world.nodes(failed) if "gpu" in node.name]
    world.resize(failed, 3)
    world.add_group(failed, "other", node_count=1)
    world.settle()
    groups, cluster = world.groups(failed), world.cluster(failed)
    assert groups["default-worker"].status == Status.UPDATE_COMPLETE
    assert groups["other"].status == Status.CREATE_COMPLETE
    assert [node for node in world.nodes(failed) if "gpu" in node.name] == before
    assert (cluster.status, cluster.status_reason) == (Status.UPDATE_FAILED, "Failed node groups: gpu.")


def test_when_the_failed_one_is_gone_the_cluster_is_complete(world, failed):
    world.remove_group(failed)
    world.settle()
    cluster = world.cluster(failed)
    assert (cluster.status, cluster.status_reason) == (Status.UPDATE_COMPLETE, None)


def test_a_removal_that_fails_can_be_asked_for_again(world, cluster):
    world.add_group(cluster)
    world.settle()
    break_nodes(world, cluster, "refuse:delete_machine:it is locked")
    world.remove_group(cluster)
    world.settle()
    group = world.groups(cluster)["gpu"]
    assert (group.status, "it is locked" in group.status_reason) == (Status.DELETE_FAILED, True)
    assert world.cluster(cluster).status == Status.UPDATE_FAILED
    break_nodes(world, cluster, "")
    world.remove_group(cluster)
    world.settle()
    assert "gpu" not in world.groups(cluster)
    assert world.cluster(cluster).status == Status.UPDATE_COMPLETE


def test_deleting_the_cluster_takes_all_groups_along(world, failed):
    world.add_group(failed, "other")
    world.delete(failed)
    world.settle()
    assert not world.exists(failed)
    assert world.cloud.things(failed) == []
