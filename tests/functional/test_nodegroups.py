"""Node groups as the owner of a cluster sees them, up to where conductors take over."""

import msgspec
import pytest

from magnum.db import nodegroups
from magnum.drivers.local_swarm.spec import SPEC as LOCAL_SWARM
from magnum.drivers.registry import Registry
from magnum.model.operations import CreateNodeGroup, DeleteNodeGroup, ResizeNodeGroup, UpdateNodeGroup

pytestmark = pytest.mark.live

GROUPS = "/clusters/web/nodegroups"
UNKNOWN = "99999999-9999-4999-8999-999999999999"
TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def patch(who, ident, *operations, **more):
    body = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
    return who.patch(f"{GROUPS}/{ident}", body, **more)


@pytest.fixture
def cluster(world, ann) -> str:
    """A cluster of one manager and two workers that is complete and can be reached."""
    template = ann.make_template(labels={"a": "1", "b": "2"}, flavor_id="m1.small")
    uuid = ann.make_cluster(template["uuid"], name="web", node_count=2)
    world.set_status(uuid, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    return uuid


@pytest.fixture
def gpu(world, ann, cluster) -> dict:
    """A node group of three that is complete."""
    made = ann.post(GROUPS, {"name": "gpu", "node_count": 3, "role": "gpu", "max_node_count": 9}).json
    world.set_status(cluster, "UPDATE_COMPLETE")
    return made


# ---- look


def test_every_cluster_has_two(ann, cluster):
    listed = ann.get(GROUPS, headers={"Host": "api"}).json
    masters, workers = listed["nodegroups"]
    assert (masters["name"], masters["role"], masters["node_count"]) == ("default-master", "master", 1)
    assert workers == {
        "uuid": workers["uuid"],
        "name": "default-worker",
        "flavor_id": "m1.small",
        "image_id": "fake",
        "node_count": 2,
        "role": "worker",
        "min_node_count": 0,
        "max_node_count": None,
        "is_default": True,
        "stack_id": None,
        "status": "CREATE_COMPLETE",
        "merge_labels": False,
        "links": [
            {"href": f"http://api/v1/clusters/{cluster}/nodegroups/{workers['uuid']}", "rel": "self"},
            {"href": f"http://api/clusters/{cluster}/nodegroups/{workers['uuid']}", "rel": "bookmark"},
        ],
    }
    assert "next" not in listed


def test_one_is_shown_by_name_or_uuid_with_everything(ann, cluster, gpu):
    shown = ann.get(f"{GROUPS}/gpu").json
    for ident in (gpu["uuid"], gpu["uuid"].upper(), gpu["uuid"].replace("-", "")):
        assert ann.get(f"/clusters/{cluster}/nodegroups/{ident}").json == shown
    assert shown.keys() - ann.get(GROUPS).json["nodegroups"][2].keys() == {
        *("id", "cluster_id", "project_id", "docker_volume_size", "labels", "node_addresses", "status_reason"),
        *("labels_overridden", "labels_added", "labels_skipped", "version", "node_labels", "node_taints"),
        *("created_at", "updated_at"),
    }
    assert isinstance(shown["id"], int)
    assert (shown["cluster_id"], shown["project_id"]) == (cluster, "fishers")


def test_the_list_has_the_real_bounds_pages_and_a_filter(ann, cluster, gpu):
    (found,) = ann.get(GROUPS, params={"role": "gpu"}).json["nodegroups"]
    assert (found["min_node_count"], found["max_node_count"]) == (0, 9)
    assert ann.get(GROUPS, params={"role": "nobody"}).json == {"nodegroups": []}
    page = ann.get(GROUPS, params={"role": "gpu", "limit": "1", "sort_key": "name"}, headers={"Host": "api"}).json
    assert page["next"] == (
        f"http://api/v1/clusters/{cluster}/nodegroups?sort_key=name&sort_dir=asc&limit=1&marker={gpu['uuid']}&role=gpu"
    )
    names = [
        group["name"] for group in ann.get(GROUPS, params={"sort_key": "name", "sort_dir": "desc"}).json["nodegroups"]
    ]
    assert names == ["gpu", "default-worker", "default-master"]
    after = ann.get(GROUPS, params={"marker": gpu["uuid"], "sort_dir": "desc"}).json["nodegroups"]
    assert [group["name"] for group in after] == ["default-worker", "default-master"]


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=0", 400),
        ("marker=x", 400),
        (f"marker={UNKNOWN}", 404),
        ("sort_key=nonsense", 400),
        ("sort_dir=up", 400),
        ("name=gpu", 400),
    ],
)
def test_a_list_that_makes_no_sense(ann, cluster, query, status):
    assert ann.get(GROUPS, query_string=query).status_code == status


