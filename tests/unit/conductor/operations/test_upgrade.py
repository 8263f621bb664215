"""A cluster is brought to another template, node group by node group, or stays what it was."""

import pytest

from magnum.db import clusters, clustertemplates
from magnum.model.statuses import Status

NEWER = "11111111-1111-4111-8111-111111111111"
REFUSING = {"fake_faults": "refuse:upgrade:not now"}


@pytest.fixture
def cluster(world):
    world.make_template(NEWER, image_id="newer", labels={"fake_version": "2.0"})
    uuid = world.create(nodes=3)
    world.settle()
    world.add_group(uuid, node_count=1)
    world.settle()
    return uuid


def calls(world, kind="call: upgrade"):
    seen = []
    world.settle(lambda point: seen.append(point) if point.startswith(kind) else None)
    return seen


def versions(world, cluster):
    marks = world.cloud.marks(cluster, "version")
    return [marks[node.name] for node in world.nodes(cluster) if "gpu" not in node.name]


def test_the_default_groups_go_together_one_machine_at_a_time(world, cluster):
    world.upgrade(cluster, NEWER)
    assert world.cluster(cluster).cluster_template_id == NEWER
    assert len(calls(world)) == 4
    row, groups = world.cluster(cluster), world.groups(cluster)
    assert (row.status, row.coe_version) == (Status.UPDATE_COMPLETE, "2.0")
    assert versions(world, cluster) == ["2.0"] * 4
    assert [groups[name].image_id for name in ("default-master", "default-worker", "gpu")] == ["newer", "newer", "fake"]
    assert groups["default-worker"].status == Status.UPDATE_COMPLETE


def test_more_at_a_time_when_asked_for(world, cluster):
    world.upgrade(cluster, NEWER, max_batch_size=3)
    first, second = calls(world)
    assert "master-1" in first
    assert "worker-3" in second


def test_other_groups_follow_to_the_clusters_own_template(world, cluster):
    world.upgrade(cluster, NEWER)
    world.settle()
    assert set(world.cloud.marks(cluster, "version").values()) == {"1.0-fake", "2.0"}
    world.upgrade(cluster, NEWER, nodegroup="gpu")
    assert len(calls(world)) == 1
    assert set(world.cloud.marks(cluster, "version").values()) == {"2.0"}
    assert world.groups(cluster)["gpu"].status == Status.UPDATE_COMPLETE


def test_new_machines_are_of_the_new_version(world, cluster):
    world.upgrade(cluster, NEWER)
    world.settle()
    world.resize(cluster, 4)
    world.settle()
    assert versions(world, cluster) == ["2.0"] * 5


def test_new_machines_of_a_group_that_did_not_go_along_are_of_its_old_version(world, cluster):
    world.upgrade(cluster, NEWER)
    world.settle()
    world.resize(cluster, 2, nodegroup="gpu")
    world.settle()
    marks = world.cloud.marks(cluster, "version")
    assert [marks[node.name] for node in world.nodes(cluster) if "gpu" in node.name] == ["1.0-fake"] * 2


def test_a_provider_that_refuses_leaves_the_cluster_what_it_was(world, cluster):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels=REFUSING))
    before = {name: (group.labels, group.image_id) for name, group in world.groups(cluster).items()}
    world.upgrade(cluster, NEWER)
    assert world.cluster(cluster).labels == REFUSING | {"fake_version": "2.0"}
    assert [group.labels["fake_version"] for group in world.groups(cluster).values()] == ["2.0", "2.0", "1.0-fake"]
    world.settle()
    row, group = world.cluster(cluster), world.groups(cluster)["default-worker"]
    assert (row.status, group.status) == (Status.UPDATE_FAILED, Status.UPDATE_FAILED)
    assert "not now" in row.status_reason
    assert row.cluster_template_id == world.template_uuid
    assert row.labels == REFUSING
    assert {name: (group.labels, group.image_id) for name, group in world.groups(cluster).items()} == before
    assert set(world.cloud.marks(cluster, "version").values()) == {"1.0-fake"}


def test_without_the_old_template_there_is_no_way_back(world, cluster):
    world.database.write(lambda tx: clusters.update(tx, cluster, labels=REFUSING))
    world.upgrade(cluster, NEWER)
    world.database.write(lambda tx: clustertemplates.delete(tx, world.template_uuid))
    world.settle()
    assert world.cluster(cluster).cluster_template_id == NEWER
