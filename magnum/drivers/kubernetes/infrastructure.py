"""What the driver of Kubernetes asks of what its nodes run on: machines of this host, or servers of a cloud.

A node gets a place first, which is its addresses, and a server in that place later, so that all addresses are known
before the first server is told of the others. A server can be made anew in its place; what outlives it is attached to
the place. Where making anything takes its time, a call starts it and answers `Wait` until it is there: it is a step, or
part of one, and runs again. A call that finds its goal reached changes nothing.

What a server is made with is remembered beside it: its `edition` differs when it is to be made from something else,
its `instance` each time it is made anew. That is how a roll knows how far it is.
"""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Protocol

import msgspec

from magnum.drivers.base import DriverContext, Step
from magnum.model.failures import Failure
from magnum.model.ledger import CloudResource
from magnum.model.nodes import Node
from magnum.model.outcomes import Outcome


class Place(msgspec.Struct, frozen=True):
    """Where something is reached by nodes, and by anybody else if not there too."""

    inside: IPv4Address
    outside: IPv4Address | None = None


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What the nodes of a cluster find around them. Without `api`, the place of its load balancer, a master is asked.

    `watches_images` and `default_route` are explained in `KubernetesCluster`.
    """

    network: IPv4Network
    api: Place | None = None
    watches_images: bool = False
    default_route: bool = False


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What is there of a node. The edition begins with the version of Kubernetes."""

    running: bool
    edition: str = ""
    instance: str = ""


class Infrastructure(Protocol):
    def prepare(self, context: DriverContext) -> Outcome:
        """See, before anything is made, that all is there that servers are made with."""
        ...

    def network(self, context: DriverContext) -> Outcome: ...

    def places(self, context: DriverContext) -> Outcome:
        """Give every planned node its addresses."""
        ...

    def start(self, context: DriverContext, only: Callable[[Node], bool]) -> Outcome:
        """Start servers for the planned nodes, of those that are meant, that have none. Nobody waits for their boot."""
        ...

    def reports(self, context: DriverContext) -> Outcome:
        """Wait until every node has said how its set-up went; the first that failed fails the operation."""
        ...

    def balance(self, context: DriverContext, masters: Sequence[Node]) -> Outcome:
        """Have the load balancer, if there is to be one, pass connections on to these masters."""
        ...

    def edition(self, context: DriverContext, node: Node) -> str:
        """Say what the server of a node is to be made from."""
        ...

    def servers(self, context: DriverContext) -> Mapping[str, Server]:
        """Say what is there, by the names of nodes."""
        ...

    def rebuilt_as(self, context: DriverContext, node: Node) -> str:
        """Give the instance that an operation makes of a node when it makes it anew, once."""
        ...

    def rebuild(self, context: DriverContext, node: Node) -> Outcome:
        """Make the server of a node anew in its place; the node is PLANNED from then on, and reports like a new one."""
        ...

    def revived(self, context: DriverContext, node: Node) -> Failure:
        """Try to bring back a server that does not run, and give what is to be raised."""
        ...

    def cut_off(self, context: DriverContext) -> Outcome:
        """Take down the servers of nodes that are to go; the nodes themselves stay known."""
        ...

    def remove(self, context: DriverContext) -> Outcome:
        """Remove nodes that are to go, with their servers and places, and forget them."""
        ...

    def delete_steps(self) -> Sequence[Step]: ...

    def linger(self, context: DriverContext) -> Sequence[CloudResource]: ...

    def resume(self) -> None: ...