def test_there_are_no_details_below_them(ann, cluster):
    assert ann.get(f"{GROUPS}/detail").status_code == 404  # a group of this name


@pytest.mark.parametrize("version", ["1.1", "1.8"])
def test_they_are_there_from_1_9_on(ann, cluster, version):
    for method, path in (("GET", GROUPS), ("POST", GROUPS), *((m, f"{GROUPS}/x") for m in ("GET", "PATCH", "DELETE"))):
        assert ann.call(method, path, version=version).status_code == 406
    assert ann.get(GROUPS, version="1.9").status_code == 200


# ---- who


def test_others_neither_see_nor_change_them(ann, eve, cluster, gpu):
    before = ann.get(f"{GROUPS}/gpu").json
    for group in (GROUPS, f"/clusters/{cluster}/nodegroups"):
        assert eve.get(group).status_code == 404
        assert eve.post(group, {"name": "x"}).status_code == 404
        assert eve.get(f"{group}/gpu").status_code == 404
        assert eve.patch(f"{group}/gpu", [{"op": "replace", "path": "/max_node_count", "value": 5}]).status_code == 404
        assert eve.delete(f"{group}/gpu").status_code == 404
    assert ann.get(f"{GROUPS}/gpu").json == before


def test_a_reader_looks_only(reader, cluster, gpu):
    assert reader.get(f"{GROUPS}/gpu").status_code == 200
    for answer in (reader.post(GROUPS, {"name": "x"}), patch(reader, "gpu"), reader.delete(f"{GROUPS}/gpu")):
        assert answer.status_code == 403


def test_an_administrator_works_on_all_projects_clusters(ann, root, cluster):
    made = root.post(GROUPS, {"name": "mended"})
    assert (made.status_code, made.json["project_id"]) == (202, "fishers")
    assert ann.get(f"{GROUPS}/mended").status_code == 200
    assert root.delete(f"{GROUPS}/mended").status_code == 204


# ---- add


def test_one_is_added_and_there_at_once(world, ann, cluster):
    answer = ann.post(GROUPS, {"name": "more", "labels": {"b": "3", "c": 4}}, version="1.9")
    assert answer.status_code == 202
    made = answer.json
    assert made == ann.get(f"{GROUPS}/more").json
    wanted = {
        "name": "more",
        "role": "worker",
        "node_count": 1,
        "min_node_count": 0,
        "max_node_count": None,
        "is_default": False,
        "status": "CREATE_IN_PROGRESS",
        "flavor_id": "m1.small",
        "image_id": "fake",
        "labels": {"b": "3", "c": "4"},
        "labels_overridden": {"b": "2"},
        "labels_added": {"c": "4"},
        "labels_skipped": {"a": "1"},
        "node_labels": {},
        "node_taints": [],
        "node_addresses": [],
    }
    assert {name: made[name] for name in wanted} == wanted
    shown = ann.get("/clusters/web").json
    assert (shown["status"], shown["node_count"]) == ("UPDATE_IN_PROGRESS", 3)
    newest = world.operations(cluster)[0]
    assert newest.arguments == CreateNodeGroup(made["uuid"])
    assert newest.deadline - newest.created_at == 3600 * 1_000_000
    *_, asked, warned, _ = world.events(cluster)
    assert (asked.kind, warned.kind) == ("nodegroup.create", "nodegroup.labels")


def test_its_labels_are_the_clusters_unless_it_has_own_and_merged_when_asked_for(ann, cluster):
    for number, (given, labels) in enumerate(
        [
            ({}, {"a": "1", "b": "2"}),
            ({"labels": None}, {"a": "1", "b": "2"}),
            ({"labels": {"c": "3"}, "merge_labels": True}, {"a": "1", "b": "2", "c": "3"}),
        ]
    ):
        made = ann.post(GROUPS, {"name": f"n{number}", **given}).json
        assert (made["labels"], made["merge_labels"]) == (labels, False)


