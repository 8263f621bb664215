"""How a cluster is changed, resized and deleted, and by whom, up to where conductors take over."""

import pytest

from magnum.db import nodegroups
from magnum.drivers.registry import Registry
from magnum.model.operations import DeleteCluster, OperationState, ResizeNodeGroup

pytestmark = pytest.mark.live
UNKNOWN = "99999999-9999-4999-8999-999999999999"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def patch(who, ident, *operations, **more):
    body = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
    return who.patch(f"/clusters/{ident}", body, **more)


# ---- update


def test_the_node_count_is_that_of_the_default_workers(world, ann, cluster):
    answer = patch(ann, "web", ("replace", "/node_count", 5), params={"rollback": "True"})
    assert (answer.status_code, answer.json) == (202, {"uuid": cluster})
    shown = ann.get("/clusters/web").json
    assert (shown["status"], shown["node_count"]) == ("UPDATE_IN_PROGRESS", 5)
    _, workers = world.groups(cluster)
    assert (workers.node_count, workers.status) == (5, "UPDATE_IN_PROGRESS")
    operation = world.operations(cluster)[0]
    assert operation.arguments == ResizeNodeGroup(nodegroup_uuid=workers.uuid, node_count=5, previous=2, rollback=True)
    assert world.events(cluster)[-1].kind == "cluster.resize"


@pytest.mark.parametrize(("value", "count"), [("3", 3), (3, 3)])
def test_a_count_may_come_as_text(ann, cluster, value, count):
    assert patch(ann, "web", ("replace", "/node_count", value)).status_code == 202
    assert ann.get("/clusters/web").json["node_count"] == count


def test_removing_the_count_makes_it_one(ann, cluster):
    assert patch(ann, "web", ("remove", "/node_count")).status_code == 202
    assert ann.get("/clusters/web").json["node_count"] == 1


@pytest.mark.parametrize(("version", "status"), [("1.9", 400), ("1.10", 202)])
def test_no_workers_at_all_needs_a_newer_version(ann, cluster, version, status):
    assert patch(ann, "web", ("replace", "/node_count", 0), version=version).status_code == status


@pytest.mark.parametrize(("version", "status"), [("1.2", 400), ("1.3", 202)])
def test_rollback_is_a_parameter_from_1_3_on(ann, cluster, version, status):
    answer = patch(ann, "web", ("replace", "/node_count", 3), version=version, params={"rollback": "true"})
    assert answer.status_code == status


def test_rollback_is_true_or_false(ann, cluster):
    assert patch(ann, "web", ("replace", "/node_count", 3), params={"rollback": "maybe"}).status_code == 400


def test_health_alone_leaves_status_and_driver_alone(world, ann, cluster):
    reason = "{'api': 'ok', 'web-1.Ready': 'True'}"
    answer = patch(ann, "web", ("replace", "/health_status", "HEALTHY"), ("replace", "/health_status_reason", reason))
    assert answer.status_code == 202
    shown = ann.get("/clusters/web").json
    assert (shown["status"], shown["health_status"]) == ("CREATE_COMPLETE", "HEALTHY")
    assert shown["health_status_reason"] == {"api": "ok", "web-1.Ready": "True"}
    assert len(world.operations(cluster)) == 1
    assert patch(ann, "web", ("add", "/health_status_reason/x", 1), ("remove", "/health_status")).status_code == 202
    shown = ann.get("/clusters/web").json
    assert (shown["health_status"], shown["health_status_reason"]["x"]) == (None, "1")


def test_health_may_be_reported_while_the_cluster_is_busy(world, ann, cluster):
    world.set_status(cluster, "UPDATE_IN_PROGRESS")
    assert patch(ann, "web", ("add", "/health_status", "UNHEALTHY")).status_code == 202
    assert patch(ann, "web", ("replace", "/health_status", "SICK")).status_code == 400


def test_health_and_count_in_one_patch(ann, cluster):
    assert patch(ann, "web", ("add", "/health_status", "HEALTHY"), ("replace", "/node_count", 4)).status_code == 202
    shown = ann.get("/clusters/web").json
    assert (shown["health_status"], shown["node_count"], shown["status"]) == ("HEALTHY", 4, "UPDATE_IN_PROGRESS")


