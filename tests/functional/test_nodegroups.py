"""Node groups as the owner of a cluster sees them, up to where conductors take over."""

import msgspec
import pytest

from magnum.drivers.local_swarm.spec import SPEC as LOCAL_SWARM
from magnum.drivers.registry import Registry
from magnum.model.operations import CreateNodeGroup

pytestmark = pytest.mark.live

GROUPS = "/clusters/web/nodegroups"
UNKNOWN = "99999999-9999-4999-8999-999999999999"
TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def patch(who, ident, *operations, **more):
    body = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
    return who.patch(f"{GROUPS}/{ident}", body, **more)


# ---- look


def test_every_cluster_has_two(ann, web):
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
            {"href": f"http://api/v1/clusters/{web}/nodegroups/{workers['uuid']}", "rel": "self"},
            {"href": f"http://api/clusters/{web}/nodegroups/{workers['uuid']}", "rel": "bookmark"},
        ],
    }
    assert "next" not in listed


def test_one_is_shown_by_name_or_uuid_with_everything(ann, web, gpu):
    shown = ann.get(f"{GROUPS}/gpu").json
    for ident in (gpu["uuid"], gpu["uuid"].upper(), gpu["uuid"].replace("-", "")):
        assert ann.get(f"/clusters/{web}/nodegroups/{ident}").json == shown
    assert shown.keys() - ann.get(GROUPS).json["nodegroups"][2].keys() == {
        *("id", "cluster_id", "project_id", "docker_volume_size", "labels", "node_addresses", "status_reason"),
        *("labels_overridden", "labels_added", "labels_skipped", "version", "node_labels", "node_taints"),
        *("created_at", "updated_at"),
    }
    assert isinstance(shown["id"], int)
    assert (shown["cluster_id"], shown["project_id"]) == (web, "fishers")


def test_the_list_has_the_real_bounds_pages_and_a_filter(ann, web, gpu):
    (found,) = ann.get(GROUPS, params={"role": "gpu"}).json["nodegroups"]
    assert (found["min_node_count"], found["max_node_count"]) == (0, 9)
    assert ann.get(GROUPS, params={"role": "nobody"}).json == {"nodegroups": []}
    page = ann.get(GROUPS, params={"role": "gpu", "limit": "1", "sort_key": "name"}, headers={"Host": "api"}).json
    assert page["next"] == (
        f"http://api/v1/clusters/{web}/nodegroups?sort_key=name&sort_dir=asc&limit=1&marker={gpu['uuid']}&role=gpu"
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
def test_a_list_that_makes_no_sense(ann, web, query, status):
    assert ann.get(GROUPS, query_string=query).status_code == status


def test_there_are_no_details_below_them(ann, web):
    assert ann.get(f"{GROUPS}/detail").status_code == 404  # a group of this name


@pytest.mark.parametrize("version", ["1.1", "1.8"])
def test_they_are_there_from_1_9_on(ann, web, version):
    for method, path in (("GET", GROUPS), ("POST", GROUPS), *((m, f"{GROUPS}/x") for m in ("GET", "PATCH", "DELETE"))):
        assert ann.call(method, path, version=version).status_code == 406
    assert ann.get(GROUPS, version="1.9").status_code == 200


# ---- who


def test_others_neither_see_nor_change_them(ann, eve, web, gpu):
    before = ann.get(f"{GROUPS}/gpu").json
    for group in (GROUPS, f"/clusters/{web}/nodegroups"):
        assert eve.get(group).status_code == 404
        assert eve.post(group, {"name": "x"}).status_code == 404
        assert eve.get(f"{group}/gpu").status_code == 404
        assert eve.patch(f"{group}/gpu", [{"op": "replace", "path": "/max_node_count", "value": 5}]).status_code == 404
        assert eve.delete(f"{group}/gpu").status_code == 404
    assert ann.get(f"{GROUPS}/gpu").json == before


def test_a_reader_looks_only(reader, web, gpu):
    assert reader.get(f"{GROUPS}/gpu").status_code == 200
    for answer in (reader.post(GROUPS, {"name": "x"}), patch(reader, "gpu"), reader.delete(f"{GROUPS}/gpu")):
        assert answer.status_code == 403


def test_an_administrator_works_on_all_projects_clusters(ann, root, web):
    made = root.post(GROUPS, {"name": "mended"})
    assert (made.status_code, made.json["project_id"]) == (202, "fishers")
    assert ann.get(f"{GROUPS}/mended").status_code == 200
    assert root.delete(f"{GROUPS}/mended").status_code == 204


# ---- add


def test_one_is_added_and_there_at_once(world, ann, web):
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
    newest = world.operations(web)[0]
    assert newest.arguments == CreateNodeGroup(made["uuid"])
    assert newest.deadline - newest.created_at == 3600 * 1_000_000
    *_, asked, warned, _ = world.events(web)
    assert (asked.kind, warned.kind) == ("nodegroup.create", "nodegroup.labels")


def test_its_labels_are_the_clusters_unless_it_has_own_and_merged_when_asked_for(ann, web):
    for number, (given, labels) in enumerate(
        [
            ({}, {"a": "1", "b": "2"}),
            ({"labels": None}, {"a": "1", "b": "2"}),
            ({"labels": {"c": "3"}, "merge_labels": True}, {"a": "1", "b": "2", "c": "3"}),
        ]
    ):
        made = ann.post(GROUPS, {"name": f"n{number}", **given}).json
        assert (made["labels"], made["merge_labels"]) == (labels, False)


def test_what_it_says_itself_counts(ann, web):
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


def test_nulls_mean_not_given(ann, web):
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


def test_what_is_not_the_owners_to_choose_is_dropped_or_refused(ann, web):
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
def test_what_cannot_be_is_refused_and_changes_nothing(world, ann, web, body, status, words):  # noqa: PLR0917
    before = ann.get(GROUPS).json, ann.get("/clusters/web").json
    answer = ann.post(GROUPS, body)
    assert (answer.status_code, words in title(answer)) == (status, True), answer.text
    assert (ann.get(GROUPS).json, ann.get("/clusters/web").json) == before
    assert len(world.operations(web)) == 1


def test_a_cluster_without_an_address_takes_none_yet(world, ann, web):
    ann.make_cluster("swarm", name="new")
    answer = ann.post("/clusters/new/nodegroups", {"name": "x"})
    assert answer.status_code == 409
    assert "no API address yet" in title(answer)
    world.set_status(web, "DELETE_FAILED")
    answer = ann.post(GROUPS, {"name": "x"})
    assert (answer.status_code, "DELETE_FAILED" in title(answer)) == (400, True)


def test_several_changes_wait_for_each_other(world, ann, web):
    uuids = [ann.post(GROUPS, {"name": name}).json["uuid"] for name in ("x", "y")]
    waiting = [operation.arguments for operation in reversed(world.operations(web))][1:]
    assert waiting == [CreateNodeGroup(uuid) for uuid in uuids]


@pytest.mark.in_process
def test_a_driver_that_puts_no_labels_on_nodes_says_so(world, ann, web):
    provides = world.service.drivers.spec("fake").provides
    world.change(drivers=Registry([msgspec.structs.replace(LOCAL_SWARM, name="fake", provides=provides)]))
    answer = ann.post(GROUPS, {"name": "x", "node_taints": [TAINT]})
    assert (answer.status_code, "does not support node_labels" in title(answer)) == (400, True)
    assert patch(ann, "default-worker", ("replace", "/node_labels", {"a": "b"})).status_code == 400
    assert ann.post(GROUPS, {"name": "x"}).status_code == 202
