"""Bays and baymodels: clusters and templates for clients of the oldest kind, up to microversion 1.10."""

import pytest

from magnum.model.operations import CreateCluster, DeleteCluster, ResizeNodeGroup

pytestmark = pytest.mark.live

OLD = [f"1.{minor}" for minor in (1, 2, 3, 10)]


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def resize(who, count, **more):
    return who.patch("/bays/web", [{"op": "replace", "path": "/node_count", "value": count}], **more)


@pytest.fixture
def model(ann) -> dict:
    body = {
        "name": "m",
        "coe": "swarm",
        "image_id": "fake",
        "keypair_id": "key",
        "labels": {"a": "1"},
        "flavor_id": "1",
    }
    answer = ann.post("/baymodels", body, version="1.1", headers={"Host": "api"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"http://api/v1/baymodels/{answer.json['uuid']}"
    return answer.json


@pytest.fixture
def bay(world, ann, model) -> str:
    uuid = ann.post("/bays", {"name": "web", "baymodel_id": "m"}, version="1.2").json["uuid"]
    world.set_status(uuid, "CREATE_COMPLETE")
    return uuid


# ---- from 1.11 on there are none


@pytest.mark.parametrize("version", ["1.11", "latest"])
@pytest.mark.parametrize("name", ["bays", "baymodels"])
def test_they_have_gone(ann, model, bay, version, name):
    for method, path in (
        *((method, f"/{name}") for method in ("GET", "POST", "PATCH", "DELETE")),
        *((method, f"/{name}/{'web' if name == 'bays' else 'm'}") for method in ("GET", "PATCH", "DELETE")),
        ("GET", f"/{name}/detail"),
    ):
        assert ann.call(method, path, version=version).status_code == 404


# ---- bays


def test_at_1_1_the_whole_bay_is_the_answer(world, ann, model):
    answer = ann.post("/bays", {"baymodel_id": "m", "bay_create_timeout": 5}, version="1.1", headers={"Host": "api"})
    assert answer.status_code == 201
    made = answer.json
    assert answer.headers["location"] == f"http://api/v1/bays/{made['uuid']}"
    assert made["name"].endswith("-bay")
    assert world.is_now(made["created_at"])
    assert made | {"name": 0, "created_at": 0} == {
        "uuid": made["uuid"],
        "name": 0,
        "created_at": 0,
        "baymodel_id": model["uuid"],
        "status": "CREATE_IN_PROGRESS",
        "node_count": 1,
        "master_count": 1,
        "bay_create_timeout": 5,
        "flavor_id": "1",
        "labels": {},
        "floating_ip_enabled": True,
        "master_lb_enabled": False,
        "links": [
            {"href": f"http://api/v1/bays/{made['uuid']}", "rel": "self"},
            {"href": f"http://api/bays/{made['uuid']}", "rel": "bookmark"},
        ],
        **{name: [] for name in ("node_addresses", "master_addresses")},
        **dict.fromkeys(("status_reason", "stack_id", "discovery_url", "api_address", "coe_version")),
        **dict.fromkeys(("container_version", "master_flavor_id", "docker_volume_size")),
        **dict.fromkeys(("fixed_network", "fixed_subnet", "updated_at")),
    }
    assert [operation.arguments for operation in world.operations(made["uuid"])] == [CreateCluster()]


@pytest.mark.parametrize("version", ["1.2", "1.10"])
def test_later_only_the_uuid_is(ann, model, version):
    answer = ann.post("/bays", {"baymodel_id": "m"}, version=version)
    assert (answer.status_code, set(answer.json)) == (202, {"uuid"})
    assert "location" not in answer.headers


def test_a_bay_is_a_cluster_with_its_models_key(ann, bay):
    assert ann.get(f"/clusters/{bay}").json["keypair"] == "key"
    assert ann.get("/clusters/web").json["labels"] == {}


@pytest.mark.parametrize("version", OLD)
def test_they_are_listed_in_short_and_in_full(ann, bay, version):
    (short,) = ann.get("/bays", version=version).json["bays"]
    (full,) = ann.get("/bays/detail", version=version).json["bays"]
    assert full == ann.get("/bays/web", version=version).json
    assert short["floating_ip_enabled"] is True
    assert short.keys() <= full.keys()
    assert not full.keys() & {"keypair", "health_status", "project_id", "labels_added", "merge_labels", "cluster_id"}
    page = ann.get("/bays", params={"limit": "1"}, version=version).json
    assert f"/v1/bays?sort_key=id&sort_dir=asc&limit=1&marker={bay}" in page["next"]


@pytest.mark.parametrize("version", OLD)
def test_one_is_resized(world, ann, bay, version):
    answer = resize(ann, 3, version=version)
    if version == "1.1":
        assert (answer.status_code, answer.json["status"]) == (200, "UPDATE_IN_PROGRESS")
        assert answer.json == ann.get("/bays/web", version=version).json
    else:
        assert (answer.status_code, answer.json) == (202, {"uuid": bay})
    arguments = world.operations(bay)[0].arguments
    assert isinstance(arguments, ResizeNodeGroup)
    assert arguments.node_count == 3


@pytest.mark.parametrize(("version", "status"), [("1.1", 400), ("1.2", 400), ("1.3", 202), ("1.10", 202)])
def test_rollback_can_be_asked_for_from_1_3_on(ann, bay, version, status):
    assert resize(ann, 2, version=version, query_string="rollback=True").status_code == status


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("/name", "x"), ("/baymodel_id", "x"), ("/bay_create_timeout", 7), ("/uuid", "x"), ("/stack_id", "x")),
        *(
            ("/node_count", 0),
            ("/node_count", "x"),
            ("/keypair", "x"),
            ("/labels/a", "b"),
            ("/bay_faults", "{'a': 'b'}"),
        ),
    ],
)
def test_nothing_else_is_changed(world, ann, bay, path, value):
    before = ann.get("/bays/web", version="1.2").json
    answer = ann.patch("/bays/web", [{"op": "replace", "path": path, "value": value}], version="1.2")
    assert answer.status_code == 400
    assert ann.get("/bays/web", version="1.2").json == before
    assert len(world.operations(bay)) == 1


