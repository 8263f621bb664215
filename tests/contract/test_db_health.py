"""Whose turn it is to be looked at: on every database, by any number of conductors at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from magnum.db import clusters, health, operations
from magnum.model.statuses import Status

SECOND = 1_000_000
READY = {"status": Status.CREATE_COMPLETE, "api_address": "https://192.0.2.1:6443"}


def make_clusters(database, make, count, **more):
    return [database.write(lambda tx: make.cluster(tx, **READY | more)) for _ in range(count)]


def take(database, at, *, limit=100, hold=60):
    found = database.read(lambda tx: health.find_due(tx, at, limit))
    return database.write(lambda tx: health.claim(tx, found, at=at, until=at + hold * SECOND))


def test_those_are_due_that_are_at_rest_and_have_an_address(database, make, clock):
    (ready,) = make_clusters(database, make, 1)
    for status in (Status.UPDATE_IN_PROGRESS, Status.DELETE_FAILED, Status.DELETE_IN_PROGRESS):
        make_clusters(database, make, 1, status=status)
    make_clusters(database, make, 1, api_address=None)
    assert [due.cluster_uuid for due in database.read(lambda tx: health.find_due(tx, clock.now(), 9))] == [ready]


def test_who_has_waited_longest_comes_first(database, make, clock):
    first, second, third = make_clusters(database, make, 3)
    at = clock.now()
    for uuid, due_at in ((first, at - 1), (second, at - 2), (third, at + 1)):
        database.write(lambda tx, uuid=uuid, due_at=due_at: health.seen(tx, health.Look(uuid, at, 0, 1), due_at=due_at))
    fresh = database.write(lambda tx: make.cluster(tx, state=False, **READY))
    assert [look.cluster_uuid for look in take(database, at, limit=2)] == sorted([fresh, second])
    assert [look.cluster_uuid for look in take(database, at)] == [first]
    assert take(database, at) == []


def test_each_is_claimed_once_by_many_who_try_at_once(database, make, clock):
    uuids = make_clusters(database, make, 8, state=False) + make_clusters(database, make, 8)
    at = clock.now()
    start = threading.Barrier(4)

    def run(_number):
        start.wait()
        return [look.cluster_uuid for look in take(database, at)]

    with ThreadPoolExecutor(4) as pool:
        taken = [uuid for looks in pool.map(run, range(4)) for uuid in looks]
    assert sorted(taken) == sorted(uuids)


def test_what_was_seen_is_kept_while_nothing_else_has_changed(database, make, clock):
    make_clusters(database, make, 1)
    (look,) = take(database, clock.now())

    def store(tx):
        found = health.lock(tx, look)
        if found is not None:
            health.seen(tx, look, due_at=look.at + 10 * SECOND)
        return found

    assert database.write(store).uuid == look.cluster_uuid
    assert database.write(store) is None  # it has been stored, and its next turn is another
    assert take(database, look.at + 10 * SECOND - 1) == []
    (look,) = take(database, look.at + 10 * SECOND)
    database.write(lambda tx: operations.touch(tx, look.cluster_uuid))
    assert database.write(store) is None
    (look,) = take(database, look.until)
    database.write(lambda tx: clusters.update(tx, look.cluster_uuid, status=Status.DELETE_IN_PROGRESS))
    assert database.write(store) is None
    database.write(lambda tx: clusters.delete(tx, look.cluster_uuid))
    assert database.write(store) is None
