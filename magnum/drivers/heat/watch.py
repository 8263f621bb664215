"""How all stacks are that anybody in this process waits for: one list for a project, or for all, in an interval.

Every waiting step asks here, and the first to ask after the interval has passed makes the call for all. Who changes a
stack says so, so that nobody is told what was listed before. Many threads may ask at once.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from magnum.conf.settings import Settings
from magnum.openstack.errors import CloudError, NotAllowed
from magnum.openstack.heat import Heat, Stack

from .desired import TAG

if TYPE_CHECKING:
    from magnum.openstack.clouds import Clouds


class _Scope:
    """What was last listed, and when; or how it failed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.listed_at: float | None = None
        self.stacks: dict[tuple[str | None, str], Stack] = {}
        self.failure: CloudError | None = None


class StackWatch:
    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        interval: float = 2.0,
        everywhere: Callable[[], Heat] | None = None,
    ) -> None:
        """`everywhere` gives a Heat that may list the stacks of all projects; one list then serves them all."""
        self.interval = interval
        self._monotonic = monotonic
        self._everywhere = everywhere
        self._guard = threading.Lock()
        self._scopes: dict[str | None, _Scope] = {}

    def look(self, project: str, name: str, heat: Callable[[], Heat]) -> Stack | None:
        """Find a stack by its name; `heat` is asked if it is this project's turn. Raises CloudError."""
        scope = self._scope(None if self._everywhere else project)
        with scope.lock:
            now = self._monotonic()
            if scope.listed_at is None or now - scope.listed_at >= self.interval:
                scope.listed_at = now
                self._list(scope, heat)
            if scope.failure is not None:
                raise scope.failure
            return scope.stacks.get((project if self._everywhere else None, name))

    def changed(self, project: str, stack: Stack) -> None:
        """Take note of a stack that has just been told to change, and is as this says until it is listed again."""
        scope = self._scope(None if self._everywhere else project)
        with scope.lock:
            scope.stacks[project if self._everywhere else None, stack.name] = stack

    def _list(self, scope: _Scope, heat: Callable[[], Heat]) -> None:
        """A failure is everybody's too, so a Heat that is down is not asked by each of those who wait for it.

        But whoever is not let in, as the trust of his cluster has ended, is so alone.
        """
        try:
            found = (self._everywhere or heat)().list(tag=TAG, everywhere=self._everywhere is not None)
        except NotAllowed:
            scope.listed_at = None
            raise
        except CloudError as error:
            scope.failure = error
        else:
            scope.failure = None
            everywhere = self._everywhere is not None
            scope.stacks = {(stack.project if everywhere else None, stack.name): stack for stack in found}

    def _scope(self, project: str | None) -> _Scope:
        with self._guard:
            return self._scopes.setdefault(project, _Scope())


def open_watch(settings: Settings, clouds: "Clouds") -> StackWatch:
    """Make the one that all steps of this process share."""

    def everywhere() -> Heat:
        return Heat(clouds.own().heat())

    return StackWatch(
        monotonic=time.monotonic, everywhere=everywhere if settings.default.periodic_global_stack_list else None
    )
