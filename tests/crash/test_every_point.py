"""A conductor dies at every point of every operation, another one finishes it: same end, nothing twice, nothing left.

The points are those that `trace` is told of: step boundaries, both sides of every provider call and of every commit.
Where two of them are the same, one is tried: nothing happens between a point and the commit that follows it, so whoever
dies just before a commit leaves what whoever dies at the point before leaves.
"""

import itertools
import uuid

import pytest
from simulation import AtPoint, Crash, World

from magnum.db import clusters
from magnum.db.tables import METADATA, cluster_template, encryption_canary, project_lock, x509keypair

AFTER_LEASE = 11.0
FEWEST_POINTS = 20
STAYS = {cluster_template.name, encryption_canary.name, project_lock.name}
"""Tables that a deleted cluster leaves alone."""


def is_another_death(point):
    return is_another_pause(point) and not point.startswith("call: ")


def is_another_pause(point):
    """Whoever is paused just before a call goes on to make it, so that is not the same as a moment earlier."""
    return point != "commit"


def ask_create(world):
    return world.create(masters=1, nodes=1)


def ask_resize_up(world):
    cluster = world.create(masters=1, nodes=0)
    world.settle()
    world.resize(cluster, 2)
    return cluster


def ask_resize_down(world):
    cluster = world.create(masters=1, nodes=2)
    world.settle()
    world.resize(cluster, 0)
    return cluster


def ask_delete(world):
    cluster = world.create(masters=1, nodes=1)
    world.settle()
    world.delete(cluster)
    return cluster


def ask_create_again(world):
    """A master and a worker are fine; another worker's set-up failed."""
    cluster = world.create(masters=1, nodes=2, labels={"fake_faults": "break:join@worker-2:no route"})
    world.settle()
    world.retry(cluster)
    return cluster


def ask_resize_again(world):
    cluster = world.create(masters=1, nodes=0, labels={"fake_faults": "break:join@worker-1:no route"})
    world.settle()
    world.resize(cluster, 1)
    world.settle()
    world.retry(cluster)
    return cluster


def ask_rotation(world):
    cluster = world.create(masters=1, nodes=0)
    world.settle()
    world.rotate_ca(cluster)
    return cluster


def ask_rotation_again(world):
    """The node trusts both authorities, and did not get certificates of the new ones."""
    cluster = world.create(masters=1, nodes=0, labels={"fake_faults": "refuse:renew:not now"})
    world.settle()
    world.rotate_ca(cluster)
    world.settle()
    world.database.write(lambda tx: clusters.update(tx, cluster, labels={}))
    world.retry(cluster)
    return cluster


def ask_credential(world):
    cluster = world.create(masters=1, nodes=0)
    world.settle()
    world.rotate_credential(cluster)
    return cluster


def ask_heal(world):
    cluster = world.create(masters=1, nodes=2)
    world.settle()
    world.heal(cluster, next(node.name for node in world.nodes(cluster) if node.role == "worker"))
    return cluster


def ask_upgrade(world):
    cluster = world.create(masters=1, nodes=4)
    world.settle()
    world.upgrade(cluster, world.make_template(str(uuid.uuid4()), labels={"fake_version": "2.0"}))
    return cluster


OPERATIONS = {
    "create": ask_create,
    "resize up": ask_resize_up,
    "resize down": ask_resize_down,
    "upgrade": ask_upgrade,
    "delete": ask_delete,
    "create again": ask_create_again,
    "resize again": ask_resize_again,
    "rotation": ask_rotation,
    "rotation again": ask_rotation_again,
    "rotation of the credential": ask_credential,
    "heal": ask_heal,
}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.close()


def die_at_every_point(world, ask):
    """Give, for each point of the operation, a cluster whose conductor has just died there."""
    for number in itertools.count(1):
        cluster = ask(world)
        trace = AtPoint(number, lambda: trace.die(), counts=is_another_death)  # noqa: B023, PLW0108  each has its own
        try:
            world.settle(trace)
        except Crash:
            yield cluster, trace
        else:
            assert not trace.reached
            assert number > FEWEST_POINTS
            return


