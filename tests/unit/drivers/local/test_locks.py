import subprocess
import threading

import pytest

from magnum.drivers.local import locks
from magnum.drivers.local.errors import LockTimeoutError


def test_only_one_holds_it_at_a_time(tmp_path):
    path, inside, seen = tmp_path / "new/lock", [], []

    def work():
        with locks.exclusive(path, timeout=10):
            inside.append(1)
            seen.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 8


def test_whoever_waits_too_long_is_told_which_lock(tmp_path):
    told = []
    with (
        locks.exclusive(tmp_path / "lock", timeout=1),
        pytest.raises(LockTimeoutError, match=str(tmp_path / "lock")),
        locks.exclusive(tmp_path / "lock", timeout=0, waiting=lambda: told.append("waiting")),
    ):
        pass
    assert told == ["waiting"]


def test_a_lock_whose_file_was_removed_is_not_the_lock_any_more(tmp_path):
    """The holder deletes what it guards, the lock with it; the one that waited must not believe the old file."""
    path, order = tmp_path / "lock", []
    waiting, taken = threading.Event(), threading.Event()

    def second():
        with locks.exclusive(path, timeout=10, waiting=waiting.set):
            order.append("second")
            taken.set()
            assert path.exists()

    with locks.exclusive(path, timeout=1):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        path.unlink()
        with locks.exclusive(path, timeout=1):
            order.append("newcomer")
            assert not taken.is_set()
    thread.join()
    assert order == ["newcomer", "second"]


def test_a_program_that_got_the_descriptor_holds_the_lock_until_it_ends(tmp_path):
    path = tmp_path / "lock"
    with locks.exclusive(path, timeout=1) as descriptor:
        heir = subprocess.Popen(["sleep", "60"], stdin=descriptor)
    with heir:
        with pytest.raises(LockTimeoutError), locks.exclusive(path, timeout=0):
            pass
        heir.kill()
    with locks.exclusive(path, timeout=5):
        assert path.stat().st_mode & 0o077 == 0
