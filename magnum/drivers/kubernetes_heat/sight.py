"""What a cluster's stacks say, asked seldom: Heat lists all of them at once, and tells more only of what has changed.

What is kept here can be read again at any time, and is used only while Heat's own list says that it is unchanged; but
for what never changes while a stack is there: its network, and the place of its load balancer.
"""

import threading
from collections import OrderedDict
from ipaddress import IPv4Address, IPv4Network
from typing import Generic, TypeVar

from magnum.drivers.base import DriverContext
from magnum.drivers.heat.seen import Seen
from magnum.drivers.heat.stacks import STACK, Stacks, told
from magnum.drivers.heat.watch import StackWatch
from magnum.drivers.kubernetes.infrastructure import Place, Site
from magnum.model.failures import Code, Retry
from magnum.openstack.clouds import Clouds
from magnum.openstack.heat import Heat, Stack

from .node_stacks import cluster_stack

MOST_REMEMBERED = 2000
V = TypeVar("V")


class Remembered(Generic[V]):
    """The latest of what was asked for; many threads may ask at once."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> V | None:
        with self._lock:
            return self._values.get(key)

    def put(self, key: str, value: V) -> None:
        with self._lock:
            self._values[key] = value
            while len(self._values) > MOST_REMEMBERED:
                self._values.popitem(last=False)


class Sight:
    def __init__(self, clouds: Clouds, stacks: Stacks, watch: StackWatch) -> None:
        self._clouds = clouds
        self._stacks = stacks
        self._watch = watch
        self._seen: Remembered[tuple[Stack, Seen]] = Remembered()
        self._sites: Remembered[Site] = Remembered()

    def seen(self, context: DriverContext, name: str) -> Seen | None:
        """Give what a stack says; not older than the watch's interval."""
        cluster = context.cluster
        with told():
            line = self._watch.look(
                str(cluster.project_id), name, lambda: Heat(self._clouds.trusted(str(cluster.trust_id)).heat())
            )
        if line is not None and (known := self._seen.get(line.id)) is not None and known[0] == line:
            return known[1]
        seen = self._stacks.see(context, name)
        if seen is not None and line is not None and line.updated is not None and seen.stack == line:
            self._seen.put(line.id, (line, seen))
        return seen

    def site(self, context: DriverContext) -> Site:
        """Say what is around the nodes of a cluster. Raises Retry until its network is there."""
        stack = next((row.provider_id for row in context.resources(STACK) if row.provider_id), None)
        known = self._sites.get(stack) if stack else None
        if known is not None:
            return known
        seen = self.seen(context, cluster_stack(context).name)
        if seen is None or seen.network is None or seen.cidr is None:
            raise Retry(Code.PROVIDER_REFUSED, "The cluster's network is not there yet, or not any more.")
        site = Site(network=IPv4Network(seen.cidr), api=_load_balancer(context, seen), default_route=True)
        if stack == seen.stack.id:
            self._sites.put(stack, site)
        return site


def _load_balancer(context: DriverContext, seen: Seen) -> Place | None:
    if not context.cluster.master_lb_enabled:
        return None
    if seen.api_private_address is None:
        raise Retry(Code.PROVIDER_REFUSED, "The cluster's load balancer is not there yet, or not any more.")
    inside = IPv4Address(seen.api_private_address)
    outside = IPv4Address(seen.api_address) if seen.api_address else inside
    return Place(inside, None if outside == inside else outside)
