"""Tasks that need each other, each done as soon as what it needs is done, some at a time.

A task looks first whether there is anything to do, so that all of them may be done again at any time.
"""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import NamedTuple


class Task(NamedTuple):
    name: str
    needs: tuple[str, ...]
    act: Callable[[], bool]
    """Say whether there was anything to do."""


def do_all(tasks: Iterable[Task], *, at_once: int, say: Callable[[str], None]) -> bool:
    """Do all tasks and say whether there was anything to do; what fails ends it when the others have had their turn."""
    by_name = {task.name: task for task in tasks}
    order = TopologicalSorter({task.name: task.needs for task in by_name.values()})
    order.prepare()
    changed = False
    running: dict[Future[tuple[bool, float]], str] = {}
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        while order.is_active():
            running |= {pool.submit(_timed, by_name[name]): name for name in order.get_ready()}
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                if future.exception():
                    pool.shutdown(cancel_futures=True)
                acted, seconds = future.result()
                if acted:
                    say(f"{name} ({seconds:.1f} s)")
                changed |= acted
                order.done(name)
    return changed


def _timed(task: Task) -> tuple[bool, float]:
    began = time.monotonic()
    return task.act(), time.monotonic() - began
