"""Locks between processes: `flock` on a file, so that the kernel lets go of it when its holder dies.

A lock file may be removed by its holder when the thing that it guards is gone; whoever waited meanwhile notices that
the file it locked is no longer the one on the path, and starts again. A program that was handed the descriptor holds
the lock until it ends too.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from magnum.drivers.local.errors import LockTimeoutError

POLL_SECONDS = 0.05


@contextmanager
def exclusive(path: Path, *, timeout: float, waiting: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold the lock and yield its descriptor; `waiting` is called once when somebody else has it."""
    deadline = time.monotonic() + timeout
    descriptor = _try(path)
    if descriptor is None and waiting is not None:
        waiting()
    while descriptor is None:
        if time.monotonic() >= deadline:
            raise LockTimeoutError(f"{path} is held by another process for more than {timeout:g} seconds")
        time.sleep(POLL_SECONDS)
        descriptor = _try(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try(path: Path) -> int | None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # the folder went away since: its last holder deleted what it guards
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
