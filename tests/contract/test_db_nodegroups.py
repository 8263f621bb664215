import msgspec
import pytest
from sqlalchemy import null, text
from sqlalchemy.exc import IntegrityError

from magnum.db import clusters, nodegroups, nodes, stats
from magnum.db.errors import AlreadyExists, NotFound
from magnum.db.tables import nodegroup
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.paging import Page
from magnum.model.requesters import EVERYTHING, Scope


@pytest.fixture
def cluster(database, make):
    return database.write(lambda tx: make.cluster(tx, counts=(1, 2)))


@pytest.fixture
def workers(database, cluster):
    return database.read(lambda tx: nodegroups.get(tx, cluster, "default-worker"))


def test_a_node_group_reads_as_it_was_written(database, cluster, make):
    taint = {"key": "gpu", "effect": "NoSchedule"}
    given = database.write(
        lambda tx: make.nodegroup(
            tx,
            cluster,
            name="gpu",
            labels={"a": "b"},
            node_taints=(taint,),
            node_addresses=("10.0.0.3",),
            max_node_count=9,
        )
    )
    found = database.read(lambda tx: nodegroups.get(tx, cluster, "gpu"))
    assert isinstance(found, NodeGroup)
    assert (found.uuid, found.labels, found.node_taints) == (given.uuid, {"a": "b"}, (taint,))
    assert (found.node_addresses, found.max_node_count, found.min_node_count) == (("10.0.0.3",), 9, 0)


def test_groups_of_a_cluster_come_in_the_order_they_were_made(database, cluster, make):
    database.write(lambda tx: make.nodegroup(tx, cluster, name="a-last"))
    found = database.read(lambda tx: nodegroups.of_cluster(tx, cluster))
    assert [group.name for group in found] == ["default-master", "default-worker", "a-last"]


def test_a_group_is_found_by_name_or_uuid_within_its_cluster(database, cluster, workers, make):
    other = database.write(make.cluster)
    assert database.read(lambda tx: nodegroups.get(tx, cluster, workers.uuid.upper())) == workers
    for cluster_uuid, ident in ((other, workers.uuid), (cluster, "Default-Worker"), (cluster, "no")):
        with pytest.raises(NotFound, match="Nodegroup"):
            database.read(lambda tx, uuid=cluster_uuid, ident=ident: nodegroups.get(tx, uuid, ident))


def test_a_name_is_taken_once_in_a_cluster(database, cluster, make):
    with pytest.raises(AlreadyExists, match="default-worker"):
        database.write(lambda tx: make.nodegroup(tx, cluster, name="default-worker"))


def test_a_group_without_a_name_is_a_mistake(database, cluster, make):
    with pytest.raises(IntegrityError):
        database.write(lambda tx: make.nodegroup(tx, cluster, name=None))


def test_update_and_delete(database, cluster, workers):
    database.write(lambda tx: nodegroups.update(tx, workers.uuid, node_count=7, status_reason="growing"))
    found = database.read(lambda tx: nodegroups.get(tx, cluster, workers.uuid))
    assert (found.node_count, found.status_reason) == (7, "growing")
    database.write(lambda tx: nodegroups.delete(tx, workers.uuid))
    with pytest.raises(NotFound):
        database.write(lambda tx: nodegroups.delete(tx, workers.uuid))
    with pytest.raises(NotFound):
        database.write(lambda tx: nodegroups.update(tx, workers.uuid, node_count=1))


def test_nulls_of_old_rows_read_as_nothing(database, cluster):
    columns = (
        "role",
        "node_count",
        "min_node_count",
        "is_default",
        "labels",
        "node_addresses",
        "node_taints",
        "status",
    )
    database.write(lambda tx: tx.execute(nodegroup.update().values(dict.fromkeys(columns, null()))))
    found = database.read(lambda tx: nodegroups.of_cluster(tx, cluster))[0]
    assert (found.role, found.node_count, found.min_node_count, found.is_default) == ("worker", 0, 0, False)
    assert (found.labels, found.node_addresses, found.node_taints, found.status) == ({}, (), (), None)


def plan(tx, make, group, number):
    new = Node(
        uuid=make.uuid(),
        cluster_uuid=group.cluster_id,
        nodegroup_uuid=group.uuid,
        number=number,
        name=f"n{number}",
        role=group.role,
    )
    nodes.insert(tx, new)
    return new


