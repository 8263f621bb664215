"""The swarm itself: formed, joined, drained and left through the engines' own APIs.

The conductor does all of it with Magnum's client certificate; join tokens pass through it and rest nowhere, and no node
ever holds anything that a manager's API accepts.
"""

from collections.abc import Callable, Sequence

import msgspec

from magnum.certificates.limits import swarm_node_limits
from magnum.coe.swarm import SwarmClient, SwarmError, SwarmUnreachable
from magnum.coe.swarm_values import SwarmNode
from magnum.drivers.base import ClientTls, DriverContext, LookContext, Observation
from magnum.drivers.cluster_failures import told
from magnum.model.events import EventLevel
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.health import Health, judge_nodes, silent
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.outcomes import Done, Outcome, Wait
from magnum.model.signing import NodeLimits

PORT = 2376
CALL_TIMEOUT = 8.0
READY = "ready"
DRAIN_LIMIT = 60
"""Seconds that a drain may take before the node goes with what still runs on it."""

Connect = Callable[[str, ClientTls], SwarmClient]


def certificate_limits(context: DriverContext, node: Node) -> NodeLimits:
    """A node proves itself to clients that come to it, and to nobody else."""
    del context
    return swarm_node_limits(node.name, str(node.address), manager=node.role == MASTER)


