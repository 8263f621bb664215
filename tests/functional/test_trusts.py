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
