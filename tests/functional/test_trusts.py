"""A cluster in its owner's cloud is made with a trust, out of the token of the request and no other.

Keystone is a stand-in at the other end of real HTTP (tests/fake_keystone.py); tests/openstack asks a real one.
"""

import warnings

import msgspec
import pytest
from fake_keystone import configuration, fake_keystone
from worlds import InProcess

from magnum.conf.settings import load_settings
from magnum.conf.trust import Trust
from magnum.db import clusters, ledger
from magnum.db.errors import DatabaseUnreachable
from magnum.drivers.base import Feature
from magnum.drivers.fake.spec import SPEC
from magnum.drivers.registry import Registry
from magnum.openstack.catalogue import SHIPPED

with warnings.catch_warnings():
    # keystonemiddleware is made with WebOb, which imports `cgi` once.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    from magnum.openstack.identities import open_identities
POST_TRUST, DELETE_TRUST = "POST /v3/OS-TRUST/trusts", "DELETE /v3/OS-TRUST/trusts"
IN_CLOUD = msgspec.structs.replace(SPEC, features=SPEC.features | {Feature.OWNERS_CLOUD})


@pytest.fixture
def keystone():
    with fake_keystone() as keystone:
        keystone.add_user("amy", "fishers", "member", "reader", "creator")
        yield keystone


@pytest.fixture
def make_world(keystone, tmp_path):
    made = []

    def make(spec=IN_CLOUD, more=""):
        file = tmp_path / "magnum.conf"
        file.write_text(f"{configuration(keystone)}[local]\ncatalogue = {SHIPPED}\n{more}")  # there is no Glance
        settings = load_settings(files=[file])
        made.append(InProcess(settings=settings, clouds=open_identities(settings), drivers=Registry([spec])))
        return made[-1]

    yield make
    for world in made:
        world.database.dispose()


class Owner:
    """Somebody with a token of Keystone."""

    def __init__(self, world, token):
        self.client = world.new_client()
        self.headers = {"X-Auth-Token": token, "OpenStack-API-Version": "container-infra latest"}

    def ask(self, method, path, body=None):
        return self.client.simulate_request(method, f"/v1{path}", headers=self.headers, json=body)

    def make_template(self):
        answer = self.ask("POST", "/clustertemplates", {"name": "t", "coe": "swarm-mode", "image_id": "fake"})
        assert answer.status_code == 201, answer.text
        return answer.json["uuid"]

    def ask_cluster(self, template, **more):
        return self.ask("POST", "/clusters", {"cluster_template_id": template, "name": "c"} | more)


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture
def amy(world, keystone):
    return Owner(world, keystone.give_token("amy", "fishers"))


def rows(world, cluster):
    return world.read(lambda tx: (clusters.read(tx, cluster).trust_id, ledger.of_cluster(tx, cluster)))


def attempts(world):
    return world.read(lambda tx: ledger.attempts(tx, "trust"))


def test_the_token_of_the_request_becomes_a_trust_that_the_cluster_names(world, amy, keystone):
    template = amy.make_template()
    keystone.asked.clear()
    answer = amy.ask_cluster(template)
    assert answer.status_code == 202, answer.text
    [trust] = keystone.trusts.values()
    assert (trust["trustor_user_id"], trust["trustee_user_id"], trust["project_id"]) == ("amy", "magnum", "fishers")
    assert {role["name"] for role in trust["roles"]} == {"member", "reader", "creator"}
    assert (trust["impersonation"], trust["allow_redelegation"], trust["redelegation_count"]) == (True, True, 1)
    trust_id, [entry] = rows(world, answer.json["uuid"])
    assert (trust_id, entry.provider_id, entry.kind, entry.state) == (trust["id"], trust["id"], "trust", "PRESENT")


def test_a_request_costs_one_call_to_keystone_and_no_login(amy, keystone):
    template = amy.make_template()
    assert amy.ask_cluster(template).status_code == 202  # the first of a process: the service itself logs in
    keystone.asked.clear()
    assert amy.ask_cluster(template).status_code == 202
    assert keystone.asked == [POST_TRUST]


