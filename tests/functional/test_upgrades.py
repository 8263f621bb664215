"""Upgrades as the owner of a cluster asks for them, up to where conductors take over."""

import msgspec
import pytest

from magnum.db import nodegroups
from magnum.drivers.base import Feature, Problem
from magnum.drivers.fake.behaviour import VERSION
from magnum.drivers.fake.spec import FakeSpec
from magnum.drivers.local_swarm.spec import SPEC as LOCAL_SWARM
from magnum.drivers.registry import Registry
from magnum.model.operations import UpgradeNodeGroup

pytestmark = pytest.mark.live

UPGRADE = "/clusters/web/actions/upgrade"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def detail(answer) -> str:
    return answer.json["errors"][0]["detail"]


@pytest.fixture
def old(ann) -> str:
    return ann.make_template(name="old")["uuid"]


@pytest.fixture
def new(ann) -> str:
    return ann.make_template(name="new")["uuid"]


@pytest.fixture
def cluster(world, ann, old, new) -> str:
    uuid = ann.make_cluster("old", name="web", node_count=2)
    world.set_status(uuid, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    return uuid


@pytest.mark.parametrize("version", ["1.8", "latest"])
def test_an_upgrade_is_accepted_and_shown_at_once(world, ann, cluster, old, new, version):  # noqa: PLR0917
    answer = ann.post(UPGRADE, {"cluster_template": "new", "max_batch_size": 2}, version=version)
    assert (answer.status_code, answer.json) == (202, {"uuid": cluster})
    shown = ann.get("/clusters/web").json
    assert (shown["status"], shown["cluster_template_id"]) == ("UPDATE_IN_PROGRESS", new)
    masters, workers = world.groups(cluster)
    assert (masters.status, workers.status) == ("CREATE_COMPLETE", "UPDATE_IN_PROGRESS")
    assert world.operations(cluster)[0].arguments == UpgradeNodeGroup(workers.uuid, old, new, 2)
    assert world.events(cluster)[-1].kind == "cluster.upgrade"


def test_the_labels_of_the_template_are_planned_and_then_shown_at_once(world, ann, cluster):
    """Other groups keep what they had from the cluster, or from nobody."""
    ann.post("/clusters/web/nodegroups", {"name": "gpu", "labels": {"own": "1"}, "merge_labels": True})
    world.set_status(cluster, "UPDATE_COMPLETE")
    ann.make_template(name="v2", labels={"fake_version": "2", "own": "2"})
    said = ann.post("/clusters/web/actions/plan", {"upgrade": {"cluster_template": "v2"}}).json
    assert [group["labels"] for group in said["nodegroups"]] == [{"fake_version": "2", "own": "2"}] * 2
    assert ann.post(UPGRADE, {"cluster_template": "v2"}).status_code == 202
    assert ann.get("/clusters/web").json["labels"] == {"fake_version": "2", "own": "2"}
    masters, workers, gpu = world.groups(cluster)
    assert masters.labels == workers.labels == {"fake_version": "2", "own": "2"}
    assert gpu.labels == {"fake_version": VERSION, "own": "1"}


def test_neither_template_goes_while_it_is_needed(ann, cluster, new):
    ann.post(UPGRADE, {"cluster_template": new})
    assert ann.delete("/clustertemplates/new").status_code == 400


@pytest.mark.parametrize(("version", "status"), [("1.1", 406), ("1.6", 406), ("1.7", 400)])
def test_it_is_there_from_1_8_on(ann, cluster, version, status):
    """At 1.7 there are actions already, and this one is refused by name."""
    assert ann.post(UPGRADE, {"cluster_template": "new"}, version=version).status_code == status


def test_other_groups_only_follow_the_cluster(world, ann, cluster, old):
    group = ann.post("/clusters/web/nodegroups", {"name": "gpu"}).json["uuid"]
    world.set_status(cluster, "UPDATE_COMPLETE")
    answer = ann.post(UPGRADE, {"cluster_template": "new", "nodegroup": "gpu"})
    assert (answer.status_code, "own template" in title(answer)) == (409, True)
    assert ann.post(UPGRADE, {"cluster_template": "old", "nodegroup": "gpu", "max_batch_size": None}).status_code == 202
    assert world.operations(cluster)[0].arguments == UpgradeNodeGroup(group, old, old)


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "The mandatory attribute cluster_template is missing"),
        ({"cluster_template": "none"}, 404, "none"),
        ({"cluster_template": "new", "nodegroup": "none"}, 404, "none"),
        ({"cluster_template": "new", "max_batch_size": 0}, 400, "max_batch_size"),
        ({"cluster_template": "new", "max_batch_size": "many"}, 400, "max_batch_size"),
        ({"cluster_template": "new", "rollback": True}, 400, "rollback"),
        ({"cluster_template": "other"}, 400, "coe"),
        ({"cluster_template": "open"}, 400, "tls_disabled"),
        ({"cluster_template": "metal"}, 400, "server_type"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(world, ann, cluster, body, status, words):  # noqa: PLR0917
    ann.make_template(name="other", coe="mesos")
    ann.make_template(name="open", tls_disabled=True)
    ann.make_template(name="metal", server_type="bm")
    before = ann.get("/clusters/web").json
    answer = ann.post(UPGRADE, body)
    assert (answer.status_code, words in title(answer)) == (status, True), answer.text
    assert ann.get("/clusters/web").json == before
    assert len(world.operations(cluster)) == 1


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_FAILED", "DELETE_FAILED"])
def test_a_cluster_that_is_not_steady_waits(world, ann, cluster, status):
    world.set_status(cluster, status)
    answer = ann.post(UPGRADE, {"cluster_template": "new"})
    assert (answer.status_code, status in title(answer)) == (400, True)


def test_a_group_that_has_failed_is_not_upgraded(world, ann, cluster):
    workers = world.groups(cluster)[1]
    world.write(lambda tx: nodegroups.update(tx, workers.uuid, status="CREATE_FAILED"))
    answer = ann.post(UPGRADE, {"cluster_template": "new"})
    assert (answer.status_code, "CREATE_FAILED" in title(answer)) == (400, True)


@pytest.mark.in_process
def test_a_driver_that_cannot_says_so(world, ann, cluster):
    provides = world.service.drivers.spec("fake").provides
    world.change(drivers=Registry([msgspec.structs.replace(LOCAL_SWARM, name="fake", provides=provides)]))
    answer = ann.post(UPGRADE, {"cluster_template": "new"})
    assert (answer.status_code, title(answer)) == (400, "The driver fake does not support upgrades")


@pytest.mark.in_process
def test_the_driver_judges_the_cluster_as_it_is(world, ann, new):
    ann.make_template(name="balanced", master_lb_enabled=True)
    uuid = ann.make_cluster("balanced", name="web", master_count=2)
    world.set_status(uuid, "CREATE_COMPLETE")
    provides = world.service.drivers.spec("fake").provides
    strict = msgspec.structs.replace(LOCAL_SWARM, name="fake", provides=provides, features=frozenset(Feature))
    world.change(drivers=Registry([strict]))
    answer = ann.post(UPGRADE, {"cluster_template": "new"})
    assert (answer.status_code, "2 managers" in title(answer)) == (400, True)


class Judging(FakeSpec, frozen=True):
    """Remembers what it was asked of changes, and refuses all of them."""

    def change_problems(self, current, wanted, groups):
        versions = [(group.name, group.before.get("fake_version"), group.after.get("fake_version")) for group in groups]
        return [Problem("seen", f"{current.template.name} to {wanted.template.name}: {versions}")]


@pytest.mark.in_process
def test_the_driver_judges_the_change_of_each_group(world, ann, cluster):
    ann.post("/clusters/web/nodegroups", {"name": "gpu"})
    world.set_status(cluster, "UPDATE_COMPLETE")
    ann.make_template(name="v2", labels={"fake_version": "2"})
    world.change(drivers=Registry([Judging()]))
    changes = [("default-master", None, "2"), ("default-worker", None, "2"), ("gpu", None, VERSION)]
    sentence = f"seen: old to v2: {changes}"
    answer = ann.post(UPGRADE, {"cluster_template": "v2"})
    assert (answer.status_code, detail(answer)) == (400, sentence)
    said = ann.post("/clusters/web/actions/plan", {"upgrade": {"cluster_template": "v2"}}).json
    assert (said["accepted"], said["refusals"]) == (False, [sentence])


@pytest.mark.in_process
def test_the_driver_judges_a_new_group_beside_the_others(world, ann, cluster):
    world.change(drivers=Registry([Judging()]))
    answer = ann.post("/clusters/web/nodegroups", {"name": "gpu", "labels": {"fake_version": "9"}})
    changes = [("default-master", None, None), ("default-worker", None, None), ("gpu", "9", "9")]
    assert (answer.status_code, detail(answer)) == (400, f"seen: old to old: {changes}")


@pytest.mark.in_process
def test_a_template_of_another_driver_is_refused(world, ann, cluster):
    own = world.service.drivers.spec("fake")
    world.change(drivers=Registry([own, msgspec.structs.replace(own, name="other")]))
    ann.make_template(name="theirs", driver="other")
    answer = ann.post(UPGRADE, {"cluster_template": "theirs"})
    assert (answer.status_code, "made by the driver fake" in title(answer)) == (400, True)


@pytest.mark.in_process
def test_a_template_that_changes_at_that_moment_is_not_taken(world, ann, cluster, monkeypatch):
    write = world.database.write

    def be_late(function):
        monkeypatch.undo()
        assert ann.patch("/clustertemplates/new", [{"op": "add", "path": "/tags", "value": "x"}]).status_code == 200
        return write(function)

    monkeypatch.setattr(world.database, "write", be_late)
    answer = ann.post(UPGRADE, {"cluster_template": "new"})
    assert (answer.status_code, "just been changed" in title(answer)) == (409, True)
    assert ann.get("/clusters/web").json["status"] == "CREATE_COMPLETE"


def test_who_may(ann, eve, reader, root, cluster):
    assert eve.post(UPGRADE, {"cluster_template": "new"}).status_code == 404
    assert reader.post(UPGRADE, {"cluster_template": "new"}).status_code == 403
    eve.make_template(name="hers")
    assert ann.post(UPGRADE, {"cluster_template": "hers"}).status_code == 404
    assert root.post(UPGRADE, {"cluster_template": "new"}).status_code == 202


def test_other_actions_do_not_exist(ann, cluster):
    assert ann.post("/clusters/web/actions/explode", {}).status_code == 405
