"""Moving the work off a node before it goes or is made anew, as its budgets allow, but not for ever.

A PodDisruptionBudget is asked each time, by the eviction itself. What has not ended within the limit is told and goes
with its node; what a budget protects for so long stops the operation.
"""

from collections.abc import Sequence

import msgspec

from magnum.coe.drains import plan_drain
from magnum.coe.kubernetes import KubernetesClient
from magnum.coe.kubernetes_values import ClusterVersion, EvictionResult, KubernetesNode
from magnum.drivers.base import DriverContext
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Fatal

DRAIN_LIMIT = 120
"""Seconds that a drain may take unless the operator says otherwise."""


class Emptying(msgspec.Struct, frozen=True):
    """What a node still has: whether it has work, and what of it may not go now."""

    busy: bool
    blocked: tuple[str, ...] = ()


def empty(
    context: DriverContext, client: KubernetesClient, member: KubernetesNode, version: ClusterVersion, timeout: float
) -> Emptying:
    """Ask the work of a node that takes none any more to go."""
    if not member.ready:
        return Emptying(busy=False)  # whatever was there has ended with it, or nobody can tell it to
    plan = plan_drain(client.pods(member.name))
    blocked = []
    for pod in plan.evict:
        with context.provider_call(f"move {pod.namespace}/{pod.name}", timeout=timeout):
            eviction = client.evict(pod, version)
        if eviction.result is EvictionResult.BLOCKED:
            blocked.append(f"{pod.namespace}/{pod.name} on {member.name} ({eviction.reason})")
    return Emptying(not plan.done, tuple(blocked))


def why_waiting(
    context: DriverContext, busy: Sequence[str], blocked: Sequence[str], seconds: float, *, limit: int, then: str
) -> str | None:
    """Say what nodes are waited for; None when the time for it is over. `then` is what becomes of them all the same."""
    names = ", ".join(busy)
    protected = f"; not allowed to go: {', '.join(blocked)}" if blocked else ""
    if seconds <= limit:
        return f"work is moving off {names}{protected}"
    if blocked:
        raise Fatal(
            Code.COE_REFUSED,
            f"The drain of {names} was not allowed within {limit} s{protected}. "
            "Change the budget or give the work more replicas, then retry.",
        )
    text = f"{names} still had work {limit} s after the drain began; {then} all the same."
    context.event(text, level=EventLevel.WARNING)
    return None