def test_the_operator_chooses_roles_and_those_that_they_imply_come_along(make_world, keystone):
    world = make_world(more="[trust]\nroles = member\n")
    amy = Owner(world, keystone.give_token("amy", "fishers"))
    assert amy.ask_cluster(amy.make_template()).status_code == 202
    [trust] = keystone.trusts.values()
    assert {role["name"] for role in trust["roles"]} == {"member", "reader"}


def test_a_role_that_the_requester_has_not_cannot_be_delegated(make_world, keystone):
    world = make_world(more="[trust]\nroles = swiftoperator\n")
    assert world.service.settings.trust == Trust(roles=("swiftoperator",))
    amy = Owner(world, keystone.give_token("amy", "fishers"))
    answer = amy.ask_cluster(amy.make_template())
    assert answer.status_code == 403
    assert "does not let you give the cluster a trust" in answer.text
    assert attempts(world) == ()


def test_a_cluster_that_needs_no_cloud_gets_no_trust(make_world, keystone):
    world = make_world(SPEC)
    amy = Owner(world, keystone.give_token("amy", "fishers"))
    answer = amy.ask_cluster(amy.make_template())
    assert answer.status_code == 202
    assert rows(world, answer.json["uuid"]) == (None, ())
    assert keystone.times(POST_TRUST) == 0


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"credential": "c1"}, "with an application credential"),
        ({"trust": "t1"}, "with a token of a trust"),
    ],
)
def test_what_cannot_delegate_is_refused_with_its_reason(world, amy, keystone, kind, words):
    template = amy.make_template()
    trust = {"id": "t1", "trustor_user_id": "amy", "trustee_user_id": "eve", "project_id": "fishers"}
    keystone.trusts["t1"] = trust | {"roles": [{"id": name, "name": name} for name in ("member", "reader")]}
    other = Owner(world, keystone.give_token("amy", "fishers", **kind))
    keystone.asked.clear()
    answer = other.ask_cluster(template)
    assert answer.status_code == 403
    assert words in answer.json["errors"][0]["detail"]
    assert "Log in with a password" in answer.json["errors"][0]["detail"]
    assert (keystone.times(POST_TRUST), attempts(world)) == (0, ())
    plan = other.ask("POST", "/clusters/actions/plan", {"cluster_template_id": template})
    assert plan.status_code == 200, plan.text
    assert any(words in refusal for refusal in plan.json["refusals"])


def test_it_is_made_after_everything_else_was_found_good(world, amy, keystone):
    template = amy.make_template()
    assert amy.ask_cluster(template, master_count=3).status_code == 400
    assert amy.ask_cluster(template, flavor_id="nonsense").status_code == 400
    world.configure(quotas=msgspec.structs.replace(world.service.settings.quotas, max_clusters_per_project=0))
    assert amy.ask_cluster(template).status_code == 403
    assert keystone.times(POST_TRUST) == 0


def test_it_is_taken_back_when_the_cluster_cannot_be_stored(world, amy, keystone, monkeypatch):
    template = amy.make_template()

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr("magnum.core.new_clusters.clusters.insert", fail)
    assert amy.ask_cluster(template).status_code == 500
    assert (keystone.times(POST_TRUST), keystone.times(DELETE_TRUST)) == (1, 1)
    assert (keystone.trusts, attempts(world)) == ({}, ())


@pytest.mark.parametrize("stored", [True, False])
def test_where_nobody_knows_whether_it_was_stored_it_is_kept(world, amy, keystone, monkeypatch, stored):
    """The connection breaks while the transaction is committed. If nothing was stored, conductors find the attempt."""
    template, write = amy.make_template(), world.database.write

    def break_off(function):
        if "insert" not in function.__code__.co_names + function.__code__.co_freevars:
            return write(function)
        if stored:
            write(function)
        raise DatabaseUnreachable

    monkeypatch.setattr(world.database, "write", break_off)
    assert amy.ask_cluster(template).status_code == 503
    [trust_id] = keystone.trusts
    assert [row.provider_id for row in attempts(world)] == ([] if stored else [None])
    assert world.read(lambda tx: clusters.with_trusts(tx, [trust_id])) == ({trust_id} if stored else set())