def test_what_stays_as_it_is_may_be_patched(world, ann, cluster):
    same = [("replace", "/name", "web"), ("replace", "/master_count", 1), ("replace", "/labels", {"a": "1", "b": "2"})]
    assert patch(ann, "web", *same).status_code == 202
    assert patch(ann, "web").status_code == 202
    assert ann.get("/clusters/web").json["status"] == "CREATE_COMPLETE"
    assert len(world.operations(cluster)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        ("replace", "/name", "other"),
        ("replace", "/master_count", 3),
        ("replace", "/labels", {"x": "y"}),
        ("add", "/labels/x", "y"),
        ("remove", "/labels"),
        ("replace", "/keypair", "other"),
        ("replace", "/cluster_template_id", UNKNOWN),
        ("replace", "/status", "CREATE_FAILED"),
        ("add", "/status_reason", "x"),
        ("replace", "/merge_labels", True),
        ("replace", "/faults", {"a": "b"}),
        ("replace", "/api_address", "x"),
        ("replace", "/cluster_id", "x"),
        ("replace", "/stack_id", "x"),
        ("replace", "/trust_id", "x"),
        ("replace", "/uuid", UNKNOWN),
        ("replace", "/links", []),
        ("replace", "/colour", "red"),
        ("replace", "/node_count", -1),
        ("replace", "/node_count", 10**9),
        ("replace", "/node_count", "many"),
        ("replace", "/node_count", [1]),
        ("replace", "/node_count"),
        ("replace", "/health_status_reason", "{'a': {}}"),
        ("replace", "/health_status_reason/none", "x"),
    ],
)
def test_what_cannot_change_is_refused(world, ann, cluster, operation):
    before = ann.get("/clusters/web").json
    answer = patch(ann, "web", operation)
    assert answer.status_code == 400, answer.text
    assert ann.get("/clusters/web").json == before
    assert len(world.operations(cluster)) == 1


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_FAILED", "DELETE_IN_PROGRESS", "NEW"]
)
def test_a_cluster_that_is_not_steady_says_so(world, ann, cluster, status):
    world.set_status(cluster, status)
    answer = patch(ann, "web", ("replace", "/node_count", 3))
    assert answer.status_code == 400
    assert title(answer) == f"The cluster {cluster} is {status}, so it cannot be changed now"
    assert ann.get("/clusters/web").json["node_count"] == 2


# ---- resize


def resize(who, ident, count, **more):
    version = more.pop("version", "latest")
    return who.post(f"/clusters/{ident}/actions/resize", {"node_count": count} | more, version=version)


def test_a_resize_is_accepted_also_while_another_is_running(world, ann, cluster):
    answer = resize(ann, "web", 4, nodes_to_remove=None)
    assert (answer.status_code, answer.json) == (202, {"uuid": cluster})
    assert resize(ann, "web", 3, nodegroup="default-worker", nodes_to_remove=["n1"], version="1.7").status_code == 202
    assert ann.get("/clusters/web").json["node_count"] == 3
    open_ones = [operation for operation in world.operations(cluster) if operation.state in {"ACTIVE", "QUEUED"}]
    assert [operation.kind for operation in open_ones] == ["resize", "create"]
    assert open_ones[0].arguments.nodes_to_remove == ("n1",)
    assert open_ones[0].arguments.previous == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"node_count": 3, "nodegroup": "nothing"}, 404),
        ({"node_count": 3, "nodegroup": "default-master"}, 400),
        ({"node_count": None}, 400),
        ({}, 400),
        ({"node_count": -1}, 400),
        ({"node_count": 3, "colour": "red"}, 400),
        ({"node_count": 3, "nodes_to_remove": "n1"}, 400),
        ({"node_count": 3, "nodes_to_remove": [1]}, 400),
    ],
)
def test_a_resize_that_cannot_be(ann, cluster, body, status):
    assert ann.post("/clusters/web/actions/resize", body).status_code == status
    assert ann.get("/clusters/web").json["status"] == "CREATE_COMPLETE"


def test_a_resize_stays_within_the_bounds_of_the_group(world, ann, cluster):
    _, workers = world.groups(cluster)
    world.write(lambda tx: nodegroups.update(tx, workers.uuid, min_node_count=2, max_node_count=4))
    assert resize(ann, "web", 1).status_code == 400
    assert resize(ann, "web", 5).status_code == 400
    assert resize(ann, "web", 4).status_code == 202


@pytest.mark.parametrize(("version", "status"), [("1.9", 400), ("1.10", 202)])
def test_resizing_to_nothing_needs_a_newer_version(ann, cluster, version, status):
    assert resize(ann, "web", 0, version=version).status_code == status


@pytest.mark.parametrize(
    ("status", "answered"), [("UPDATE_FAILED", 202), ("CREATE_FAILED", 400), ("CREATE_IN_PROGRESS", 400)]
)
def test_the_statuses_from_which_a_cluster_is_resized(world, ann, cluster, status, answered):
    world.set_status(cluster, status)
    assert resize(ann, "web", 3).status_code == answered


# ---- delete


