"""Who waits for a cluster is woken in time, whatever happens to the one who looks."""

import threading
import time

import pytest

from magnum.api.waiting import Waiters

QUICK = 0.005
LONG = 30.0


@pytest.fixture
def ending():
    return threading.Event()


def started(waiters, *clusters, seconds=LONG):
    threads = []
    for cluster in clusters:
        thread = threading.Thread(target=waiters.wait, args=(cluster,), kwargs={"project": cluster, "seconds": seconds})
        thread.start()
        threads.append(thread)
    return threads


def join(threads):
    for thread in threads:
        thread.join(LONG / 2)
        assert not thread.is_alive()


def test_each_is_woken_for_its_own_cluster(ending):
    busy, asked = {"a", "b"}, []
    both_seen = threading.Event()

    def find_busy(clusters):
        asked.append(set(clusters))
        if clusters == {"a", "b"}:
            both_seen.set()
        return busy & set(clusters)

    waiters = Waiters(find_busy, most=9, ending=ending, interval=QUICK)
    first, second = started(waiters, "a", "b")
    assert both_seen.wait(LONG)
    busy.discard("a")
    join([first])
    assert second.is_alive()
    busy.discard("b")
    join([second])
    assert {"b"} in asked


def test_nobody_looks_when_nobody_waits(ending):
    waiters = Waiters(lambda _: (), most=1, ending=ending, interval=QUICK)
    for _ in range(3):
        assert waiters.wait("a", project="p", seconds=LONG)
    for thread in threading.enumerate():
        if thread.name == "waiters":
            thread.join(LONG)
    assert "waiters" not in [thread.name for thread in threading.enumerate()]


def test_the_time_ends_for_one_and_room_is_free_again(ending):
    waiters = Waiters(lambda clusters: clusters, most=1, ending=ending, interval=QUICK)
    for _ in range(3):
        assert waiters.wait("a", project="p", seconds=0.02)


def test_a_failure_to_look_lets_everybody_go(ending, caplog):
    def find_busy(_):
        raise OSError("no database")

    waiters = Waiters(find_busy, most=9, ending=ending, interval=QUICK)
    began = time.monotonic()
    join(started(waiters, "a", "b"))
    assert time.monotonic() - began < LONG / 2
    assert "Nobody can wait" in caplog.text


def test_nobody_begins_to_wait_when_the_process_ends(ending):
    waiters = Waiters(lambda clusters: clusters, most=9, ending=ending, interval=LONG)
    held = started(waiters, "a")
    ending.set()
    join(held)
    assert not waiters.wait("a", project="p", seconds=LONG)
