"""Federations are taken down, shown, changed and removed; nothing is done to their clusters, and they say so."""

import pytest

pytestmark = pytest.mark.live

UNKNOWN = "99999999-9999-4999-8999-999999999999"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def patch(who, *operations, **more):
    body = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
    return who.patch("/federations/fed", body, **more)


@pytest.fixture
def clusters(ann) -> list[str]:
    ann.make_template()
    return [ann.make_cluster("swarm", name=name) for name in ("a", "b", "c")]


@pytest.fixture
def made(ann, clusters) -> dict:
    body = {"name": "fed", "hostcluster_id": "a", "member_ids": ["b"], "properties": {"dns-zone": "example.org"}}
    answer = ann.post("/federations", body)
    assert (answer.status_code, set(answer.json)) == (202, {"uuid"})
    return ann.get(f"/federations/{answer.json['uuid']}").json


@pytest.mark.parametrize("version", ["1.1", "latest"])
def test_one_is_on_record_and_says_that_nothing_was_done(world, ann, clusters, made, version):
    shown = ann.get("/federations/fed", version=version, headers={"Host": "api"}).json
    assert shown.pop("status_reason").startswith("The federation is on record")
    assert world.is_now(shown.pop("created_at"))
    assert shown == {
        "uuid": made["uuid"],
        "name": "fed",
        "hostcluster_id": clusters[0],
        "member_ids": [clusters[1]],
        "properties": {"dns-zone": "example.org"},
        "status": "CREATE_FAILED",
        "links": [
            {"href": f"http://api/v1/federations/{made['uuid']}", "rel": "self"},
            {"href": f"http://api/federations/{made['uuid']}", "rel": "bookmark"},
        ],
        "updated_at": None,
    }
    assert ann.get(f"/federations/{made['uuid'].upper()}").json["name"] == "fed"


def test_a_name_is_made_up(ann, clusters):
    answer = ann.post("/federations", {"hostcluster_id": "a", "properties": {"dns-zone": "x"}, "uuid": UNKNOWN})
    shown = ann.get(f"/federations/{answer.json['uuid']}").json
    assert shown["uuid"] != UNKNOWN
    assert shown["name"].endswith("-federation")


def test_they_are_listed_in_short_and_in_full(ann, made):
    (short,) = ann.get("/federations").json["federations"]
    (full,) = ann.get("/federations/detail").json["federations"]
    assert full == made
    assert full.keys() - short.keys() == {"status_reason", "created_at", "updated_at"}
    page = ann.get("/federations", params={"limit": "1", "sort_key": "name"}, headers={"Host": "api"}).json
    assert page["next"].startswith("http://api/v1/federations?sort_key=name&sort_dir=asc&limit=1&marker=")
    assert ann.get("/federations", params={"marker": made["uuid"]}).json == {"federations": []}
    assert ann.get("/federations", params={"sort_key": "x"}).status_code == 400


def test_a_cluster_joins_and_leaves(ann, clusters, made):
    assert patch(ann, ("add", "/member_ids", clusters[2])).status_code == 202
    shown = ann.get("/federations/fed").json
    assert (shown["member_ids"], shown["status"]) == (clusters[1:], "UPDATE_FAILED")
    assert patch(ann, ("add", "/member_ids", clusters[2])).status_code == 409
    assert patch(ann, ("add", "/member_ids", UNKNOWN)).status_code == 404
    assert patch(ann, ("remove", "/member_ids", clusters[1])).status_code == 202
    assert patch(ann, ("remove", "/member_ids", clusters[1])).status_code == 404
    assert ann.get("/federations/fed").json["member_ids"] == [clusters[2]]


def test_members_and_properties_are_changed_as_a_whole(ann, clusters, made):
    operations = [("replace", "/member_ids", ["c", "c"]), ("add", "/properties/a", "b")]
    assert patch(ann, *operations, query_string="rollback=true").status_code == 202
    shown = ann.get("/federations/fed").json
    assert (shown["member_ids"], shown["properties"]) == ([clusters[2]], {"dns-zone": "example.org", "a": "b"})
    assert patch(ann, ("remove", "/member_ids")).status_code == 202
    assert ann.get("/federations/fed").json["member_ids"] == []


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([], 400),
        ([("replace", "/name", "x")], 400),
        ([("replace", "/hostcluster_id", "b")], 400),
        ([("replace", "/status", "CREATE_COMPLETE")], 400),
        ([("replace", "/uuid", UNKNOWN)], 400),
        ([("replace", "/nonsense", "x")], 400),
        ([("remove", "/properties/dns-zone")], 400),
        ([("replace", "/properties", {"a": "b"})], 400),
        ([("replace", "/properties", 3)], 400),
        ([("replace", "/member_ids", ["none"])], 404),
        ([("replace", "/member_ids", "none")], 400),
        ([("replace", "/member_ids", [3])], 400),
        ([("add", "/member_ids", 3)], 400),
        ([("add", "/member_ids", "c"), ("add", "/member_ids", "b")], 400),
        ([("move", "/member_ids", "c")], 400),
    ],
)
def test_a_patch_that_cannot_be_applied(ann, made, operations, status):
    answer = patch(ann, *operations)
    assert answer.status_code == status, answer.text
    assert ann.get("/federations/fed").json == made


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"hostcluster_id": None}, 400, "hostcluster_id"),
        ({"hostcluster_id": "none"}, 404, "none"),
        ({"properties": None}, 400, "properties"),
        ({"properties": {}}, 400, "dns-zone"),
        ({"properties": {"a": "b"}}, 400, "dns-zone"),
        ({"member_ids": ["none"]}, 404, "none"),
        ({"member_ids": "b"}, 400, "member_ids"),
        ({"name": "not_-good!"}, 400, "name"),
        ({"created_at": None}, 400, "created_at"),
        ({"color": "red"}, 400, "color"),
    ],
)
def test_bad_input(ann, clusters, changes, status, words):
    body = {"hostcluster_id": "a", "properties": {"dns-zone": "x"}} | changes
    answer = ann.post("/federations", body)
    assert (answer.status_code, words in title(answer)) == (status, True), answer.text
    assert ann.get("/federations").json == {"federations": []}


def test_others_neither_see_nor_change_them(ann, eve, root, reader, made):
    for who in (eve, root):
        assert who.get("/federations").json == {"federations": []}
        assert who.get("/federations/fed").status_code == 404
        assert patch(who, ("remove", "/member_ids")).status_code == 404
        assert who.delete("/federations/fed").status_code == 404
    assert eve.post("/federations", {"hostcluster_id": "a", "properties": {"dns-zone": "x"}}).status_code == 404
    assert reader.get("/federations/fed").status_code == 200
    assert reader.delete("/federations/fed").status_code == 403


def test_one_is_removed(ann, made):
    answer = ann.delete("/federations/fed")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ann.get("/federations/fed").status_code == 404
    for method in ("PATCH", "DELETE"):
        assert ann.call(method, "/federations").status_code == 400
