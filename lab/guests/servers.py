"""What is to be done with the machine of a server, as follows from what Nova says of it and what is known here.

Nova's own driver for tests does at once what it is asked, so a reboot is over before anybody could see it. But Nova
remembers what was asked of each server. The latest request that made its disk, and the latest that switched it on, are
remembered with the machine; when Nova names others, the machine is behind.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum

import msgspec

from .cloud import Action, Server

ON = frozenset({"ACTIVE", "PASSWORD", "VERIFY_RESIZE"})
OFF = frozenset({"SHUTOFF", "SHELVED", "SHELVED_OFFLOADED"})
"""In any other state the machine is left as it is."""
MAKING = frozenset({"create", "rebuild"})
BOOTING = frozenset({"start", "reboot", "resize", "revertResize", "unshelve"})
LATELY = timedelta(seconds=15)


class Step(Enum):
    NOTHING = "is left as it is"
    MAKE = "is made and switched on"
    START = "is switched on"
    RESTART = "is restarted"
    STOP = "is shut down"


class Known(msgspec.Struct, frozen=True):
    """Which requests the machine follows from."""

    made: str
    booted: str


def wanted(actions: Iterable[Action]) -> Known:
    """Give what the machine is to follow from; the latest request comes first."""
    listed = list(actions)
    made = next((one.request_id for one in listed if one.action in MAKING), "")
    booted = next((one.request_id for one in listed if one.action in MAKING | BOOTING), "")
    return Known(made, booted)


def next_step(status: str, asked: Known, known: Known | None, *, running: bool) -> Step:
    if status in OFF:
        return Step.STOP if running else Step.NOTHING
    if status not in ON:
        return Step.NOTHING
    if known is None or known.made != asked.made:
        return Step.MAKE
    if not running:
        return Step.START
    return Step.RESTART if known.booted != asked.booted else Step.NOTHING


def changed_lately(updated: str | None, now: datetime) -> bool:
    """Say whether more may have changed since in the same second: services tell seconds, and no more."""
    if updated is None:
        return False
    when = datetime.fromisoformat(updated)
    return now - (when if when.tzinfo else when.replace(tzinfo=UTC)) < LATELY


class Watch:
    """Asks what was asked of a server only when something may have been."""

    def __init__(self, ask: Callable[[str], Iterable[Action]], clock: Callable[[], datetime]) -> None:
        self._ask = ask
        self._clock = clock
        self._seen: dict[str, tuple[str, Known]] = {}

    def wanted(self, server: Server) -> Known:
        changed, known = self._seen.get(server.id, ("", None))
        if known is None or changed_lately(server.updated, self._clock()) or changed != server.updated:
            known = wanted(self._ask(server.id))
            self._seen[server.id] = (server.updated, known)
        return known
