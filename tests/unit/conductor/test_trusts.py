"""Trusts end with their cluster, and those that no cluster has are found; whoever dies wherever.

Keystone is a stand-in at the other end of real HTTP (tests/fake_keystone.py).
"""

import itertools

import pytest
from fake_keystone import fake_keystone, open_clouds, requested
from simulation import OWNER, AtPoint, Crash, World

from magnum.conductor.orphans import INTERVAL, PATIENCE, OrphanTrusts
from magnum.conductor.trust_checks import TrustChecks
from magnum.core import rotations
from magnum.core import trusts as core
from magnum.core.errors import Unavailable
from magnum.db import clusters, ledger

AFTER_LEASE = 11.0
FEWEST_POINTS = 4


def is_about_trusts(point):
    """Of all the others tests/crash has seen to it."""
    return "trust" in point


@pytest.fixture
def keystone():
    with fake_keystone() as keystone:
        keystone.add_user(OWNER.user_id, OWNER.project_id, "member", "reader")
        yield keystone


@pytest.fixture
def world(tmp_path, keystone):
    world = World(tmp_path, clouds=open_clouds(keystone, tmp_path))
    yield world
    world.close()


@pytest.fixture
def cloud(world, keystone):
    """The cloud as the owner's request sees it."""
    return requested(keystone, world.clouds, OWNER.user_id, OWNER.project_id)


@pytest.fixture
def orphans(world):
    return OrphanTrusts(world.services(), world.clouds)


def attempts(world):
    return world.database.read(lambda tx: ledger.attempts(tx, "trust"))


def trust_of(world, cluster):
    return world.cluster(cluster).trust_id


# ---- the end of a cluster


def test_a_trust_is_the_last_thing_to_go(world, cloud, keystone):
    cluster = world.create(cloud=cloud)
    world.settle()
    assert list(keystone.trusts) == [trust_of(world, cluster)]
    seen = []

    def trace(point):
        seen.append((point, len(keystone.trusts)))

    world.delete(cluster)
    world.settle(trace)
    assert keystone.trusts == {}
    calls = [(point, there) for point, there in seen if point.startswith("call: ")]
    assert calls[-1][0].startswith("call: delete the trust ")
    assert {there for _, there in calls} == {1}
    assert world.ledger(cluster) == ()


def test_one_that_somebody_has_removed_is_fine(world, cloud, keystone):
    cluster = world.create(cloud=cloud)
    world.settle()
    keystone.trusts.clear()
    world.delete(cluster)
    world.settle()
    assert (world.exists(cluster), world.ledger(cluster)) == (False, ())


def test_one_whose_owner_is_gone_is_fine(world, cloud, keystone):
    cluster = world.create(cloud=cloud)
    world.settle()
    keystone.users[OWNER.user_id]["enabled"] = False
    world.delete(cluster)
    world.settle()
    assert (world.exists(cluster), world.ledger(cluster)) == (False, ())


def test_a_keystone_that_is_down_is_waited_for(world, cloud, keystone):
    cluster = world.create(cloud=cloud)
    world.settle()
    world.delete(cluster)
    keystone.failing = 503
    world.settle(until=lambda: any(operation.attempts > 2 for operation in world.operations(cluster)))
    [sweep] = [operation for operation in world.operations(cluster) if operation.kind == "sweep"]
    assert sweep.step == "remove trusts"
    assert "Keystone was asked to delete the trust" in sweep.reason
    keystone.failing = None
    world.settle()
    assert (keystone.trusts, world.ledger(cluster)) == ({}, ())


def test_a_conductor_dies_at_every_point_of_the_end(world, cloud, keystone):
    for number in itertools.count(1):
        cluster = world.create(cloud=cloud, masters=1, nodes=0)
        world.settle()
        world.delete(cluster)
        trace = AtPoint(number, lambda: trace.die(), counts=is_about_trusts)  # noqa: B023, PLW0108  each has its own
        try:
            world.settle(trace)
        except Crash:
            world.clock.turn(AFTER_LEASE)
            world.settle()
            assert (keystone.trusts, world.ledger(cluster)) == ({}, ()), trace.point
        else:
            break
    assert number > FEWEST_POINTS


# ---- a rotation


@pytest.fixture
def rotate(world, cloud):
    return lambda cluster: rotations.rotate_credential(world.core, OWNER, cluster, cloud=cloud)


def let_heat_have_its_own(keystone, trust_id):
    """What Heat does when a stack is made, or updated by another trustor than the one that it knows."""
    own = {**keystone.trusts[trust_id], "id": f"of-{trust_id}", "trustee_user_id": "heat"}
    keystone.trusts[own["id"]] = own | {"redelegated_trust_id": trust_id}
    return own["id"]