def test_a_node_is_kept_changed_and_removed(database, cluster, workers, make):
    new = database.write(lambda tx: plan(tx, make, workers, 1))
    changed = msgspec.structs.replace(
        new, state=NodeState.FAILED, address="10.0.0.9", report="no dockerd", failed_step="pull", reported_at=5
    )
    database.write(lambda tx: nodes.save(tx, changed))
    assert database.read(lambda tx: nodes.of_cluster(tx, cluster)) == (changed,)
    for _ in range(2):
        database.write(lambda tx: nodes.delete(tx, new.uuid))
    assert database.read(lambda tx: nodes.of_cluster(tx, cluster)) == ()
    with pytest.raises(NotFound):
        database.write(lambda tx: nodes.save(tx, changed))


def test_what_a_node_says_is_cut_rather_than_refused(database, cluster, workers, make):
    new = database.write(lambda tx: plan(tx, make, workers, 1))
    loud = msgspec.structs.replace(new, failed_step="s" * 300, report="r" * 70_000)
    database.write(lambda tx: nodes.save(tx, loud))
    (found,) = database.read(lambda tx: nodes.of_cluster(tx, cluster))
    assert (found.failed_step, len(found.report.encode())) == ("s" * 252 + "…", 16_000)


def test_a_number_is_never_given_twice(database, cluster, workers, make):
    def take(tx):
        return nodes.next_number(tx, workers.uuid)

    assert [database.write(take) for _ in range(2)] == [1, 2]
    new = database.write(lambda tx: plan(tx, make, workers, 3))
    database.write(lambda tx: nodes.delete(tx, new.uuid))
    assert database.write(take) == 3
    with pytest.raises(AlreadyExists):
        database.write(lambda tx: [plan(tx, make, workers, 3) for _ in range(2)])
    with pytest.raises(NotFound):
        database.write(lambda tx: nodes.next_number(tx, make.uuid()))


def test_nothing_is_left_of_nodes_that_are_forgotten(database, cluster, workers, make):
    database.write(lambda tx: plan(tx, make, workers, nodes.next_number(tx, workers.uuid)))
    database.write(lambda tx: nodes.forget(tx, cluster))
    left = "SELECT (SELECT count(*) FROM node) + (SELECT count(*) FROM node_number)"
    assert database.read(lambda tx: tx.execute(text(left)).scalar()) == 0


def test_pages_of_a_clusters_groups_by_role(database, cluster, make):
    other = database.write(make.cluster)
    for name, role in (("a", "gpu"), ("b", "Gpu"), ("c", "gpu")):
        database.write(lambda tx, n=name, r=role: make.nodegroup(tx, cluster, name=n, role=r))

    def names(page, **more):
        return [group.name for group in database.read(lambda tx: nodegroups.list_page(tx, cluster, page, **more))]

    assert names(Page(limit=9)) == ["default-master", "default-worker", "a", "b", "c"]
    assert names(Page(limit=9), role="gpu") == ["a", "c"]
    assert names(Page(limit=2, sort_key="name", descending=True)) == ["default-worker", "default-master"]
    first = database.read(lambda tx: nodegroups.get(tx, cluster, "a")).uuid
    assert names(Page(limit=9, marker=first), role="gpu") == ["c"]
    with pytest.raises(NotFound):
        database.read(lambda tx: nodegroups.list_page(tx, other, Page(limit=9, marker=first)))


def test_clusters_and_nodes_are_counted_by_whose_they_are(database, cluster, make):
    database.write(lambda tx: make.cluster(tx, counts=(3, 4), project_id="miners", user_id="eve"))
    counts = {
        scope: database.read(lambda tx, s=scope: stats.count(tx, s))
        for scope in (EVERYTHING, Scope(project_id="miners"), Scope(user_id="eve"), Scope(project_id="no"), Scope())
    }
    own = database.read(lambda tx: clusters.read(tx, cluster)).project_id
    assert own != "miners"
    assert counts[EVERYTHING] == (2, 10)
    assert counts[Scope(user_id="eve")] == (1, 7)
    assert counts[Scope(project_id="no")] == counts[Scope()] == (0, 0)
