import threading

import pytest

from lab.tasks import Task, do_all


def test_each_is_done_after_what_it_needs_and_told_if_there_was_anything_to_do():
    done, said = [], []

    def act(name, *, acted=True):
        return lambda: done.append(name) or acted

    tasks = [
        Task("house", ("walls", "roof"), act("house")),
        Task("roof", ("walls",), act("roof")),
        Task("walls", (), act("walls", acted=False)),
    ]
    assert do_all(tasks, at_once=4, say=said.append)
    assert done == ["walls", "roof", "house"]
    assert [text.partition(" ")[0] for text in said] == ["roof", "house"]


def test_nothing_to_do_is_nothing_changed():
    assert not do_all([Task("one", (), lambda: False)], at_once=1, say=pytest.fail)


def test_what_does_not_need_each_other_is_done_together():
    meeting = threading.Barrier(2, timeout=30)
    tasks = [Task(name, (), lambda: meeting.wait() >= 0) for name in ("one", "two")]
    assert do_all(tasks, at_once=2, say=lambda _: None)


def test_after_a_failure_nothing_more_is_begun():
    def fail():
        raise RuntimeError("no")

    tasks = [Task("one", (), fail), Task("two", ("one",), lambda: pytest.fail("begun"))]
    with pytest.raises(RuntimeError, match="no"):
        do_all(tasks, at_once=2, say=lambda _: None)
