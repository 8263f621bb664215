"""What our credentials for Heat are designed on: which of them Heat can make a trust of its own from, and for how long.

A trust that may be redelegated once and names every role of its token is enough: also those that others imply, for Heat
hands all of them on. One that may not be redelegated, and application credentials of either kind, are not: Keystone
refuses Heat, and Heat answers 500.
"""

import pytest
from cloud import by, until
from keystoneauth1.identity.v3 import ApplicationCredential
from openstack.exceptions import NotFoundException
from stacks import SMALL

OWNER, TRUSTEE = "third", "magnum"
ROLES = ("member", "reader", "creator", "load-balancer_member")
"""Of the owner's token; the member is a reader by implication."""
REDELEGATED = {"allow_redelegation": True, "redelegation_count": 1}


@pytest.fixture
def make_trust(cloud, person):
    """Let the owner trust our service; the trusts are deleted in the end."""
    made = []
    owner = person(OWNER).connection
    [trustee] = person("admin").connection.identity.users(name=TRUSTEE, domain_id="default")

    def make(roles=ROLES, **more):
        attributes = {
            "trustor_user_id": owner.current_user_id,
            "trustee_user_id": trustee.id,
            "project_id": owner.current_project_id,
            "roles": [{"name": role} for role in roles],
            "impersonation": True,
        }
        made.append(owner.identity.create_trust(**attributes, **more))
        return made[-1]

    yield make
    for trust in made:
        owner.identity.delete_trust(trust, ignore_missing=True)


@pytest.fixture
def stack_name(person):
    """Give a name; the stack of this name is deleted in the end, by the project's own member."""
    yield (name := "by-trust")
    heat = person(OWNER).connection.orchestration
    if found := heat.find_stack(name):
        heat.delete_stack(found)
        until("the stack is gone", lambda: heat.find_stack(name) is None)


def heat_answers(asker, name):
    body = {"stack_name": name, "template": SMALL}
    return asker.ask("POST", "/stacks", body, service="orchestration").status_code


def test_a_trust_that_may_be_redelegated_makes_stacks_of_the_project(cloud, person, make_trust, stack_name):
    trust = make_trust(**REDELEGATED)
    uuid = cloud.login(TRUSTEE, trust_id=trust.id).make_stack(stack_name, SMALL)
    heat = person(OWNER).connection.orchestration
    until("the stack is complete", lambda: heat.get_stack(uuid).status == "CREATE_COMPLETE")


def test_deleting_it_deletes_the_one_that_heat_has_made_of_it(cloud, person, make_trust, stack_name):
    owner = person(OWNER).connection
    trust = make_trust(**REDELEGATED)
    cloud.login(TRUSTEE, trust_id=trust.id).make_stack(stack_name, SMALL)
    admin = person("admin").connection.identity

    def of_heat():
        return [found for found in admin.trusts() if found.redelegated_trust_id == trust.id]

    [heats] = until("Heat has made a trust of its own", of_heat)
    owner.identity.delete_trust(trust)
    with pytest.raises(NotFoundException):
        admin.get_trust(heats.id)


def test_a_trust_that_may_not_be_redelegated_makes_none(cloud, make_trust, stack_name):
    trust = make_trust()
    assert heat_answers(cloud.login(TRUSTEE, trust_id=trust.id), stack_name) == 500


def test_a_trust_without_a_role_that_another_implies_makes_none(cloud, make_trust, stack_name):
    trust = make_trust([role for role in ROLES if role != "reader"], **REDELEGATED)
    assert heat_answers(cloud.login(TRUSTEE, trust_id=trust.id), stack_name) == 500


@pytest.mark.parametrize("unrestricted", [False, True])
def test_an_application_credential_makes_none(cloud, person, stack_name, unrestricted):
    owner = person(OWNER).connection
    user = owner.current_user_id
    made = owner.identity.create_application_credential(user, name="for-heat", unrestricted=unrestricted)
    try:
        asker = by(
            ApplicationCredential(
                cloud.identity, application_credential_id=made.id, application_credential_secret=made.secret
            )
        )
        assert heat_answers(asker, stack_name) == 500
    finally:
        owner.identity.delete_application_credential(user, made)