def end_state(world, cluster):
    """Describe all that there is, without what differs between two clusters of the same form."""
    if not world.exists(cluster):
        return "no cluster"
    return {
        "cluster": (world.cluster(cluster).status, world.cluster(cluster).status_reason),
        "groups": [
            (group.name, group.node_count, group.status, len(group.node_addresses))
            for group in world.groups(cluster).values()
        ],
        "nodes": sorted((node.role, node.number, node.state) for node in world.nodes(cluster)),
        "ledger": sorted(
            (row.kind, row.name[-8:], row.state) for row in world.ledger(cluster) if row.kind == "machine"
        ),
        "secrets": len(stored(world)),
        "cloud": sorted((thing.kind, thing.member) for thing in world.cloud.things(cluster)),
        "versions": sorted(world.cloud.marks(cluster, "version").values()),
        "operations": [(operation.kind, operation.state) for operation in world.operations(cluster)],
    }


def stored(world):
    return world.database.read(lambda tx: tx.execute(x509keypair.select()).all())


def undisturbed_end(world, ask):
    cluster = ask(world)
    world.settle()
    end = end_state(world, cluster)
    delete(world, cluster)
    return end


def delete(world, cluster):
    if world.exists(cluster):
        world.delete(cluster)
        world.settle()


def assert_nothing_twice(world, cluster, point):
    history = world.cloud.history(cluster)
    assert len(history) == len(set(history)), point


def assert_nothing_left(world, cluster, point):
    assert not world.exists(cluster), point
    assert world.cloud.things(cluster) == [], point
    for table in METADATA.sorted_tables:
        if table.name not in STAYS:
            rows = world.database.read(lambda tx, table=table: tx.execute(table.select()).all())
            assert rows == [], (point, table.name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_another_conductor_finishes_what_one_has_begun(name, world):
    expected = undisturbed_end(world, OPERATIONS[name])
    for cluster, trace in die_at_every_point(world, OPERATIONS[name]):
        world.clock.turn(AFTER_LEASE)
        world.settle()
        assert end_state(world, cluster) == expected, trace.point
        assert_nothing_twice(world, cluster, trace.point)
        delete(world, cluster)
        assert_nothing_left(world, cluster, trace.point)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_conductor_that_was_paused_changes_nothing_when_it_wakes_up(name, world):
    """It sleeps at every point for longer than its lease, another one finishes, and then it goes on where it was."""
    expected = undisturbed_end(world, OPERATIONS[name])

    def sleep():
        world.clock.turn(AFTER_LEASE)
        world.settle()

    for number in itertools.count(1):
        cluster = OPERATIONS[name](world)
        trace = AtPoint(number, sleep, counts=is_another_pause)
        world.settle(trace)
        if not trace.reached:
            assert number > FEWEST_POINTS
            return
        assert end_state(world, cluster) == expected, trace.point
        assert_nothing_twice(world, cluster, trace.point)
        delete(world, cluster)
        assert_nothing_left(world, cluster, trace.point)


@pytest.mark.parametrize("name", ["create", "resize up", "resize down"])
def test_a_delete_takes_over_from_a_worker_that_lives(name, world):
    for number in itertools.count(1):
        cluster = OPERATIONS[name](world)
        trace = AtPoint(number, lambda: world.delete(cluster), counts=is_another_pause)  # noqa: B023
        world.settle(trace)
        if not trace.reached:
            assert number > FEWEST_POINTS
            return
        begun_later = [point for point in trace.after if point.startswith("call: ") and not is_removal(point)]
        # One call may be between its last look and its beginning; the delete waits for it, and then takes it down.
        assert len(begun_later) <= 1, trace.point
        assert_nothing_twice(world, cluster, trace.point)
        assert_nothing_left(world, cluster, trace.point)


@pytest.mark.parametrize("name", ["create", "resize up", "resize down", "create again"])
def test_a_delete_takes_over_from_a_worker_that_has_died(name, world):
    for cluster, trace in die_at_every_point(world, OPERATIONS[name]):
        world.delete(cluster)
        world.settle()
        assert_nothing_twice(world, cluster, trace.point)
        assert_nothing_left(world, cluster, trace.point)


def is_removal(point):
    return point.startswith(("call: delete ", "call: remove the certificate"))
