"""Node groups that are changed, resized and removed, up to where conductors take over."""

import pytest

from magnum.db import nodegroups
from magnum.model.operations import DeleteNodeGroup, ResizeNodeGroup, UpdateNodeGroup

pytestmark = pytest.mark.live

GROUPS = "/clusters/web/nodegroups"
UNKNOWN = "99999999-9999-4999-8999-999999999999"
TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def patch(who, ident, *operations, **more):
    body = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
    return who.patch(f"{GROUPS}/{ident}", body, **more)


# ---- change


def test_bounds_and_labels_change_and_the_cluster_is_updated(world, ann, gpu, web):
    answer = patch(
        ann,
        "gpu",
        ("replace", "/min_node_count", 1),
        ("replace", "/max_node_count", "3"),
        ("add", "/node_labels/disk", "ssd"),
        ("replace", "/node_taints", [TAINT]),
        version="1.9",
    )
    assert (answer.status_code, answer.json) == (202, ann.get(f"{GROUPS}/gpu").json)
    changed = answer.json
    assert (changed["min_node_count"], changed["max_node_count"]) == (1, 3)
    assert (changed["node_labels"], changed["node_taints"]) == ({"disk": "ssd"}, [TAINT])
    assert (changed["status"], ann.get("/clusters/web").json["status"]) == ("UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
    assert world.operations(web)[0].arguments == UpdateNodeGroup(gpu["uuid"])


def test_the_command_line_sends_literals_as_text(ann, gpu):
    text = "[{'key': 'gpu', 'value': '', 'effect': 'NoSchedule'}, {'key': 'b', 'effect': 'NoExecute'}]"
    changed = patch(ann, "gpu", ("replace", "/node_taints", text), ("replace", "/node_labels", "{'a': 'b'}")).json
    assert [taint["key"] for taint in changed["node_taints"]] == ["gpu", "b"]
    assert changed["node_labels"] == {"a": "b"}
    changed = patch(ann, "gpu", ("replace", "/node_taints", "[]"), ("replace", "/node_labels", "{}")).json
    assert (changed["node_taints"], changed["node_labels"]) == ([], {})


def test_what_is_removed_is_reset(ann, gpu):
    patch(ann, "gpu", ("replace", "/min_node_count", 1), ("replace", "/node_taints", [TAINT]))
    changed = patch(
        ann, "gpu", *(("remove", f"/{name}") for name in ("min_node_count", "max_node_count", "node_taints"))
    ).json
    assert (changed["min_node_count"], changed["max_node_count"], changed["node_taints"]) == (0, None, [])


def test_an_empty_patch_changes_nothing(world, ann, gpu, web):
    assert patch(ann, "gpu").status_code == 202
    assert patch(ann, "gpu", ("replace", "/name", "gpu")).status_code == 202
    assert len(world.operations(web)) == 2
    assert ann.get(f"{GROUPS}/gpu").json["status"] == "UPDATE_COMPLETE"


def test_default_groups_have_bounds_too(ann, web):
    assert patch(ann, "default-master", ("replace", "/max_node_count", 5)).status_code == 202
    answer = patch(ann, "default-master", ("replace", "/node_labels", {"a": "b"}))
    assert (answer.status_code, "masters" in title(answer)) == (409, True)


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("operation", "status", "words"),
    [
        (("replace", "/node_count", 5), 400, "node_count"),
        (("replace", "/name", "x"), 400, "name"),
        (("replace", "/role", "x"), 400, "role"),
        (("replace", "/labels/a", "x"), 400, "labels"),
        (("replace", "/uuid", UNKNOWN), 400, "uuid"),
        (("replace", "/stack_id", "x"), 400, "stack_id"),
        (("remove", "/id"), 400, "id"),
        (("replace", "/nonsense", "x"), 400, "nonsense"),
        (("replace", "/max_node_count", 2), 409, "node_count"),
        (("replace", "/min_node_count", 4), 409, "min_node_count"),
        (("replace", "/max_node_count", -1), 400, "max_node_count"),
        (("replace", "/max_node_count", "many"), 400, "max_node_count"),
        (("replace", "/node_taints", "nonsense"), 400, "node_taints"),
        (("replace", "/node_taints", "[{'key': 'a'} {'key': 'b'}]"), 400, "node_taints"),
        (("replace", "/node_taints", 3), 400, "node_taints"),
        (("replace", "/node_taints", ["x"]), 400, "node_taints"),
        (("replace", "/node_taints", [TAINT | {"key": "a\x00"}]), 400, "node_taints"),
        (("replace", "/node_taints", [{"key": "a"}]), 409, "effect"),
        (("replace", "/node_labels", {"k8s.io/x": "y"}), 409, "reserved"),
        (("replace", "/node_labels", "nonsense"), 400, "node_labels"),
        (("move", "/node_labels", "x"), 400, "op"),
    ],
)
def test_a_patch_that_cannot_be_applied(world, ann, gpu, web, operation, status, words):  # noqa: PLR0917
    before = ann.get(f"{GROUPS}/gpu").json
    answer = patch(ann, "gpu", operation)
    assert (answer.status_code, words in title(answer)) == (status, True), answer.text
    assert ann.get(f"{GROUPS}/gpu").json == before
    assert len(world.operations(web)) == 2


