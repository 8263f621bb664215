"""The service itself, as it acts for owners of clusters: on real Keystone and Heat, without a cluster."""

import secrets
import warnings
from contextlib import ExitStack

import pytest
from cloud import by, until
from keystoneauth1.identity.v3 import ApplicationCredential, Password
from stacks import SMALL

from magnum.conf.settings import load_settings
from magnum.core.trusts import why_not_delegated

with warnings.catch_warnings():
    # keystonemiddleware is made with WebOb, which imports `cgi` once.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    from magnum.openstack.errors import NotAllowed, NotThere, Refused, TrustEnded, Unanswered
    from magnum.openstack.identities import open_identities
    from magnum.openstack.trustees import delete_user, find_user, keystone_of_nodes, make_user
    from magnum.openstack.trusts import end_trust, find_trust, is_alive, is_redelegated, list_trusts, make_trust

PROJECT = "third"


@pytest.fixture(scope="module")
def clouds(cloud):
    return open_identities(load_settings(files=[cloud.folder / "etc/magnum/magnum.conf"]))


@pytest.fixture
def last():
    """What is to be done in the end, whatever happens."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def make_owner(cloud, person, last):
    return lambda: add_owner(cloud, person("admin").connection.identity, last)


@pytest.fixture
def owner(make_owner):
    return make_owner()


def add_owner(cloud, admin, last):
    """Give a member of the project who is made for one test, and can be taken away."""
    password, name = secrets.token_hex(8), f"owner-{secrets.token_hex(4)}"
    user = admin.create_user(name=name, password=password, domain_id="default")
    last.callback(admin.delete_user, user, ignore_missing=True)
    project = admin.find_project(PROJECT)
    admin.assign_project_role_to_user(project, user, admin.find_role("member"))
    scope = {"project_id": project.id, "user_id": user.id, "password": password}
    return by(Password(cloud.identity, **scope))


def requested(clouds, person):
    """Give the cloud as the API sees it for this person's request."""
    session = person.connection.session
    return clouds.requested(session.auth.get_access(session))


def entrust(clouds, person):
    who = requested(clouds, person)
    token = who.identity()
    return make_trust(
        who.keystone(),
        trustor=token.user_id,
        trustee=clouds.own().identity().user_id,
        project_id=token.project_id,
        roles=token.role_names,
    )


def make_stack(cloud, name):
    """Make one and wait until it is there; gives its path."""
    cloud.heat().post("/stacks", {"stack_name": name, "template": SMALL})
    until("the stack is complete", lambda: status(cloud, name) == "CREATE_COMPLETE")
    return f"/stacks/{name}/{cloud.heat().get('/stacks', params={'name': name})['stacks'][0]['id']}"


def status(cloud, name):
    found = cloud.heat().get("/stacks", params={"name": name})["stacks"]
    return found[0]["stack_status"] if found else None


def remove_stack(cloud, name):
    for stack in cloud.heat().get("/stacks", params={"name": name})["stacks"]:
        cloud.heat().delete(f"/stacks/{name}/{stack['id']}")
    until("the stack is gone", lambda: status(cloud, name) is None)


def test_an_owners_token_becomes_a_trust_by_which_stacks_come_and_go(cloud, clouds, person, owner, last):
    trust = entrust(clouds, owner)
    assert trust.id in {known.id for known in list_trusts(clouds.own().keystone(), trustee=trust.trustee_user_id)}
    ours = clouds.trusted(trust.id)
    name = f"entrusted-{secrets.token_hex(4)}"
    make_stack(ours, name)
    assert owner.connection.orchestration.find_stack(name) is not None
    admin = person("admin").connection.identity
    [heats] = [known for known in admin.trusts() if known.redelegated_trust_id == trust.id]
    remove_stack(ours, name)
    assert end_trust(clouds, trust.id)
    assert not end_trust(clouds, trust.id)
    assert {known.id for known in admin.trusts()}.isdisjoint({trust.id, heats.id})


def test_what_somebody_makes_cannot_be_had_by_a_trust_of_somebody_else(clouds, person, owner):
    trust = entrust(clouds, owner)
    with pytest.raises((NotThere, NotAllowed)):
        clouds.trusted(trust.id).heat().get("/stacks/by-nobody")
    end_trust(clouds, trust.id)


@pytest.mark.parametrize("unrestricted", [False, True])
def test_an_application_credential_says_of_itself_what_it_is(cloud, clouds, owner, unrestricted):
    made = owner.connection.identity.create_application_credential(
        owner.connection.current_user_id, name="program", unrestricted=unrestricted
    )
    secret = {"application_credential_id": made.id, "application_credential_secret": made.secret}
    program = by(ApplicationCredential(cloud.identity, **secret))
    why = why_not_delegated(requested(clouds, program))
    assert "application credential" in why
    assert why_not_delegated(requested(clouds, owner)) is None
    with pytest.raises(NotAllowed):
        entrust(clouds, program)


def test_a_token_of_a_trust_does_too(cloud, clouds, owner):
    trust = entrust(clouds, owner)
    assert "token of a trust" in why_not_delegated(clouds.trusted(trust.id))
    end_trust(clouds, trust.id)


