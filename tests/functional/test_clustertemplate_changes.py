"""Cluster templates that are changed and deleted, and what the clusters that use them allow."""

import pytest

from magnum.core import clustertemplates as core
from magnum.db import clustertemplates

pytestmark = pytest.mark.live

UNKNOWN = "99999999-9999-4999-8999-999999999999"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


# ---- change


def patch(who, ident, *operations):
    return who.patch(
        f"/clustertemplates/{ident}", [dict(zip(("op", "path", "value"), o, strict=False)) for o in operations]
    )


@pytest.mark.in_process
def test_a_patch_changes_what_it_names(ann, clock):
    made = ann.make_template(labels={"a": "1"})
    clock.turn(5)
    answer = patch(
        ann,
        "swarm",
        ("replace", "/name", "renamed"),
        ("add", "/dns_nameserver", "9.9.9.9"),
        ("add", "/labels/b", 2),
        ("add", "/labels/x.y", True),
        ("remove", "/labels/a"),
        ("replace", "/tls_disabled", "true"),
        ("replace", "/floating_ip_enabled", False),
        ("add", "/docker_volume_size", "7"),
    )
    assert answer.status_code == 200
    expected = made | {
        "name": "renamed",
        "dns_nameserver": "9.9.9.9",
        "labels": {"b": "2", "x.y": "True"},
        "tls_disabled": True,
        "floating_ip_enabled": False,
        "docker_volume_size": 7,
        "updated_at": "2027-01-15T08:00:05+00:00",
    }
    assert answer.json == expected
    assert ann.get("/clustertemplates/renamed").json == expected


@pytest.mark.parametrize("value", ["{'a': 'b', u'c': 1}", '{"a": "b", "c": 1}', {"a": "b", "c": 1}])
def test_labels_are_replaced_by_an_object_or_by_the_text_of_one(ann, value):
    ann.make_template(labels={"x": "y"})
    assert patch(ann, "swarm", ("replace", "/labels", value)).json["labels"] == {"a": "b", "c": "1"}


def test_removing_an_attribute_resets_it(ann):
    ann.make_template(floating_ip_enabled=False, dns_nameserver="9.9.9.9", labels={"a": "1"}, tags="x")
    answer = patch(
        ann, "swarm", *(("remove", f"/{name}") for name in ("floating_ip_enabled", "dns_nameserver", "labels", "tags"))
    )
    assert answer.status_code == 200
    after = answer.json
    assert (after["floating_ip_enabled"], after["dns_nameserver"], after["labels"], after["tags"]) == (
        True,
        None,
        {},
        None,
    )


def test_an_empty_patch_changes_nothing(ann):
    made = ann.make_template()
    assert ann.patch("/clustertemplates/swarm", []).json == made


@pytest.mark.parametrize(
    "operation",
    [
        ("test", "/name", "x"),
        ("move", "/name", "x"),
        ("replace", "name", "x"),
        ("replace", "/name"),
        ("replace", "/name", None),
        ("replace", "/colour", "red"),
        ("add", "/colour", "red"),
        ("add", "/name", "x"),
        ("replace", "/name", ["x"]),
        ("replace", "/name", {"x": 1}),
        ("replace", "/name", ""),
        ("replace", "/labels", "{'a': {'b': 1}}"),
        ("replace", "/labels", "__import__('os')"),
        ("replace", "/labels", "[1]"),
        ("replace", "/labels/missing", "1"),
        ("remove", "/labels/missing"),
        ("replace", "/labels/a/b", "1"),
        ("replace", "/name/x", "1"),
        ("replace", "/uuid", UNKNOWN),
        ("replace", "/project_id", "others"),
        ("replace", "/links", "x"),
        ("remove", "/created_at"),
        ("remove", "/coe"),
        ("remove", "/image_id"),
        ("remove", "/public"),
        ("replace", "/image_id", "nothing"),
        ("replace", "/flavor_id", "huge"),
        ("replace", "/coe", "dcos"),
        ("replace", "/network_driver", "calico"),
        ("replace", "/apiserver_port", 80),
    ],
)
def test_a_patch_that_cannot_be_applied_changes_nothing(ann, operation):
    made = ann.make_template()
    answer = patch(ann, "swarm", operation)
    assert answer.status_code == 400, answer.text
    assert ann.get("/clustertemplates/swarm").json == made


