"""Who we are in the cloud, asked of something that answers like Keystone; tests/openstack asks a real one."""

import threading
import warnings

import pytest
from fake_keystone import configuration, fake_keystone

from magnum.conf.settings import load_settings

with warnings.catch_warnings():
    # keystonemiddleware is made with WebOb, which imports `cgi` once.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    from magnum.openstack import identities as module
    from magnum.openstack.errors import NotAllowed, TrustEnded, Unanswered
    from magnum.openstack.identities import open_identities

LOGIN = "POST /v3/auth/tokens"


@pytest.fixture
def keystone():
    with fake_keystone() as keystone:
        keystone.add_user("amy", "fishers", "member", "reader")
        yield keystone


@pytest.fixture
def make(keystone, tmp_path):
    def run(text=None):
        file = tmp_path / "magnum.conf"
        file.write_text(configuration(keystone) if text is None else text)
        return open_identities(load_settings(files=[file]))

    return run


@pytest.fixture
def trust(keystone):
    trust = {"id": "t1", "trustor_user_id": "amy", "trustee_user_id": "magnum", "project_id": "fishers"}
    keystone.trusts["t1"] = trust | {"roles": [{"id": "role-member", "name": "member"}], "redelegated_trust_id": None}
    return "t1"


def test_our_own_user_logs_in_once(make, keystone):
    clouds = make()
    assert keystone.asked == []
    for _ in range(3):
        assert clouds.own().identity().user_id == "magnum"
    assert keystone.times(LOGIN) == 1


def test_many_threads_log_in_once(make, keystone):
    clouds = make()
    threads = [threading.Thread(target=lambda: clouds.own().keystone().get("/users")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keystone.times(LOGIN) == 1
    assert keystone.times("GET /v3/users") == 8


def test_by_a_trust_we_are_its_trustor_without_another_login_by_password(make, keystone, trust):
    clouds = make()
    who = clouds.trusted(trust).identity()
    assert (who.user_id, who.project_id, who.trust_id) == ("amy", "fishers", trust)
    clouds.trusted(trust).keystone().get("/users")
    by_password = [token for token in keystone.tokens.values() if token.methods == ["password"]]
    assert len(by_password) == 1
    assert keystone.times(LOGIN) == 2


def test_a_token_is_renewed_before_it_ends(make, keystone, trust):
    clouds = make()
    first = clouds.trusted(trust).identity().auth_token
    for cloud in (clouds.own(), clouds.trusted(trust)):
        cloud._auth.auth_ref._data["token"]["expires_at"] = "2020-01-01T00:00:00Z"
    second = clouds.trusted(trust).identity()
    assert second.auth_token != first
    assert not second.will_expire_soon(120)


def test_a_token_of_ours_that_keystone_has_revoked_is_replaced(make, keystone, trust):
    clouds = make()
    clouds.own().identity()
    keystone.tokens.clear()
    assert clouds.trusted(trust).identity().user_id == "amy"


def test_a_trust_that_is_gone_ends_what_is_done_by_it(make, keystone, trust):
    clouds = make()
    heat = clouds.trusted(trust)
    heat.identity()
    del keystone.trusts[trust]
    with pytest.raises(TrustEnded, match=r"trust t1 any more.*coe credential rotate"):
        heat.keystone().get("/users")


@pytest.mark.parametrize("change", [{"enabled": False}, None])
def test_a_trustor_who_is_gone_ends_it_too(make, keystone, trust, change):
    if change:
        keystone.users["amy"] |= change
    else:
        keystone.roles.clear()
        keystone.roles["magnum", "service"] = ["service"]
    with pytest.raises(TrustEnded):
        make().trusted(trust).identity()


def test_a_password_of_ours_that_is_wrong_says_nothing_of_the_trust(make, keystone, trust):
    keystone.users["magnum"]["password"] = "another"
    with pytest.raises(NotAllowed) as raised:
        make().trusted(trust).identity()
    assert not isinstance(raised.value, TrustEnded)


def test_a_keystone_that_does_not_answer_is_worth_another_try(make, keystone, trust):
    keystone.failing = 503
    for cloud in (make().own(), make().trusted(trust)):
        with pytest.raises(Unanswered):
            cloud.identity()


def test_what_is_deleted_is_deleted_by_the_trust(make, keystone, trust):
    keystone.roles["magnum", "fishers"] = ["member"]
    assert make().deleting(trust, "fishers").identity().user_id == "amy"


def test_or_by_a_role_that_the_operator_has_given_us(make, keystone):
    clouds = make()
    with pytest.raises(TrustEnded, match="no role in the project fishers"):
        clouds.deleting("gone", "fishers").identity()
    keystone.roles["magnum", "fishers"] = ["member"]
    for trust_id in ("gone", None):
        who = clouds.deleting(trust_id, "fishers").identity()
        assert (who.user_id, who.project_id) == ("magnum", "fishers")


def test_so_many_identities_are_remembered(make, keystone, trust, monkeypatch):
    monkeypatch.setattr(module, "MOST_IDENTITIES", 2)
    clouds = make()
    kept = clouds.trusted(trust)
    clouds.trusted("b")
    assert clouds.trusted(trust) is kept
    clouds.trusted("c")
    assert clouds.trusted(trust) is kept
    clouds.forget(trust)
    assert clouds.trusted(trust) is not kept


def test_a_requesters_token_is_used_and_nobody_is_asked_for_it(make, keystone):
    clouds = make()
    theirs = keystone.give_token("amy", "fishers")
    mine = open_session(keystone, theirs)
    keystone.asked.clear()
    cloud = clouds.requested(mine)
    cloud.keystone().get("/users")
    assert (cloud.identity().user_id, keystone.asked) == ("amy", ["GET /v3/users"])
    del keystone.tokens[theirs]
    with pytest.raises(NotAllowed):
        cloud.keystone().get("/users")


def open_session(keystone, token):
    from keystoneauth1.access import AccessInfoV3

    return AccessInfoV3({"token": keystone._described(keystone.tokens[token])}, token)


@pytest.mark.parametrize("ending", ["", "/", "/v3", "/v3/", "/v2.0"])
def test_the_address_is_as_operators_write_it(make, keystone, ending):
    text = configuration(keystone).replace(f"auth_url = {keystone.url}", f"auth_url = {keystone.url}{ending}")
    assert make(text).own()._auth.auth_url == f"{keystone.url}/v3"


def test_where_nobody_is_named_there_is_no_cloud(make):
    assert make("") is None