class Swarm:
    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    def init(self, context: DriverContext) -> Outcome:
        """Make a swarm of the first manager, unless some manager is in one already."""
        managers = _managers(context)
        with told("forming the swarm"):
            if self._leader(context, all_must_answer=True) is None:
                first = managers[0]
                with context.provider_call(f"form a swarm on {first.name}", timeout=CALL_TIMEOUT):
                    self._client(context, first).init(str(first.address))
        return Done()

    def join(self, context: DriverContext) -> Outcome:
        """Bring every other node in: managers first, because they make the quorum."""
        with told("joining the swarm"):
            leader = self._expect_leader(context)
            newcomers = [node for node in _staying(context) if not self._client(context, node).info().active]
            if not newcomers:
                return Done()
            tokens = self._client(context, leader).join_tokens()
            for node in sorted(newcomers, key=lambda node: node.role != MASTER):
                token = tokens.manager if node.role == MASTER else tokens.worker
                with context.provider_call(f"join {node.name} to the swarm", timeout=CALL_TIMEOUT):
                    self._client(context, node).join(str(leader.address), token, str(node.address))
        return Done()

    def ready(self, context: DriverContext) -> Outcome:
        """Wait until the managers see every node Ready; then the cluster has an address and a version."""
        with told("looking at the swarm"):
            leader = self._expect_leader(context)
            client = self._client(context, leader)
            members = {member.hostname: member for member in client.nodes() if member.state == READY}
            missing = [node.name for node in _staying(context) if node.name not in members]
            if missing:
                return Wait(0.2, f"not Ready in the swarm yet: {', '.join(missing)}")
            version = client.version()
        for node in _staying(context):
            if node.state is not NodeState.JOINED:
                member_id = members[node.name].id
                context.save_node(msgspec.structs.replace(node, state=NodeState.JOINED, member_id=member_id))
        context.update_cluster(
            api_address=f"tcp://{leader.address}:{PORT}", coe_version=version, container_version=version
        )
        return Done()

    def drain(self, context: DriverContext) -> Outcome:
        """Move the work off the nodes that are to go, and wait for it, but not for ever."""
        leaving = self._members(context, NodeState.REMOVING)
        if not leaving:
            return Done()
        with told("draining"):
            client = self._client(context, self._expect_leader(context))
            for member in leaving:
                if member.availability != "drain":
                    with context.provider_call(f"drain {member.hostname}", timeout=CALL_TIMEOUT):
                        client.drain(member.id)
            working = client.busy_nodes()
        # The tasks of a node that is down stay "running" in the managers' books.
        busy = [member.hostname for member in leaving if member.id in working and member.state == READY]
        if not busy:
            return Done()
        if context.operation.seconds_in_step(context.clock.now()) > DRAIN_LIMIT:
            text = f"{', '.join(busy)} still had work {DRAIN_LIMIT} s after the drain began; removed all the same."
            context.event(text, level=EventLevel.WARNING)
            return Done()
        return Wait(0.5, f"work is moving off {', '.join(busy)}")

    def leave(self, context: DriverContext) -> Outcome:
        """Take the nodes that are to go out of the swarm's list, so that none stays there as Down."""
        nodes = {node.name: node for node in context.changing if node.state is NodeState.REMOVING}
        with told("leaving the swarm"):
            leader = self._client(context, self._expect_leader(context))
            for member in self._members(context, NodeState.REMOVING):
                with context.provider_call(f"take {member.hostname} out of the swarm", timeout=CALL_TIMEOUT):
                    if member.state == READY:
                        self._client(context, nodes[member.hostname]).leave(force=True)
                    leader.remove(member.id, force=True)
        return Done()

    def removal_order(self, context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        """Give idle nodes first, then busy ones; the youngest first among equals."""
        with told("looking for idle nodes"):
            client = self._client(context, self._expect_leader(context))
            busy = client.busy_nodes()
        return sorted(nodes, key=lambda node: (node.member_id in busy, -node.number))

    def observe(self, context: DriverContext) -> Observation:
        with told("looking at the swarm"):
            leader = self._leader(context)
            if leader is None:
                return Observation(nodes_seen=0, reason="No manager of the swarm answers.")
            client = self._client(context, leader)
            version = client.version()
            return Observation(
                nodes_seen=sum(member.state == READY for member in client.nodes()),
                api_address=f"tcp://{leader.address}:{PORT}",
                coe_version=version,
                container_version=version,
            )

    def health(self, context: LookContext) -> Health:
        """Ask the first manager that speaks for the swarm."""
        try:
            leader = self._leader(context)
            if leader is None:
                return silent("No manager of the swarm answers.")
            client = self._client(context, leader)
            members, version = client.nodes(), client.version()
        except SwarmError as error:
            return silent(str(error))
        ready = {node.name: False for node in context.nodes if node.state is NodeState.JOINED}
        ready |= {member.hostname: member.state == READY for member in members}
        return msgspec.structs.replace(judge_nodes(ready), coe_version=version, container_version=version)

    def _client(self, context: LookContext, node: Node) -> SwarmClient:
        return self._connect(f"{node.address}:{PORT}", context.client_tls())

    def _leader(self, context: LookContext, *, all_must_answer: bool = False) -> Node | None:
        """Give a manager that is in a swarm and can speak for it.

        Whoever would form a swarm has to hear from all: one that is silent may be in one.
        """
        for node in _addressed_managers(context):
            try:
                info = self._client(context, node).info()
            except SwarmUnreachable:
                if all_must_answer:
                    raise
                continue
            if info.active and info.is_manager:
                return node
        return None

    def _expect_leader(self, context: DriverContext) -> Node:
        leader = self._leader(context)
        if leader is None:
            raise Retry(Code.COE_REFUSED, "No manager of the swarm is a member of it.")
        return leader

    def _members(self, context: DriverContext, state: NodeState) -> list[SwarmNode]:
        names = {node.name for node in context.changing if node.state is state}
        if not names:
            return []
        with told("looking at the swarm"):
            client = self._client(context, self._expect_leader(context))
            return [member for member in client.nodes() if member.hostname in names]


def _managers(context: DriverContext) -> list[Node]:
    managers = _addressed_managers(context)
    if not managers:
        raise Fatal(Code.COE_REFUSED, "The cluster has no manager, so there is no swarm to speak to.")
    return managers


def _addressed_managers(context: LookContext) -> list[Node]:
    managers = [node for node in context.nodes if node.role == MASTER and node.address is not None]
    return sorted(managers, key=lambda node: node.number)


def _staying(context: DriverContext) -> list[Node]:
    return [node for node in context.changing if node.state is not NodeState.REMOVING]