def test_what_it_says_itself_counts(ann, cluster):
    own = {
        "name": "own",
        "role": "infra",
        "node_count": 0,
        "min_node_count": 0,
        "max_node_count": 4,
        "docker_volume_size": 7,
        "flavor_id": "m1.large",
        "image_id": "11111111-1111-4111-8111-111111111111",
        "node_labels": {"disk": "ssd", "node.kubernetes.io/zone": "b", "kubernetes.io/os": "linux"},
        "node_taints": [TAINT, {"key": "x", "effect": "NoExecute"}],
    }
    made = ann.post(GROUPS, own).json
    assert {name: made[name] for name in own} == own


def test_nulls_mean_not_given(ann, cluster):
    names = (
        "role",
        "node_count",
        "min_node_count",
        "max_node_count",
        "labels",
        "merge_labels",
        "flavor_id",
        "image_id",
    )
    made = ann.post(GROUPS, {"name": "x", **dict.fromkeys((*names, "node_labels", "node_taints"))}).json
    assert (made["role"], made["node_count"], made["min_node_count"], made["node_taints"]) == ("worker", 1, 0, [])


def test_what_is_not_the_owners_to_choose_is_dropped_or_refused(ann, cluster):
    dropped = {"id": 99, "uuid": UNKNOWN, "cluster_id": UNKNOWN, "is_default": True, "status": "UPDATE_COMPLETE"}
    made = ann.post(GROUPS, {"name": "x"} | dropped).json
    assert {made[name] == value for name, value in dropped.items()} == {False}
    for name in ("project_id", "stack_id", "node_addresses", "links", "created_at"):
        answer = ann.post(GROUPS, {"name": "y", name: None})
        assert (answer.status_code, title(answer)) == (
            400,
            f"The attribute {name} of a node group is read-only and cannot be set",
        )


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "The mandatory attribute name is missing"),
        ({"name": "x", "role": "master"}, 400, "master"),
        ({"name": "default-worker"}, 409, "Nodegroup default-worker exists already"),
        ({"name": "x", "min_node_count": 3, "max_node_count": 2}, 409, "max_node_count of the node group x"),
        ({"name": "x", "node_count": 3, "max_node_count": 2}, 409, "node_count of the node group x"),
        ({"name": "x", "min_node_count": 2}, 409, "min_node_count of the node group x"),
        ({"name": "x", "flavor_id": "huge"}, 400, "flavor_id"),
        ({"name": "x", "image_id": "none"}, 400, "image_id"),
        ({"name": "x", "image_id": "suse"}, 400, "image_id must name an image of fake"),
        ({"name": "x", "labels": {"fake_faults": "nonsense"}}, 400, "fake_faults"),
        ({"name": "x", "labels": {"boot_volume_size": "big"}}, 400, "The label boot_volume_size must be"),
        ({"name": "x", "node_labels": {"kubernetes.io/role": "x"}}, 409, "reserved"),
        ({"name": "x", "node_labels": {"a.k8s.io/b": "x"}}, 409, "reserved"),
        ({"name": "x", "node_labels": {"x.node.kubernetes.io/b": "x"}}, 409, "reserved"),
        ({"name": "x", "node_taints": [{"effect": "NoExecute"}]}, 409, "key"),
        ({"name": "x", "node_taints": [{"key": "a", "effect": "Nothing"}]}, 409, "effect of a"),
        ({"name": "x", "node_taints": [TAINT | {"color": "red"}]}, 409, "color"),
        ({"name": "x", "node_taints": {"key": "a"}}, 400, "node_taints must be a list"),
        ({"name": "x", "node_taints": [{"key": 1, "effect": "NoExecute"}]}, 400, "node_taints must be"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(world, ann, cluster, body, status, words):  # noqa: PLR0917
    before = ann.get(GROUPS).json, ann.get("/clusters/web").json
    answer = ann.post(GROUPS, body)
    assert (answer.status_code, words in title(answer)) == (status, True), answer.text
    assert (ann.get(GROUPS).json, ann.get("/clusters/web").json) == before
    assert len(world.operations(cluster)) == 1


def test_a_cluster_without_an_address_takes_none_yet(world, ann, cluster):
    ann.make_cluster("swarm", name="new")
    answer = ann.post("/clusters/new/nodegroups", {"name": "x"})
    assert answer.status_code == 409
    assert "no API address yet" in title(answer)
    world.set_status(cluster, "DELETE_FAILED")
    answer = ann.post(GROUPS, {"name": "x"})
    assert (answer.status_code, "DELETE_FAILED" in title(answer)) == (400, True)


def test_several_changes_wait_for_each_other(world, ann, cluster):
    uuids = [ann.post(GROUPS, {"name": name}).json["uuid"] for name in ("x", "y")]
    waiting = [operation.arguments for operation in reversed(world.operations(cluster))][1:]
    assert waiting == [CreateNodeGroup(uuid) for uuid in uuids]


@pytest.mark.in_process
def test_a_driver_that_puts_no_labels_on_nodes_says_so(world, ann, cluster):
    provides = world.service.drivers.spec("fake").provides
    world.change(drivers=Registry([msgspec.structs.replace(LOCAL_SWARM, name="fake", provides=provides)]))
    answer = ann.post(GROUPS, {"name": "x", "node_taints": [TAINT]})
    assert (answer.status_code, "does not support node_labels" in title(answer)) == (400, True)
    assert patch(ann, "default-worker", ("replace", "/node_labels", {"a": "b"})).status_code == 400
    assert ann.post(GROUPS, {"name": "x"}).status_code == 202


# ---- change


def test_bounds_and_labels_change_and_the_cluster_is_updated(world, ann, gpu, cluster):
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
    assert world.operations(cluster)[0].arguments == UpdateNodeGroup(gpu["uuid"])


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


def test_an_empty_patch_changes_nothing(world, ann, gpu, cluster):
    assert patch(ann, "gpu").status_code == 202
    assert patch(ann, "gpu", ("replace", "/name", "gpu")).status_code == 202
    assert len(world.operations(cluster)) == 2
    assert ann.get(f"{GROUPS}/gpu").json["status"] == "UPDATE_COMPLETE"


def test_default_groups_have_bounds_too(ann, cluster):
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
def test_a_patch_that_cannot_be_applied(world, ann, gpu, cluster, operation, status, words):  # noqa: PLR0917
    before = ann.get(f"{GROUPS}/gpu").json
    answer = patch(ann, "gpu", operation)
    assert (answer.status_code, words in title(answer)) == (status, True), answer.text
    assert ann.get(f"{GROUPS}/gpu").json == before
    assert len(world.operations(cluster)) == 2


def test_a_group_that_is_being_made_or_removed_cannot_be_changed(world, ann, gpu, cluster):
    for status in ("CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS"):
        world.write(lambda tx, status=status: nodegroups.update(tx, gpu["uuid"], status=status))
        answer = patch(ann, "gpu", ("replace", "/max_node_count", 5))
        assert (answer.status_code, status in title(answer)) == (400, True)


# ---- resize


def test_any_group_but_the_masters_is_resized_within_its_bounds(world, ann, gpu, cluster):
    def resize(count, group="gpu", version="latest"):
        body = {"node_count": count, "nodegroup": group}
        return ann.post("/clusters/web/actions/resize", body, version=f"container-infra {version}")

    assert resize(10).status_code == 400
    assert resize(0, version="1.9").status_code == 400
    assert resize(0).status_code == 202
    assert world.operations(cluster)[0].arguments == ResizeNodeGroup(
        nodegroup_uuid=gpu["uuid"], node_count=0, previous=3
    )
    assert ann.get(f"{GROUPS}/gpu").json["node_count"] == 0
    assert resize(1, "default-master").status_code == 400
    assert resize(1, "none").status_code == 404


# ---- remove


def test_one_is_removed(world, ann, gpu, cluster):
    answer = ann.delete(f"{GROUPS}/gpu", headers={"Content-Type": "application/octet-stream"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert ann.get(f"{GROUPS}/gpu").json["status"] == "DELETE_IN_PROGRESS"
    assert ann.get("/clusters/web").json["status"] == "UPDATE_IN_PROGRESS"
    assert ann.delete(f"{GROUPS}/gpu").status_code == 204
    assert [operation.arguments for operation in world.operations(cluster)[:-2]] == [DeleteNodeGroup(gpu["uuid"])]


@pytest.mark.parametrize("status", ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "DELETE_IN_PROGRESS"])
def test_one_in_any_status_is_removed(world, ann, gpu, cluster, status):
    world.write(lambda tx: nodegroups.update(tx, gpu["uuid"], status=status))
    assert ann.delete(f"{GROUPS}/gpu").status_code == 204
    assert world.operations(cluster)[0].arguments == DeleteNodeGroup(gpu["uuid"])


def test_default_ones_stay(ann, cluster):
    for name in ("default-master", "default-worker"):
        answer = ann.delete(f"{GROUPS}/{name}")
        assert (answer.status_code, "default one" in title(answer)) == (400, True)
    assert ann.delete(f"{GROUPS}/none").status_code == 404
