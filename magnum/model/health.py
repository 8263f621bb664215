"""The health of a cluster: what one look at it has found, and how long that may be believed.

What a driver finds is stored as it is. Whoever shows it asks `believe` first: what nobody has looked at for three
intervals is UNKNOWN, whatever it was. Health that somebody else has reported has no time of observation and stands
until it is reported, or looked at, anew.
"""

import json
from collections.abc import Mapping

import msgspec

from .clocks import MICROSECONDS, Instant, to_datetime
from .label_kinds import Flag
from .statuses import FAILED, STEADY, HealthStatus, Status

API = "api"
OK = "ok"
READY = ".Ready"
BELIEVED_INTERVALS = 3
LOOKED_AT = (STEADY | FAILED) - {Status.DELETE_FAILED}
"""Clusters in these statuses are looked at, once they have an address: nothing is being done to them."""

_LONGEST = 2000
_ROOM = 48_000
"""Characters of a reason, as it is stored: the column takes 64 kB."""


class Health(msgspec.Struct, frozen=True):
    """One look: `reason` is what clients know, `<node>.Ready` with True or False, and `api` with ok or why not.

    The versions are the cluster's own; None where it did not say.
    """

    status: HealthStatus
    reason: dict[str, str]
    coe_version: str | None = None
    container_version: str | None = None

    @property
    def troubles(self) -> dict[str, str]:
        """Give what is not as it should be."""
        return {name: text for name, text in self.reason.items() if text != _fine(name)}


def judge_nodes(ready: Mapping[str, bool], api: str = OK) -> Health:
    """Judge by the nodes and by what the API says of itself: all have to be well."""
    healthy = api == OK and all(ready.values())
    reason = {f"{name}{READY}": str(is_ready) for name, is_ready in ready.items()} | {API: api}
    return Health(HealthStatus.HEALTHY if healthy else HealthStatus.UNHEALTHY, reason)


def silent(text: str) -> Health:
    """Judge a cluster that should answer and did not, or refused: `text` says how."""
    return Health(HealthStatus.UNHEALTHY, {API: text})


def out_of_reach(cluster_name: str) -> Health:
    """Judge a cluster whose API cannot be reached from here by design; clients know this sentence."""
    return Health(HealthStatus.UNKNOWN, {API: f"The cluster {cluster_name} is not accessible."})


def bounded(health: Health) -> dict[str, str]:
    """Give as much of the reason as can be stored; of a cluster of thousands of nodes the troubles come first."""
    kept, room, troubles = {}, _ROOM, health.troubles
    for name, full in sorted(health.reason.items(), key=lambda item: item[0] not in troubles):
        text = full[:_LONGEST]
        room -= len(json.dumps({name: text}))
        if room < 0:
            break
        kept[name] = text
    return dict(sorted(kept.items()))


def believe(
    status: str | None, reason: Mapping[str, str], observed_at: Instant | None, *, now: Instant, interval: float
) -> tuple[str | None, Mapping[str, str]]:
    """Give the health as it may be shown now."""
    if status is None or observed_at is None:
        return status, reason
    if now - observed_at <= BELIEVED_INTERVALS * interval * MICROSECONDS:
        return status, reason
    since = to_datetime(observed_at).isoformat(timespec="seconds")
    return HealthStatus.UNKNOWN.value, {API: f"The cluster has not been looked at since {since}; it was {status} then."}


def is_reported_by_itself(labels: Mapping[str, str]) -> bool:
    """Whether something in the cluster reports its health, so that nobody else is to."""
    return labels.get("auto_healing_controller") == "magnum-auto-healer" and _is_healed(labels)


def is_healed_by_us(labels: Mapping[str, str]) -> bool:
    """Whether its owner wants nodes that have died to be replaced, and nobody in the cluster sees to it."""
    return _is_healed(labels) and not is_reported_by_itself(labels)


def _is_healed(labels: Mapping[str, str]) -> bool:
    try:
        return Flag().read(labels.get("auto_healing_enabled", ""))
    except ValueError:  # stored by another release, which took any text
        return False


def _fine(name: str) -> str:
    return str(True) if name.endswith(READY) else OK