def test_everything_of_a_rotation_is_done_by_the_new_trust(world, cloud, keystone, rotate):
    cluster = world.create(cloud=cloud)
    world.settle()
    old = trust_of(world, cluster)
    rotate(cluster)
    [new] = set(keystone.trusts) - {old}
    by = {}

    def watch(point):
        if point.startswith("call: "):
            by[point] = (trust_of(world, cluster), old in keystone.trusts)

    world.settle(watch)
    assert world.cluster(cluster).status == "UPDATE_COMPLETE"
    assert {trust for trust, _ in by.values()} == {new}
    assert all(there for point, (_, there) in by.items())  # the old one is the last to go
    assert set(keystone.trusts) == {new}


def test_the_old_one_stays_while_heat_lives_by_it(world, cloud, keystone, rotate):
    """Of the same trustor Heat takes no new one."""
    cluster = world.create(cloud=cloud)
    world.settle()
    old = trust_of(world, cluster)
    heats = let_heat_have_its_own(keystone, old)
    for _ in range(2):
        rotate(cluster)
        world.settle()
    new = trust_of(world, cluster)
    assert set(keystone.trusts) == {old, heats, new}
    assert any(f"The trust {old} stays" in event.text for event in world.events(cluster))
    world.delete(cluster)
    world.settle()
    assert set(keystone.trusts) <= {heats}  # which a real Keystone deletes with the one that it is from


def test_one_that_waits_for_its_turn_keeps_its_trust(world, cloud, keystone, rotate):
    cluster = world.create(cloud=cloud)
    world.settle()
    rotate(cluster)
    rotate(cluster)
    first, second = [row.provider_id for row in world.ledger(cluster) if row.kind == "trust"][1:]
    world.settle(until=lambda: world.cluster(cluster).trust_id == second)
    assert second in keystone.trusts
    world.settle()
    assert set(keystone.trusts) == {second}
    assert first != second


def test_a_conductor_dies_at_every_point_of_a_rotation(world, cloud, keystone, rotate):
    for number in itertools.count(1):
        cluster = world.create(cloud=cloud, masters=1, nodes=0)
        world.settle()
        rotate(cluster)
        new = [row.provider_id for row in world.ledger(cluster) if row.kind == "trust"][-1]
        trace = AtPoint(number, lambda: trace.die(), counts=is_about_trusts)  # noqa: B023, PLW0108  each has its own
        try:
            world.settle(trace)
        except Crash:
            world.clock.turn(AFTER_LEASE)
            world.settle()
            assert (set(keystone.trusts), trust_of(world, cluster)) == ({new}, new), trace.point
            assert world.cluster(cluster).status == "UPDATE_COMPLETE"
            world.delete(cluster)
            world.settle()
            assert keystone.trusts == {}, trace.point
        else:
            break
    assert number > FEWEST_POINTS


def test_a_rotation_that_failed_goes_on_with_the_same_trust(world, cloud, keystone, rotate):
    cluster = world.create(cloud=cloud, labels={"fake_faults": "refuse:renew:not now"})
    world.settle()
    rotate(cluster)
    new = [row.provider_id for row in world.ledger(cluster) if row.kind == "trust"][-1]
    world.settle()
    assert world.cluster(cluster).status == "UPDATE_FAILED"
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={}))
    world.retry(cluster)
    world.settle()
    assert world.cluster(cluster).status == "UPDATE_COMPLETE"
    assert (set(keystone.trusts), trust_of(world, cluster)) == ({new}, new)


# ---- before it is needed


def warnings_of(world, cluster):
    return [event.text for event in world.events(cluster) if event.kind == "cluster.trust"]


def test_an_event_tells_once_of_a_trust_that_has_ended(world, cloud, keystone):
    lost, kept, going = (world.create(cloud=cloud, name=name) for name in ("lost", "kept", "going"))
    world.settle()
    checks = TrustChecks(world.services(), world.clouds)
    checks.look()
    for cluster in (lost, going):
        del keystone.trusts[trust_of(world, cluster)]
    world.delete(going)
    for _ in range(2):
        checks.look()
    [text] = warnings_of(world, lost)
    assert f"openstack coe credential rotate {lost}" in text
    assert warnings_of(world, kept) == warnings_of(world, going) == []


def test_trusts_to_others_are_none_of_ours_to_tell_of(world, cloud, keystone):
    """As clusters of earlier releases have them."""
    cluster = world.create(cloud=cloud)
    world.settle()
    world.database.write(lambda tx: clusters.update(tx, cluster, trust_id="to-a-trustee"))
    TrustChecks(world.services(), world.clouds).look()
    assert warnings_of(world, cluster) == []