def update_stack(cloud, name, description):
    [stack] = cloud.heat().get("/stacks", params={"name": name})["stacks"]
    before = stack["updated_time"]
    cloud.heat().put(f"/stacks/{name}/{stack['id']}", {"template": {**SMALL, "description": description}})

    def is_updated():
        [stack] = cloud.heat().get("/stacks", params={"name": name})["stacks"]
        return stack["updated_time"] != before and stack["stack_status"] == "UPDATE_COMPLETE"

    until("the stack is updated", is_updated)


def test_heat_takes_a_new_trust_of_its_own_from_another_trustor_only(clouds, make_owner, last):
    """So an old trust of the same trustor is kept for as long as Heat lives by it."""
    owner, colleague = make_owner(), make_owner()
    first, second, third = entrust(clouds, owner), entrust(clouds, owner), entrust(clouds, colleague)
    name = f"renewed-{secrets.token_hex(4)}"
    make_stack(clouds.trusted(first.id), name)
    assert is_redelegated(clouds, first.id)
    update_stack(clouds.trusted(second.id), name, "by the same trustor")
    assert (is_redelegated(clouds, first.id), is_redelegated(clouds, second.id)) == (True, False)
    update_stack(clouds.trusted(third.id), name, "by another one")
    assert [is_redelegated(clouds, trust.id) for trust in (first, second, third)] == [False, False, True]
    for trust in (first, second):
        assert end_trust(clouds, trust.id)
    update_stack(clouds.trusted(third.id), name, "after the others have ended")
    remove_stack(clouds.trusted(third.id), name)
    assert is_alive(clouds, third.id)
    assert end_trust(clouds, third.id)
    assert not is_alive(clouds, third.id)


def test_a_clusters_own_user_acts_by_a_trust_that_it_cannot_hand_on(cloud, clouds, person, owner, last):
    trust = entrust(clouds, owner)
    last.callback(end_trust, clouds, trust.id)
    ours, admin = clouds.trusted(trust.id), clouds.domain_admin()
    domain = admin.identity().domain_id
    name, password = f"cluster-{secrets.token_hex(4)}_{trust.project_id}", secrets.token_urlsafe(24)
    user = make_user(admin.keystone(), name, password, domain_id=domain)
    last.callback(delete_user, admin.keystone(), user, domain_id=domain)
    with pytest.raises(Refused):
        make_user(admin.keystone(), name, password, domain_id=domain)
    assert find_user(admin.keystone(), name, domain_id=domain) == user
    roles, given = ours.identity().role_names, {"trustor": trust.trustor_user_id, "trustee": user.id}
    assert find_trust(ours.keystone(), **given, made_from=trust.id) is None
    made = make_trust(ours.keystone(), **given, project_id=trust.project_id, roles=roles, redelegations=0)
    assert find_trust(ours.keystone(), **given, made_from=trust.id).id == made.id
    address = keystone_of_nodes(clouds.own(), interface="public", region="RegionOne")
    node = by(Password(address, user_id=user.id, password=password, trust_id=made.id))
    assert node.connection.current_project_id == trust.project_id
    list(node.connection.block_storage.volumes())  # it is let in
    assert (
        node.ask("POST", "/stacks", {"stack_name": name, "template": SMALL}, service="orchestration").status_code == 500
    )
    delete_user(admin.keystone(), user, domain_id=domain)
    delete_user(admin.keystone(), user, domain_id=domain)
    assert find_user(admin.keystone(), name, domain_id=domain) is None
    assert made.id not in {known.id for known in person("admin").connection.identity.trusts()}
    with pytest.raises(Unanswered, match="no internal endpoint of its own of the region elsewhere"):
        keystone_of_nodes(clouds.own(), interface="internal", region="elsewhere")


def delete_owner(admin, owner, _trust):
    admin.delete_user(owner)


def disable_owner(admin, owner, trust):
    """Heat fails over a trust whose trustor is disabled, and not over one that is gone: an administrator deletes it."""
    admin.update_user(owner, is_enabled=False)
    admin.delete_trust(trust.id)


@pytest.mark.parametrize("lose", [delete_owner, disable_owner])
def test_an_owner_who_is_gone_leaves_what_the_operator_lets_us_delete(clouds, person, owner, last, lose):
    admin = person("admin").connection.identity
    trust = entrust(clouds, owner)
    name = f"left-{secrets.token_hex(4)}"
    make_stack(clouds.trusted(trust.id), name)
    lose(admin, owner.connection.current_user_id, trust)
    clouds.forget(trust.id)
    with pytest.raises(TrustEnded, match="was deleted, or who gave it is gone"):
        clouds.trusted(trust.id).heat().get("/stacks")
    with pytest.raises(TrustEnded, match="no role in the project"):
        clouds.deleting(trust.id, trust.project_id).heat().get("/stacks")
    grant = (admin.find_project(PROJECT), trust.trustee_user_id, admin.find_role("member"))
    admin.assign_project_role_to_user(*grant)
    last.callback(admin.unassign_project_role_from_user, *grant)
    remove_stack(clouds.deleting(trust.id, trust.project_id), name)
    assert not end_trust(clouds, trust.id)
