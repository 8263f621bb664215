"""The user that a cluster has of its own: one, whoever dies wherever, and none when the cluster is gone.

Keystone is a stand-in at the other end of real HTTP (tests/fake_keystone.py).
"""

import itertools

import pytest
from fake_keystone import PASSWORD, fake_keystone, open_clouds, requested
from simulation import KEYRING, OWNER, AtPoint, Crash, World

from magnum.conductor.context import StepContext
from magnum.conductor.lease import Lease
from magnum.conductor.rows import read_rows
from magnum.conductor.secrets import trustee_place
from magnum.conf.trust import Trust
from magnum.core import rotations
from magnum.db import clusters
from magnum.drivers.base import NodeTrustee

AFTER_LEASE = 11.0
FEWEST_POINTS = 6
DOMAIN, ADMIN = "trustees", "trustee-admin"
TRUST = f"""
[trust]
cluster_user_trust = true
trustee_domain_name = {DOMAIN}
trustee_domain_admin_name = {ADMIN}
trustee_domain_admin_password = {PASSWORD}
"""


@pytest.fixture
def keystone():
    with fake_keystone() as keystone:
        keystone.add_user(OWNER.user_id, OWNER.project_id, "member", "reader")
        keystone.add_user(ADMIN, domain=DOMAIN)
        yield keystone


@pytest.fixture
def make_world(tmp_path, keystone):
    made = []

    def make(*, more=TRUST, trust=True):
        clouds = open_clouds(keystone, tmp_path, more)
        made.append(World(tmp_path, clouds=clouds, trust=Trust(cluster_user_trust=trust)))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture
def owner(keystone):
    return lambda world: requested(keystone, world.clouds, OWNER.user_id, OWNER.project_id)


def users(keystone):
    return {user["name"]: user for user in keystone.users.values() if user["domain_id"] == DOMAIN} | {}


def trustees(keystone):
    return {name: user for name, user in users(keystone).items() if name != ADMIN}


def trusts_to(keystone, user):
    return [trust for trust in keystone.trusts.values() if trust["trustee_user_id"] == user["id"]]


def password_of(world, cluster):
    sealed = world.database.read(lambda tx: clusters.trustee_password(tx, cluster))
    return KEYRING.decrypt(sealed, trustee_place(cluster))


def seen_by_driver(world, cluster):
    """Give what a step of a driver gets."""
    operation = world.operations(cluster)[-1]
    rows = world.database.read(lambda tx: read_rows(tx, operation.uuid))
    services = world.services()
    return StepContext(services, Lease.__new__(Lease), rows).trustee()


def test_a_cluster_gets_a_user_and_a_trust_that_cannot_be_handed_on(world, owner, keystone):
    cluster = world.create(cloud=owner(world))
    world.settle()
    [(name, user)] = trustees(keystone).items()
    assert name == f"{cluster}_{OWNER.project_id}"
    row = world.cluster(cluster)
    assert (row.trustee_username, row.trustee_user_id) == (name, user["id"])
    [trust] = trusts_to(keystone, user)
    assert (trust["trustor_user_id"], trust["project_id"]) == (OWNER.user_id, OWNER.project_id)
    assert (trust["redelegated_trust_id"], trust["redelegation_count"]) == (row.trust_id, 0)
    assert {role["name"] for role in trust["roles"]} == {"member", "reader"}
    assert password_of(world, cluster) == user["password"]
    stored = world.database.read(lambda tx: clusters.trustee_password(tx, cluster))
    assert user["password"] not in stored
    given = seen_by_driver(world, cluster)
    assert given == NodeTrustee(f"{keystone.url}/v3", user["id"], user["password"], trust["id"])
    assert user["password"] not in repr(given)


def test_it_goes_with_its_cluster(world, owner, keystone):
    cluster = world.create(cloud=owner(world))
    world.settle()
    world.delete(cluster)
    world.settle()
    assert (trustees(keystone), keystone.trusts, world.ledger(cluster)) == ({}, {}, ())


def test_one_that_somebody_has_removed_is_fine(world, owner, keystone):
    cluster = world.create(cloud=owner(world))
    world.settle()
    [user] = trustees(keystone).values()
    del keystone.users[user["id"]]
    world.delete(cluster)
    world.settle()
    assert (world.exists(cluster), world.ledger(cluster)) == (False, ())


def test_where_the_operator_does_not_want_it_there_is_none(make_world, owner, keystone):
    world = make_world(trust=False)
    cluster = world.create(cloud=owner(world))
    world.settle()
    assert (trustees(keystone), world.cluster(cluster).trustee_username) == ({}, None)
    assert seen_by_driver(world, cluster) is None


def test_one_who_can_make_no_users_is_told_so(make_world, owner):
    world = make_world(more="")
    cluster = world.create(cloud=owner(world))
    world.settle()
    row = world.cluster(cluster)
    assert row.status == "CREATE_FAILED"
    assert "trustee_domain_admin_id" in row.status_reason


def test_a_wrong_password_of_the_domains_admin_fails_the_operation(world, owner, keystone):
    keystone.users[ADMIN]["password"] = "another"
    cluster = world.create(cloud=owner(world))
    world.settle()
    row = world.cluster(cluster)
    assert row.status == "CREATE_FAILED"
    assert "make the cluster's user, and refused" in row.status_reason
    assert PASSWORD not in row.status_reason


def test_a_rotation_makes_another_and_removes_the_old(world, owner, keystone):
    cluster = world.create(cloud=owner(world))
    world.settle()
    [old] = trustees(keystone).values()
    rotations.rotate_credential(world.core, OWNER, cluster, cloud=owner(world))
    seen = []

    def watch(point):
        if point.startswith("call: renew"):
            seen.append((world.cluster(cluster).trustee_user_id, old["id"] in keystone.users))

    world.settle(watch)
    assert world.cluster(cluster).status == "UPDATE_COMPLETE"
    [new] = trustees(keystone).values()
    assert new["id"] != old["id"]
    assert new["password"] != old["password"]
    assert set(seen) == {(new["id"], True)}
    assert password_of(world, cluster) == new["password"]
    [trust] = trusts_to(keystone, new)
    assert seen_by_driver(world, cluster).trust_id == trust["id"]
    assert set(keystone.trusts) == {trust["id"], world.cluster(cluster).trust_id}


def is_about_users(point):
    return "user" in point or "trust" in point


def make(world, cloud):
    return world.create(cloud=cloud, masters=1, nodes=0)


def rotate(world, cloud):
    cluster = make(world, cloud)
    world.settle()
    rotations.rotate_credential(world.core, OWNER, cluster, cloud=cloud)
    return cluster


@pytest.mark.parametrize("ask", [make, rotate])
def test_a_conductor_dies_at_every_point(world, owner, keystone, ask):
    for number in itertools.count(1):
        cluster = ask(world, owner(world))
        trace = AtPoint(number, lambda: trace.die(), counts=is_about_users)  # noqa: B023, PLW0108  each has its own
        try:
            world.settle(trace)
        except Crash:
            world.clock.turn(AFTER_LEASE)
            world.settle()
            [user] = trustees(keystone).values()
            assert (password_of(world, cluster), world.cluster(cluster).trustee_user_id) == (
                user["password"],
                user["id"],
            ), trace.point
            assert len(trusts_to(keystone, user)) == 1, trace.point
            world.delete(cluster)
            world.settle()
            assert (trustees(keystone), keystone.trusts) == ({}, {}), trace.point
        else:
            break
    assert number > FEWEST_POINTS