def test_a_keystone_that_is_down_says_nothing_of_trusts(world, cloud, keystone):
    cluster = world.create(cloud=cloud)
    world.settle()
    keystone.failing = 503
    TrustChecks(world.services(), world.clouds).look()
    assert warnings_of(world, cluster) == []


# ---- trusts that no cluster has


class Died(BaseException):
    """The API's process ends here."""


@pytest.mark.parametrize("moment", ["before the call", "after the call", "before the row", "after the row"])
def test_an_api_that_dies_leaves_nothing(  # noqa: PLR0917
    world, cloud, keystone, orphans, monkeypatch, moment
):
    make, keep = core.make_trust, core.Entrusted.keep

    def dying_make(*arguments, **more):
        if moment == "before the call":
            raise Died
        made = make(*arguments, **more)
        if moment == "after the call":
            raise Died
        return made

    def dying_keep(entrusted, tx):
        if moment == "before the row":
            raise Died
        keep(entrusted, tx)

    kept = world.create(cloud=cloud)
    with monkeypatch.context() as patched:
        patched.setattr(core, "make_trust", dying_make)
        patched.setattr(core, "_take_back", lambda *_: None)
        patched.setattr(core.Entrusted, "keep", dying_keep)
        if moment == "after the row":
            world.create(cloud=cloud)
        else:
            with pytest.raises(Died):
                world.create(cloud=cloud)
    world.clock.turn(PATIENCE - 1)
    before = set(keystone.trusts)
    assert orphans.look() == INTERVAL
    assert set(keystone.trusts) == before
    world.clock.turn(2)
    orphans.look()
    expected = before if moment in ("before the call", "after the row") else {trust_of(world, kept)}
    assert set(keystone.trusts) == expected
    assert attempts(world) == ()


def test_while_the_same_owner_gives_another_one_nothing_is_touched(world, cloud, keystone, orphans, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(core, "_take_back", lambda *_: None)
        patched.setattr(core.Entrusted, "keep", lambda *_: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            world.create(cloud=cloud)
        world.clock.turn(PATIENCE + 1)
        with pytest.raises(Died):
            world.create(cloud=cloud)
    orphans.look()
    assert len(keystone.trusts) == 2
    world.clock.turn(PATIENCE + 1)
    orphans.look()
    assert (keystone.trusts, attempts(world)) == ({}, ())


def test_one_that_is_being_given_while_we_look_is_not_touched(world, cloud, keystone, orphans, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(core, "_take_back", lambda *_: None)
        patched.setattr(core.Entrusted, "keep", lambda *_: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            world.create(cloud=cloud)
    world.clock.turn(PATIENCE + 1)
    given = []

    def list_later(*arguments, **more):
        given.append(world.database.write(lambda tx: ledger.attempt(tx, "c9", "trust", "ann/fishers/r9")))
        from magnum.openstack.trusts import list_trusts

        return list_trusts(*arguments, **more)

    monkeypatch.setattr("magnum.conductor.orphans.list_trusts", list_later)
    orphans.look()
    assert len(keystone.trusts) == 1
    assert len(attempts(world)) == 2


def test_what_others_entrust_us_with_is_never_touched(world, cloud, keystone, orphans, monkeypatch):
    """Another installation may have the same service user, though it should not."""
    keystone.add_user("eve", "others", "member")
    for ident, trustor, project in (("t1", "eve", "others"), ("t2", OWNER.user_id, "elsewhere")):
        given = {"id": ident, "trustor_user_id": trustor, "trustee_user_id": "magnum", "project_id": project}
        keystone.trusts[ident] = given | {"roles": [], "redelegated_trust_id": None}
    with monkeypatch.context() as patched:
        patched.setattr(core, "_take_back", lambda *_: None)
        patched.setattr(core.Entrusted, "keep", lambda *_: (_ for _ in ()).throw(Died))
        with pytest.raises(Died):
            world.create(cloud=cloud)
    world.clock.turn(PATIENCE + 1)
    orphans.look()
    assert set(keystone.trusts) == {"t1", "t2"}


def test_where_there_is_nothing_to_look_for_nobody_is_asked(world, cloud, keystone, orphans):
    world.create(cloud=cloud)
    keystone.asked.clear()
    world.clock.turn(PATIENCE + 1)
    orphans.look()
    assert keystone.asked == []


def test_a_keystone_that_does_not_answer_is_asked_again_later(world, cloud, keystone, orphans):
    world.clouds.own().identity()
    keystone.failing = 503
    with pytest.raises(Unavailable):
        world.create(cloud=cloud)
    world.clock.turn(PATIENCE + 1)
    orphans.look()
    assert len(attempts(world)) == 1
    keystone.failing = None
    orphans.look()
    assert attempts(world) == ()
