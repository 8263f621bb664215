"""The loop's timing is tried with real threads and events, never with sleeps."""

import threading
import time

from magnum.conductor.loops import Loop
from magnum.db.errors import DatabaseUnreachable

PATIENCE = 10.0
FOREVER = 3600.0


class Work:
    """Work that counts its runs and lets a test wait for them."""

    def __init__(self, *pauses):
        self._pauses = list(pauses)
        self.runs = threading.Semaphore(0)

    def __call__(self):
        self.runs.release()
        pause = self._pauses.pop(0) if self._pauses else FOREVER
        if isinstance(pause, Exception):
            raise pause
        return pause

    def ran(self):
        return self.runs.acquire(timeout=PATIENCE)


def run(work):
    loop = Loop("test", work, time.monotonic)
    loop.start()
    return loop


def test_it_runs_again_when_its_work_is_due():
    work = Work(0.0, 0.01)
    loop = run(work)
    assert work.ran()
    assert work.ran()
    assert work.ran()
    assert loop.stop(PATIENCE)


def test_it_can_be_woken_now_and_at_a_moment():
    work = Work()
    loop = run(work)
    assert work.ran()
    loop.wake()
    assert work.ran()
    loop.wake_at(time.monotonic() + 0.02)
    loop.wake_at(time.monotonic() + FOREVER)
    assert work.ran()
    assert loop.stop(PATIENCE)


def test_a_later_moment_is_not_forgotten_for_an_earlier_one():
    work = Work()
    loop = run(work)
    assert work.ran()
    now = time.monotonic()
    loop.wake_at(now + 0.05)
    loop.wake_at(now + 0.01)
    assert work.ran()
    assert work.ran()
    assert loop.stop(PATIENCE)


def test_being_woken_often_does_not_make_it_run_more_often_afterwards():
    work = Work()
    loop = run(work)
    assert work.ran()
    for _ in range(100):
        loop.wake()
        assert work.ran()
    assert not work.runs.acquire(timeout=0.05)
    assert loop._alarms == []
    assert loop.stop(PATIENCE)


def test_what_its_work_raises_does_not_end_it(caplog, monkeypatch):
    monkeypatch.setattr("magnum.conductor.loops._PAUSE_AFTER_FAILURE", 0.0)
    work = Work(ValueError("nobody foresaw it"), DatabaseUnreachable("the database is away"))
    loop = run(work)
    for _ in range(3):
        assert work.ran()
    assert loop.stop(PATIENCE)
    assert "nobody foresaw it" in caplog.text
    assert "the database is away" in caplog.text


def test_one_that_never_ran_can_be_stopped():
    assert Loop("test", Work(), time.monotonic).stop(PATIENCE)


def test_stopping_waits_for_the_work_no_longer_than_it_may():
    begun, end = threading.Event(), threading.Event()

    def work():
        begun.set()
        end.wait(PATIENCE)
        return FOREVER

    loop = run(work)
    assert begun.wait(PATIENCE)
    assert not loop.stop(0.01)
    end.set()
    assert loop.stop(PATIENCE)