def test_a_group_that_is_being_made_or_removed_cannot_be_changed(world, ann, gpu, web):
    for status in ("CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS"):
        world.write(lambda tx, status=status: nodegroups.update(tx, gpu["uuid"], status=status))
        answer = patch(ann, "gpu", ("replace", "/max_node_count", 5))
        assert (answer.status_code, status in title(answer)) == (400, True)


# ---- resize


def test_any_group_is_resized_within_its_bounds(world, ann, gpu, web):
    def resize(count, group="gpu", version="latest"):
        body = {"node_count": count, "nodegroup": group}
        return ann.post("/clusters/web/actions/resize", body, version=f"container-infra {version}")

    assert resize(10).status_code == 400
    assert resize(0, version="1.9").status_code == 400
    assert resize(0).status_code == 202
    assert world.operations(web)[0].arguments == ResizeNodeGroup(nodegroup_uuid=gpu["uuid"], node_count=0, previous=3)
    assert ann.get(f"{GROUPS}/gpu").json["node_count"] == 0
    assert resize(3, "default-master").status_code == 400  # it has no load balancer
    assert resize(1, "none").status_code == 404


# ---- remove


def test_one_is_removed(world, ann, gpu, web):
    answer = ann.delete(f"{GROUPS}/gpu", headers={"Content-Type": "application/octet-stream"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert ann.get(f"{GROUPS}/gpu").json["status"] == "DELETE_IN_PROGRESS"
    assert ann.get("/clusters/web").json["status"] == "UPDATE_IN_PROGRESS"
    assert ann.delete(f"{GROUPS}/gpu").status_code == 204
    assert [operation.arguments for operation in world.operations(web)[:-2]] == [DeleteNodeGroup(gpu["uuid"])]


@pytest.mark.parametrize("status", ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "DELETE_IN_PROGRESS"])
def test_one_in_any_status_is_removed(world, ann, gpu, web, status):
    world.write(lambda tx: nodegroups.update(tx, gpu["uuid"], status=status))
    assert ann.delete(f"{GROUPS}/gpu").status_code == 204
    assert world.operations(web)[0].arguments == DeleteNodeGroup(gpu["uuid"])


def test_default_ones_stay(ann, web):
    for name in ("default-master", "default-worker"):
        answer = ann.delete(f"{GROUPS}/{name}")
        assert (answer.status_code, "default one" in title(answer)) == (400, True)
    assert ann.delete(f"{GROUPS}/none").status_code == 404