def test_what_could_not_be_taken_back_stays_on_the_ledger(world, amy, keystone, monkeypatch):
    template = amy.make_template()

    def fail(*_):
        keystone.failing = 503
        raise RuntimeError

    monkeypatch.setattr("magnum.core.new_clusters.clusters.insert", fail)
    assert amy.ask_cluster(template).status_code == 500
    [entry] = attempts(world)
    assert entry.name.startswith("amy/fishers/")


def test_a_keystone_that_does_not_answer_is_told_as_such(world, amy, keystone):
    template = amy.make_template()
    keystone.failing = 503
    answer = amy.ask_cluster(template)
    assert answer.status_code == 503
    assert "Keystone" in answer.json["errors"][0]["detail"]


def test_other_requests_on_a_cluster_need_no_delegation(world, amy, keystone):
    uuid = amy.ask_cluster(amy.make_template()).json["uuid"]
    world.set_status(uuid, "CREATE_COMPLETE")
    autoscaler = Owner(world, keystone.give_token("amy", "fishers", credential="c1"))
    assert autoscaler.ask("POST", f"/clusters/{uuid}/actions/resize", {"node_count": 2}).status_code == 202
    assert autoscaler.ask("DELETE", f"/clusters/{uuid}").status_code == 204
    assert keystone.times(POST_TRUST) == 1


# ---- a trust that has ended


@pytest.fixture
def cluster(world, amy):
    uuid = amy.ask_cluster(amy.make_template()).json["uuid"]
    world.set_status(uuid, "CREATE_COMPLETE", api_address="https://10.0.0.1:6443")
    return uuid


@pytest.fixture
def max_(world, keystone):
    """Another member of the project."""
    keystone.add_user("max", "fishers", "member", "reader")
    return Owner(world, keystone.give_token("max", "fishers"))


def resize(owner, cluster, count=2):
    return owner.ask("POST", f"/clusters/{cluster}/actions/resize", {"node_count": count})


def changes(owner, cluster):
    """Give every kind of change of a cluster that is made in the cloud."""
    template = owner.make_template()
    group = {"name": "more", "node_count": 1}
    return {
        "resize": lambda: resize(owner, cluster),
        "patch": lambda: owner.ask("PATCH", f"/clusters/{cluster}", [patch("node_count", 2)]),
        "upgrade": lambda: owner.ask("POST", f"/clusters/{cluster}/actions/upgrade", {"cluster_template": template}),
        "group": lambda: owner.ask("POST", f"/clusters/{cluster}/nodegroups", group),
        "change of a group": lambda: owner.ask(
            "PATCH", f"/clusters/{cluster}/nodegroups/default-worker", [patch("max_node_count", 9)]
        ),
        "end of a group": lambda: owner.ask("DELETE", f"/clusters/{cluster}/nodegroups/default-worker"),
        "new CA": lambda: owner.ask("PATCH", f"/certificates/{cluster}"),
        "retry": lambda: owner.ask("POST", f"/clusters/{cluster}/actions/retry"),
        "rotation": lambda: owner.ask("PATCH", f"/credentials/{cluster}"),
    }


def patch(name, value):
    return {"op": "replace", "path": f"/{name}", "value": value}


def test_while_it_lives_a_change_costs_a_look_at_it(world, amy, keystone, cluster):
    assert resize(amy, cluster).status_code == 202
    keystone.asked.clear()
    assert resize(amy, cluster, 3).status_code == 202
    [trust_id] = keystone.trusts
    assert keystone.asked == [f"GET /v3/OS-TRUST/trusts/{trust_id}"]


