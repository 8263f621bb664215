"""The roll of a cluster: its machines are made anew one after the other, masters first, while its work goes on.

How far it is follows from what is there, so a roll that was interrupted anywhere, or has failed, goes on where it was:

* what a machine was made from (its edition) is remembered with it. A node is done when that is what it is to be made
  from, and it is a member;
* a node whose turn it is says so in an annotation: who had it cordoned, since when it is being emptied, and which boot
  of its machine is to end;
* a machine is made anew once in an operation. One that an earlier operation left half-built is made anew once more.

Masters go one at a time, and only while every other one is well: its API server is ready only with an etcd that has a
majority. A node's work is moved off first, as its budgets allow; the node's own object stays in the cluster.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from magnum.coe.kubernetes import KubernetesClient
from magnum.coe.kubernetes_calls import KubernetesError
from magnum.coe.kubernetes_values import KubernetesNode
from magnum.drivers.base import DriverContext
from magnum.drivers.cluster_failures import told
from magnum.drivers.node_groups import staying
from magnum.model.clocks import MICROSECONDS, Instant
from magnum.model.failures import Code, Fatal
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import UpgradeNodeGroup
from magnum.model.outcomes import Done, Outcome, Wait
from magnum.nodes.kubernetes.versions import Version

from .draining import empty, why_waiting
from .infrastructure import Infrastructure, Server
from .kubernetes import CALL_TIMEOUT, Kubernetes, why_not_ready

TURN = "magnum.openstack.org/turn"
ROLL_LIMIT = 120.0
_PAUSE = 0.5


class Turn(msgspec.Struct, frozen=True):
    """What stands on a node while it is its turn. `closed`: its owner had cordoned it, and so it stays.

    `boot` is the one that is to end: a kubelet of another one is the new kubelet.
    """

    operation: str
    since: Instant
    closed: bool
    boot: str = ""


class Roll:
    def __init__(
        self,
        infrastructure: Infrastructure,
        kubernetes: Kubernetes,
        version: Callable[[DriverContext, Node], Version],
    ) -> None:
        self._infrastructure = infrastructure
        self._kubernetes = kubernetes
        self._version = version

    def check(self, context: DriverContext) -> Outcome:
        """See that no master skips a version: where an upgrade has failed it may be older than its row says."""
        servers = self._infrastructure.servers(context)
        for node in staying(context):
            server = servers.get(node.name)
            if node.role != MASTER or server is None or not server.edition:
                continue
            present, wanted = Version.parse(server.edition.split()[0]), self._version(context, node)
            if wanted.minor > present.minor + 1:
                raise Fatal(
                    Code.PROVIDER_REFUSED,
                    f"{node.name} is of {present.tag} still, and masters cannot skip a minor version on the way to "
                    f"{wanted.tag}. Upgrade to v1.{present.minor + 1} first.",
                )
        return Done()

    def masters(self, context: DriverContext) -> Outcome:
        return self._roll(context, [node for node in staying(context) if node.role == MASTER], at_once=1)

    def workers(self, context: DriverContext) -> Outcome:
        arguments = context.operation.arguments
        asked = arguments.max_batch_size if isinstance(arguments, UpgradeNodeGroup) else None
        return self._roll(context, [node for node in staying(context) if node.role != MASTER], at_once=asked or 1)

    def _roll(self, context: DriverContext, nodes: Sequence[Node], *, at_once: int) -> Outcome:
        """Bring as many nodes at once as may be a bit further; those come first that have had a turn already."""
        servers = self._infrastructure.servers(context)
        members = self._members(context, nodes, servers)
        known = [
            _Node(
                infrastructure=self._infrastructure,
                kubernetes=self._kubernetes,
                context=context,
                node=node,
                version=self._version(context, node),
                server=servers.get(node.name),
                member=members.get(node.name),
            )
            for node in nodes
        ]
        left = sorted((node for node in known if not node.is_done), key=lambda node: not node.has_begun)
        if not left:
            return Done()
        reasons = [node.advance() for node in left[:at_once]]
        return Wait(_PAUSE, f"{self._count(context)}: {'; '.join(reasons)}")

    def _members(
        self, context: DriverContext, nodes: Sequence[Node], servers: Mapping[str, Server]
    ) -> dict[str, KubernetesNode]:
        """Ask the cluster for its nodes; where its masters are being made anew there may be nobody to ask."""
        try:
            return {member.name: member for member in self._kubernetes.client(context).nodes()}
        except KubernetesError:
            if any(node.role == MASTER and not _works(node, servers) for node in nodes):
                return {}
            with told("looking at the nodes"):
                raise

    def _count(self, context: DriverContext) -> str:
        servers, nodes = self._infrastructure.servers(context), staying(context)
        made = sum(
            node.state is NodeState.JOINED
            and self._infrastructure.edition(context, node) == _edition(servers.get(node.name))
            for node in nodes
        )
        versions = ", ".join(sorted({self._version(context, node).tag for node in nodes}))
        return f"{made} of {len(nodes)} nodes are of {versions}"


@dataclass(frozen=True, kw_only=True)
class _Node:
    """One node, as it is at the start of a step; `member` is None where the cluster does not know or tell it."""

    infrastructure: Infrastructure
    kubernetes: Kubernetes
    context: DriverContext
    node: Node
    version: Version
    server: Server | None
    member: KubernetesNode | None

    @property
    def is_done(self) -> bool:
        return self.node.state is NodeState.JOINED and self._is_of_edition and not self._has_turn

    @property
    def has_begun(self) -> bool:
        return self.node.state is not NodeState.JOINED or self._has_turn

    @property
    def _has_turn(self) -> bool:
        return self.member is not None and TURN in self.member.annotations

    @property
    def _is_of_edition(self) -> bool:
        return _edition(self.server) == self.infrastructure.edition(self.context, self.node)

    def advance(self) -> str:
        """Do what is next, and say what is waited for then."""
        if not self._is_made():
            return self._empty() or self._rebuild()
        if self.node.state is NodeState.FAILED:
            raise Fatal(
                Code.NODE_STEP, f"{self.node.name}: step {self.node.failed_step} failed: {self.node.report or ''}"
            )
        assert self.server is not None
        if not self.server.running:
            raise self.infrastructure.revived(self.context, self.node)
        if self.node.state is NodeState.PLANNED:
            return f"waiting for the report of {self.node.name}"
        return self._why_not_ready() or self._join()

    def _is_made(self) -> bool:
        """Whether its disk is what it is to be: one that an earlier operation has made counts if it became a member."""
        if self.server is None or not self._is_of_edition:
            return False
        mine = self.server.instance == self.infrastructure.rebuilt_as(self.context, self.node)
        return mine or self.node.state is NodeState.JOINED

    def _empty(self) -> str | None:
        """Say what keeps the machine from being taken down; None when nothing does."""
        if self.node.state is not NodeState.JOINED or self.server is None or not self.server.running:
            return None  # it was left half-built, or has stopped: it does no work
        if self.node.role == MASTER and (reason := self._why_not_without_it()):
            return reason
        if self.member is None:
            return None
        with told(f"draining {self.node.name}"):
            client = self.kubernetes.client(self.context)
            turn = self._take_turn(client, self.member)
            emptying = empty(self.context, client, self.member, client.version(), CALL_TIMEOUT)
        if not emptying.busy:
            return None
        seconds = (self.context.clock.now() - turn.since) / MICROSECONDS
        limit = self.kubernetes.drain_limit
        return why_waiting(self.context, [self.node.name], emptying.blocked, seconds, limit=limit, then="rebuilt")

    def _why_not_without_it(self) -> str | None:
        """Say which other master is not well."""
        for other in self.context.nodes:
            if other.role != MASTER or other.uuid == self.node.uuid or other.state is NodeState.REMOVING:
                continue
            if other.state is not NodeState.JOINED:
                return f"{self.node.name} has to wait for {other.name}, which is {other.state}"
            with told(f"looking at {other.name}"):
                readiness = self.kubernetes.client_of(self.context, other).readiness()
            if not readiness.ready:
                return f"{self.node.name} has to wait for {other.name}, which is not ready: {readiness.failed}"
        return None

    def _take_turn(self, client: KubernetesClient, member: KubernetesNode) -> Turn:
        """Cordon it. An operation that tries again gives its work the whole time once more."""
        before = _turn_of(member)
        if before is not None and before.operation == self.context.operation.uuid and member.unschedulable:
            return before
        closed = member.unschedulable if before is None else before.closed
        turn = Turn(self.context.operation.uuid, self.context.clock.now(), closed, member.boot_id)
        with self.context.provider_call(f"cordon {member.name}", timeout=2 * CALL_TIMEOUT):
            client.annotate(member.name, {TURN: msgspec.json.encode(turn).decode()})
            client.cordon(member.name)
        return turn

    def _rebuild(self) -> str:
        if self.member is not None:
            self._note_boot(self.member)
        outcome = self.infrastructure.rebuild(self.context, self.node)
        if isinstance(outcome, Wait):
            return outcome.reason
        self.context.event(f"{self.node.name} is rebuilt, as {self.version.tag}.")
        return f"rebuilding {self.node.name}"

    def _note_boot(self, member: KubernetesNode) -> None:
        """Write down which kubelet goes: nobody may take it for the one that comes."""
        turn = _turn_of(member) or Turn(self.context.operation.uuid, self.context.clock.now(), member.unschedulable)
        if turn.boot == member.boot_id:
            return
        turn = msgspec.structs.replace(turn, boot=member.boot_id)
        with told(f"preparing {member.name}"):
            client = self.kubernetes.client(self.context)
            with self.context.provider_call(f"mark {member.name} as rebuilt", timeout=CALL_TIMEOUT):
                client.annotate(member.name, {TURN: msgspec.json.encode(turn).decode()})

    def _why_not_ready(self) -> str | None:
        """See that it is the new kubelet that is Ready, and on a master the new API server."""
        turn = None if self.member is None else _turn_of(self.member)
        if self.member is not None and turn is not None and self.member.boot_id == turn.boot:
            return f"not Ready yet: {self.node.name} (has not come back yet)"
        if reason := why_not_ready(self.node, self.member):
            return f"not Ready yet: {reason}"
        if self.node.role != MASTER:
            return None
        with told(f"looking at {self.node.name}"):
            readiness = self.kubernetes.client_of(self.context, self.node).readiness()
        return None if readiness.ready else f"the API of {self.node.name} is not ready yet: {readiness.failed}"

    def _join(self) -> str:
        member = self.member
        assert member is not None, "it is Ready"
        if self.node.state is not NodeState.JOINED:
            joined = msgspec.structs.replace(self.node, state=NodeState.JOINED, member_id=member.uid)
            self.context.save_node(joined)
            self.context.batch_done()
            self.context.event(f"{self.node.name} is Ready again, as {member.kubelet_version}.")
        turn = _turn_of(member)
        with told(f"uncordoning {self.node.name}"):
            client = self.kubernetes.client(self.context)
            with self.context.provider_call(f"uncordon {self.node.name}", timeout=2 * CALL_TIMEOUT):
                if turn is not None and not turn.closed:
                    client.uncordon(self.node.name)
                client.annotate(self.node.name, {TURN: None})
        return f"{self.node.name} is Ready again"


def _works(node: Node, servers: Mapping[str, Server]) -> bool:
    server = servers.get(node.name)
    return node.state is NodeState.JOINED and server is not None and server.running


def _edition(server: Server | None) -> str:
    return "" if server is None else server.edition


def _turn_of(member: KubernetesNode) -> Turn | None:
    """Read the note; what its owner has written there instead means nothing."""
    try:
        return msgspec.json.decode(member.annotations.get(TURN, ""), type=Turn)
    except msgspec.DecodeError:
        return None