def test_a_failed_bay_says_why(world, ann, bay):
    world.set_status(bay, "CREATE_FAILED")
    assert set(ann.get("/bays/web", version="1.2").json["bay_faults"]) == {"default-master", "default-worker"}


@pytest.mark.parametrize("version", OLD)
def test_one_is_deleted(world, ann, bay, version):
    answer = ann.delete("/bays/web", version=version)
    assert (answer.status_code, answer.content) == (204, b"")
    assert world.operations(bay)[0].arguments == DeleteCluster()
    assert ann.delete("/bays", version=version).status_code == 400


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "baymodel_id"),
        ({"baymodel_id": "none"}, "none"),
        ({"baymodel_id": "m", "node_count": 0}, "node_count"),
        ({"baymodel_id": "m", "keypair": "x"}, "keypair"),
        ({"baymodel_id": "m", "cluster_template_id": "m"}, "cluster_template_id"),
        ({"baymodel_id": "m", "create_timeout": 1}, "create_timeout"),
        ({"baymodel_id": "m", "stack_id": "x"}, "stack_id"),
    ],
)
def test_bad_input(ann, model, body, words):
    answer = ann.post("/bays", body, version="1.1")
    assert (answer.status_code, words in title(answer)) == (400, True)
    assert ann.get("/bays", version="1.1").json == {"bays": []}


def test_only_their_project_works_with_them(ann, eve, root, reader, bay):
    for who in (eve, root):
        assert who.get("/bays", version="1.1").json == {"bays": []}
        assert who.get("/bays/web", version="1.1").status_code == 404
        assert resize(who, 2, version="1.1").status_code == 404
        assert who.delete(f"/bays/{bay}", version="1.1").status_code == 404
    assert reader.get("/bays/web", version="1.1").status_code == 200
    assert reader.delete("/bays/web", version="1.1").status_code == 403


# ---- baymodels


def test_a_baymodel_is_a_template_without_owners(ann, model):
    template = ann.get(f"/clustertemplates/{model['uuid']}").json
    assert template.keys() - model.keys() == {"project_id", "user_id"}
    assert ann.get("/baymodels/m", version="1.1").json | {"links": 0} == model | {"links": 0}
    assert ann.get("/baymodels", version="1.5").json == ann.get("/baymodels/detail", version="1.5").json


def test_a_name_is_made_up(ann):
    body = {"coe": "swarm", "image_id": "fake", "keypair_id": "key"}
    assert ann.post("/baymodels", body, version="1.1").json["name"].endswith("-model")


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keypair_id": None}, "keypair_id"),
        ({"dns_nameserver": "8.8.8.8,8.8.4.4"}, "dns_nameserver"),
        ({"project_id": "x"}, "project_id"),
        ({"coe": None}, "coe"),
        ({"labels": 3}, "labels"),
    ],
)
def test_bad_input_for_a_baymodel(ann, changes, words):
    body = {"coe": "swarm", "image_id": "fake", "keypair_id": "key"} | changes
    answer = ann.post("/baymodels", body, version="1.1")
    assert (answer.status_code, words in title(answer)) == (400, True)
    assert ann.get("/clustertemplates").json == {"clustertemplates": []}


def test_one_is_changed_and_removed(ann, model):
    changed = ann.patch("/baymodels/m", [{"op": "replace", "path": "/name", "value": "n"}], version="1.1")
    assert (changed.status_code, changed.json["name"]) == (200, "n")
    assert ann.patch("/baymodels/n", [{"op": "remove", "path": "/keypair_id"}], version="1.1").status_code == 400
    assert ann.delete("/baymodels/n", version="1.1").status_code == 204
    assert ann.get("/baymodels/n", version="1.1").status_code == 404
    assert ann.delete("/baymodels", version="1.1").status_code == 400


def test_only_operators_publish_and_all_see_what_is_public(ann, eve, root, model):
    body = {"name": "all", "coe": "swarm", "image_id": "fake", "keypair_id": "key", "public": True}
    answer = ann.post("/baymodels", body, version="1.1")
    assert (answer.status_code, title(answer)) == (403, "Not allowed to set public of a baymodel")
    assert (
        ann.patch("/baymodels/m", [{"op": "replace", "path": "/public", "value": True}], version="1.1").status_code
        == 403
    )
    assert root.post("/baymodels", body, version="1.1").status_code == 201
    for who in (ann, eve):
        assert "all" in [item["name"] for item in who.get("/baymodels", version="1.1").json["baymodels"]]
        assert who.get("/baymodels/all", version="1.1").status_code == 200
        assert who.delete("/baymodels/all", version="1.1").status_code == 403
    for who in (eve, root):
        assert who.get("/baymodels/m", version="1.1").status_code == 404