def test_a_delete_shows_at_once_and_twice_is_once(world, ann, cluster):
    for _ in range(2):
        answer = ann.delete("/clusters/web")
        assert (answer.status_code, answer.text) == (204, "")
    assert ann.get("/clusters/web").json["status"] == "DELETE_IN_PROGRESS"
    assert {group.status for group in world.groups(cluster)} == {"DELETE_IN_PROGRESS"}
    newest, first = world.operations(cluster)
    assert (newest.arguments, newest.state, newest.deadline) == (DeleteCluster(), OperationState.ACTIVE, None)
    assert first.state is OperationState.CANCELLED


def test_volumes_may_be_asked_for_when_the_deletion_is_under_way(world, ann, cluster):
    for asked in (None, {"delete_volumes": "true"}, {"delete_volumes": "false"}, None):
        assert ann.delete("/clusters/web", params=asked).status_code == 204
    thorough, first, _ = world.operations(cluster)
    assert (first.arguments, first.state) == (DeleteCluster(), OperationState.CANCELLED)
    assert (thorough.arguments, thorough.state) == (DeleteCluster(volumes=True), OperationState.ACTIVE)


def test_a_deletion_that_is_tried_again_takes_the_volumes_too(world, ann, cluster):
    assert ann.delete("/clusters/web", params={"delete_volumes": "true"}).status_code == 204
    world.set_status(cluster, "DELETE_FAILED")
    assert ann.post("/clusters/web/actions/retry").status_code == 202
    again, first, _ = world.operations(cluster)
    assert again.uuid != first.uuid
    assert again.arguments == first.arguments == DeleteCluster(volumes=True)


def test_whether_volumes_go_is_true_or_false(ann, cluster):
    assert ann.delete("/clusters/web", params={"delete_volumes": "some"}).status_code == 400
    assert ann.get("/clusters/web").json["status"] == "CREATE_COMPLETE"


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_FAILED", "NEW", None]
)
def test_a_cluster_is_deleted_whatever_its_status(world, ann, cluster, status):
    world.set_status(cluster, status)
    assert ann.delete(f"/clusters/{cluster}").status_code == 204
    assert ann.get("/clusters/web").json["status"] == "DELETE_IN_PROGRESS"


def test_a_delete_that_was_left_lying_is_taken_up(world, ann, cluster):
    """As in a database that another service has left behind."""
    world.set_status(cluster, "DELETE_IN_PROGRESS")
    assert ann.delete(f"/clusters/{cluster}").status_code == 204
    assert world.operations(cluster)[0].arguments == DeleteCluster()


@pytest.mark.in_process
def test_a_cluster_whose_driver_is_gone_can_be_deleted(world, ann, cluster):
    world.change(drivers=Registry([]))
    assert ann.delete("/clusters/web").status_code == 204


# ---- other projects


def test_clusters_of_others_are_not_there(ann, eve, cluster):
    for answer in (
        eve.get(f"/clusters/{cluster}"),
        eve.get("/clusters/web"),
        eve.delete(f"/clusters/{cluster}"),
        patch(eve, cluster, ("replace", "/node_count", 3)),
        resize(eve, cluster, 3),
        eve.get(f"/certificates/{cluster}"),
    ):
        assert answer.status_code == 404
        assert "fishers" not in answer.text
    assert eve.get("/clusters").json == eve.get("/clusters/detail").json == {"clusters": []}
    assert ann.get("/clusters/web").json["status"] == "CREATE_COMPLETE"


def test_colleagues_share_their_projects_clusters(bob, cluster):
    assert bob.get("/clusters/web").json["user_id"] == "ann"
    assert resize(bob, "web", 3).status_code == 202
    assert bob.delete("/clusters/web").status_code == 204


def test_readers_read_only(reader, cluster):
    assert reader.get("/clusters/web").status_code == 200
    assert reader.get("/clusters").status_code == 200
    assert reader.delete("/clusters/web").status_code == 403
    assert patch(reader, "web", ("replace", "/node_count", 3)).status_code == 403
    assert resize(reader, "web", 3).status_code == 403
    assert reader.get("/clusters/web").json["status"] == "CREATE_COMPLETE"


@pytest.mark.parametrize("attribute", ["health_status", "name", "node_count", "nonsense"])
def test_who_may_not_change_it_is_told_so_first(ann, reader, cluster, attribute):
    """The answer tells nothing of whether the change would make sense."""
    assert patch(ann, "web", ("replace", "/health_status", "HEALTHY")).status_code == 202
    assert patch(ann, "web", ("add", f"/{attribute}", "HEALTHY")).status_code == 400
    assert patch(reader, "web", ("add", f"/{attribute}", "HEALTHY")).status_code == 403


def test_administrators_see_and_change_all_projects(root, cluster):
    assert [item["uuid"] for item in root.get("/clusters").json["clusters"]] == [cluster]
    assert patch(root, "web", ("replace", "/health_status", "HEALTHY")).status_code == 202
    assert resize(root, "web", 3).status_code == 202
    assert root.delete("/clusters/web").status_code == 204