@pytest.mark.parametrize("body", [{}, {"op": "add"}, "text", 3, [1], [[]], [{"op": "add"}], [{"path": "/name"}]])
def test_a_patch_is_a_list_of_operations(ann, body):
    ann.make_template()
    assert ann.patch("/clustertemplates/swarm", body).status_code == 400


def test_a_member_that_patches_do_not_have_is_refused(ann):
    ann.make_template()
    answer = ann.patch("/clustertemplates/swarm", [{"op": "replace", "path": "/name", "value": "x", "from": "/y"}])
    assert answer.status_code == 400
    assert "from" in answer.json["errors"][0]["detail"]


def test_a_new_image_brings_its_distribution_and_its_driver(ann):
    ann.make_template()
    answer = patch(ann, "swarm", ("replace", "/image_id", "suse"))
    assert answer.status_code == 400
    assert "no driver for clusters of swarm-mode on suse" in answer.json["errors"][0]["detail"]


def test_a_template_in_use_changes_only_in_what_its_clusters_do_not_care_for(ann, root):
    ann.make_template()
    ann.make_cluster("swarm")
    assert patch(ann, "swarm", ("replace", "/dns_nameserver", "9.9.9.9")).status_code == 400
    assert patch(ann, "swarm", ("add", "/dns_nameserver", "9.9.9.9")).status_code == 400
    two = [("replace", "/name", "x"), ("add", "/tags", "y")]
    assert patch(ann, "swarm", *two).status_code == 400
    assert patch(ann, "swarm", ("add", "/tags", "y")).status_code == 200
    assert patch(ann, "swarm", ("replace", "/name", "renamed")).status_code == 200
    assert patch(root, "renamed", ("replace", "/hidden", True)).status_code == 200
    assert patch(root, "renamed", ("replace", "/public", True)).status_code == 200
    assert patch(root, "renamed", ("replace", "/public", False)).status_code == 400
    assert patch(ann, "renamed", ("remove", "/tags")).status_code == 400


@pytest.mark.in_process
def test_of_two_changes_at_once_one_is_told_to_try_again(world, ann, monkeypatch):
    made = ann.make_template()
    check = core.check

    def somebody_is_faster(service, template, offers, **before) -> None:
        monkeypatch.setattr(core, "check", check)
        assert patch(ann, made["uuid"], ("add", "/labels/theirs", "1")).status_code == 200
        check(service, template, offers, **before)

    monkeypatch.setattr(core, "check", somebody_is_faster)
    answer = patch(ann, made["uuid"], ("add", "/labels/mine", "1"))
    assert answer.status_code == 409
    assert ann.get("/clustertemplates/swarm").json["labels"] == {"theirs": "1"}
    assert patch(ann, made["uuid"], ("add", "/labels/mine", "1")).status_code == 200


def test_labels_from_before_stand_in_the_way_of_nothing_but_new_clusters(world, ann):
    """Another release has stored what is refused today."""
    made = ann.make_template(labels={"kube_tag": "v1.20.2"})
    world.write(lambda tx: clustertemplates.update(tx, made["uuid"], labels={"kube_tag": "new"}))
    assert ann.get("/clustertemplates/swarm").json["labels"] == {"kube_tag": "new"}
    assert patch(ann, "swarm", ("add", "/labels/npd_enabled", "yes")).status_code == 200
    assert patch(ann, "swarm", ("replace", "/flavor_id", "m1.small")).status_code == 200
    assert "The label npd_enabled" in title(patch(ann, "swarm", ("replace", "/labels/npd_enabled", "perhaps")))
    assert "The label kube_tag" in title(ann.post("/clusters", {"cluster_template_id": "swarm"}))
    assert ann.delete("/clustertemplates/swarm").status_code == 204


# ---- delete


def test_a_template_is_deleted_by_name(ann):
    ann.make_template()
    answer = ann.delete("/clustertemplates/swarm")
    assert (answer.status_code, answer.text) == (204, "")
    assert "content-type" not in answer.headers
    assert ann.get("/clustertemplates/swarm").status_code == 404
    assert ann.delete("/clustertemplates/swarm").status_code == 404


def test_a_template_in_use_is_not_deleted(ann):
    ann.make_template()
    ann.make_cluster("swarm")
    answer = ann.delete("/clustertemplates/swarm")
    assert answer.status_code == 400
    assert "is used by clusters" in title(answer)
    assert ann.get("/clustertemplates/swarm").status_code == 200