@pytest.mark.parametrize("end", ["deleted", "trustor disabled", "trustor without role"])
def test_the_next_change_by_a_member_gives_a_new_one(world, keystone, cluster, max_, end):
    old = rows(world, cluster)[0]
    if end == "deleted":
        del keystone.trusts[old]
    elif end == "trustor disabled":
        keystone.users["amy"]["enabled"] = False
    else:
        keystone.roles["amy", "fishers"] = ["reader"]
    assert resize(max_, cluster).status_code == 202
    trust_id, entries = rows(world, cluster)
    assert keystone.trusts[trust_id]["trustor_user_id"] == "max"
    assert [entry.provider_id for entry in entries] == [old, trust_id]
    assert any("max has given a new one" in event.text for event in world.events(cluster))
    assert resize(max_, cluster, 3).status_code == 202
    assert rows(world, cluster)[0] == trust_id


KINDS = ["resize", "patch", "upgrade", "group", "change of a group", "end of a group", "new CA", "retry", "rotation"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_cannot_delegate_never_renews_it(world, amy, keystone, cluster, kind):
    program = Owner(world, keystone.give_token("amy", "fishers", credential="c1"))
    ask = changes(program, cluster)[kind]
    keystone.trusts.clear()
    answer = ask()
    assert answer.status_code == 409, answer.text
    [error] = answer.json["errors"]
    assert error["code"] == "credential.expired"
    assert "A member of the project fishers" in error["detail"]
    assert f"coe credential rotate {cluster}" in error["detail"]
    assert keystone.trusts == {}
    assert [operation.kind for operation in world.operations(cluster)] == ["create"]


def test_an_administrator_of_another_project_cannot_either(world, keystone, cluster):
    keystone.add_user("root", "admins", "admin")
    keystone.trusts.clear()
    answer = resize(Owner(world, keystone.give_token("root", "admins")), cluster)
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (409, "credential.expired")


def test_one_with_a_token_of_the_project_can(world, keystone, cluster):
    keystone.add_user("root", "fishers", "admin", "member", "reader")
    keystone.trusts.clear()
    assert resize(Owner(world, keystone.give_token("root", "fishers")), cluster).status_code == 202
    [trust] = keystone.trusts.values()
    assert trust["trustor_user_id"] == "root"


def test_a_cluster_without_a_trust_is_deleted_by_anybody_who_may(world, amy, keystone, cluster):
    keystone.trusts.clear()
    program = Owner(world, keystone.give_token("amy", "fishers", credential="c1"))
    assert program.ask("DELETE", f"/clusters/{cluster}").status_code == 204


def test_a_keystone_that_cannot_tell_keeps_nobody_from_a_change(world, amy, keystone, cluster):
    assert resize(amy, cluster).status_code == 202
    keystone.failing = 503
    assert resize(amy, cluster, 3).status_code == 202


# ---- a rotation


def test_a_rotation_gives_a_new_one_beside_the_old(world, amy, keystone, cluster):
    old = rows(world, cluster)[0]
    assert amy.ask("PATCH", f"/credentials/{cluster}").status_code == 202
    trust_id, [first, second] = rows(world, cluster)
    assert (trust_id, first.provider_id) == (old, old)
    assert set(keystone.trusts) == {old, second.provider_id}
    newest = next(o for o in world.operations(cluster) if o.kind == "rotate-credential")
    assert newest.arguments.trust_id == second.provider_id
    for path in ("", "/operations", "/events"):
        shown = amy.ask("GET", f"/clusters/{cluster}{path}")
        assert shown.status_code == 200
        assert second.provider_id not in shown.text


def test_a_rotation_that_is_refused_takes_it_back(world, amy, keystone, cluster):
    world.set_status(cluster, "DELETE_IN_PROGRESS")
    assert amy.ask("PATCH", f"/credentials/{cluster}").status_code == 400
    assert list(keystone.trusts) == [rows(world, cluster)[0]]
    assert attempts(world) == ()


def test_a_rotation_by_what_cannot_delegate_is_refused(world, amy, keystone, cluster):
    program = Owner(world, keystone.give_token("amy", "fishers", credential="c1"))
    answer = program.ask("PATCH", f"/credentials/{cluster}")
    assert answer.status_code == 403
    assert "with an application credential" in answer.json["errors"][0]["detail"]
