"""The cluster itself: waited for, given its roles and labels, drained and shrunk, through its own API.

The conductor does all of it with Magnum's client certificate, at the address at which the API is reached from outside.
"""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address

import msgspec

from magnum.coe.drains import busy, removal_order
from magnum.coe.kubernetes import KubernetesClient
from magnum.coe.kubernetes_calls import KubernetesError
from magnum.coe.kubernetes_health import judge
from magnum.coe.kubernetes_values import Json, KubernetesNode, ObjectName, Taint
from magnum.drivers.base import ClientTls, DriverContext, LookContext, Observation
from magnum.drivers.cluster_failures import told
from magnum.drivers.node_groups import group_of, leaving, staying
from magnum.model.events import EventLevel
from magnum.model.health import Health, silent
from magnum.model.nodegroups import MASTER
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import HealCluster
from magnum.model.outcomes import Done, Outcome, Wait
from magnum.nodes.kubernetes.certificates import API_TO_KUBELET
from magnum.nodes.kubernetes.cluster import KubernetesCluster, NetworkDriver

from .draining import DRAIN_LIMIT, empty, why_waiting

CALL_TIMEOUT = 8.0
NOT_READY = "node.kubernetes.io/not-ready"
Connect = Callable[[str, ClientTls], KubernetesClient]

API_MAY_SPEAK_TO_KUBELETS = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "magnum:kube-apiserver-to-kubelet"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:kubelet-api-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": API_TO_KUBELET}],
}
"""Logs, exec and port forwarding: the API server asks a kubelet, which asks the API server whether it may."""


class Kubernetes:
    def __init__(
        self,
        connect: Connect,
        describe: Callable[[DriverContext], KubernetesCluster],
        *,
        drain_limit: int = DRAIN_LIMIT,
    ) -> None:
        self._connect = connect
        self._describe = describe
        self.drain_limit = drain_limit

    def api(self, context: DriverContext) -> Outcome:
        """Wait until the API is ready, and let it do what needs a role of its own."""
        with told("looking at the API"):
            client = self.client(context)
            readiness = client.readiness()
            if not readiness.ready:
                return Wait(0.5, f"the API is not ready yet: {', '.join(readiness.failed) or 'it does not say why'}")
            if not _holds(client.get(ObjectName.of(API_MAY_SPEAK_TO_KUBELETS)), API_MAY_SPEAK_TO_KUBELETS):
                with context.provider_call("set up the cluster's roles", timeout=CALL_TIMEOUT):
                    client.apply(API_MAY_SPEAK_TO_KUBELETS)
        return Done()

    def ready(self, context: DriverContext) -> Outcome:
        """Wait until every node is Ready and carries its labels; then the cluster has an address and a version.

        While the dead are replaced others may die: they are not waited for, but found by the next look.
        """
        cluster = self._describe(context)
        expected = staying(context)
        with told("looking at the nodes"):
            client = self.client(context)
            members = {member.name: member for member in client.nodes()}
            self._mark(context, client, [node for node in expected if node.name in members], members)
            awaited = [node for node in expected if not _is_healing(context) or node.state is not NodeState.JOINED]
            missing = [reason for node in awaited if (reason := why_not_ready(node, members.get(node.name)))]
            if missing:
                return Wait(0.5, f"not Ready yet: {', '.join(missing)}")
            version = client.version()
        for node in expected:
            if node.state is not NodeState.JOINED:
                context.save_node(
                    msgspec.structs.replace(node, state=NodeState.JOINED, member_id=members[node.name].uid)
                )
        runtimes = sorted({member.container_runtime for member in members.values()})
        context.update_cluster(
            api_address=cluster.outside_url, coe_version=version.text, container_version=_runtime(runtimes)
        )
        return Done()

    def warn(self, context: DriverContext) -> Outcome:
        """Tell of the nodes that go although they have work, before it is moved off them."""
        with told("looking for work on nodes that go"):
            client = self.client(context)
            names = {member.name for member in self._leaving(context, client)}
            counts = busy(client.pods()) if names else {}
        told_of = [f"{name} ({_pods(counts[name])})" for name in sorted(names & counts.keys())]
        if told_of:
            text = f"Nodes that go have pods, which others have to take over: {', '.join(told_of)}."
            context.event(text, level=EventLevel.WARNING)
        return Done()

    def drain(self, context: DriverContext) -> Outcome:
        """Move the work off the nodes that are to go, as its budgets allow, and wait for it, but not for ever."""
        working: list[str] = []
        blocked: list[str] = []
        with told("draining"):
            client = self.client(context)
            going = self._leaving(context, client)
            version = client.version() if going else None
            for member in going:
                if not member.unschedulable:
                    with context.provider_call(f"cordon {member.name}", timeout=CALL_TIMEOUT):
                        client.cordon(member.name)
                assert version is not None
                emptying = empty(context, client, member, version, CALL_TIMEOUT)
                working += [member.name] if emptying.busy else []
                blocked += emptying.blocked
        if not working:
            return Done()
        seconds = context.operation.seconds_in_step(context.clock.now())
        reason = why_waiting(context, working, blocked, seconds, limit=self.drain_limit, then="removed")
        return Wait(1.0, reason) if reason else Done()

    def leave(self, context: DriverContext) -> Outcome:
        """Take the nodes that are to go off the cluster's list."""
        with told("removing nodes"):
            client = self.client(context)
            for member in self._leaving(context, client):
                with context.provider_call(f"take {member.name} off the list of nodes", timeout=CALL_TIMEOUT):
                    client.delete_node(member.name)
        return Done()

    def removal_order(self, context: DriverContext, nodes: Sequence[Node]) -> Sequence[Node]:
        """Give idle nodes first, and of busy ones those with the fewest pods."""
        named = {node.name: node for node in nodes}
        with told("looking for idle nodes"):
            client = self.client(context)
            order = removal_order(list(named), client.nodes(), client.pods())
        return [named[name] for name in order]

    def observe(self, context: DriverContext) -> Observation:
        cluster = self._describe(context)
        with told("looking at the cluster"):
            client = self.client(context)
            members = client.nodes()
            return Observation(
                nodes_seen=sum(member.ready for member in members),
                api_address=cluster.outside_url,
                coe_version=client.version().text,
                container_version=_runtime(sorted({member.container_runtime for member in members})),
            )

    def health(self, context: LookContext) -> Health:
        """Ask at the address that the cluster has shown since it was made."""
        try:
            client = self._connect(str(context.cluster.api_address), context.client_tls())
            readiness, members, version = client.readiness(), client.nodes(), client.version()
        except KubernetesError as error:
            return silent(str(error))
        expected = [node.name for node in context.nodes if node.state is NodeState.JOINED]
        return msgspec.structs.replace(
            judge(readiness, members, expected),
            coe_version=version.text,
            container_version=_runtime(sorted({member.container_runtime for member in members})),
        )

    def client(self, context: DriverContext) -> KubernetesClient:
        return self._connect(self._describe(context).outside_url, context.client_tls())

    def client_of(self, context: DriverContext, master: Node) -> KubernetesClient:
        """Give a client of the API server of one master."""
        return self._connect(f"https://{master.reached_at}:{self._describe(context).api_port}", context.client_tls())

    def _leaving(self, context: DriverContext, client: KubernetesClient) -> list[KubernetesNode]:
        names = {node.name for node in leaving(context)}
        return [member for member in client.nodes() if member.name in names] if names else []

    def _mark(
        self,
        context: DriverContext,
        client: KubernetesClient,
        nodes: Sequence[Node],
        members: Mapping[str, KubernetesNode],
    ) -> None:
        """Let nodes carry their role and what their group says, those that do not yet.

        With the network driver bridge they are told the network of their pods too: a kubelet that knows it says at once
        that it is ready, and not only at its next report.
        """
        cluster = self._describe(context)
        version = cluster.version
        for node in nodes:
            if cluster.network_driver is NetworkDriver.BRIDGE and not members[node.name].pods_network:
                with context.provider_call(f"assign addresses to the pods of {node.name}", timeout=CALL_TIMEOUT):
                    client.assign_pods_network(node.name, str(cluster.pods_of(IPv4Address(str(node.address)))))
            group = group_of(context, node)
            labels = dict(group.node_labels)
            taints = [Taint(taint["key"], taint["effect"], taint.get("value") or "") for taint in group.node_taints]
            if node.role == MASTER:
                labels |= version.control_plane_labels
                taints += [Taint(taint["key"], taint["effect"]) for taint in version.control_plane_taints]
            if not client.is_marked(node.name, labels, taints):
                with context.provider_call(f"label {node.name}", timeout=CALL_TIMEOUT):
                    client.mark_node(node.name, labels, taints)


def _holds(found: Json | None, wanted: Json) -> bool:
    """Say whether an object is as wanted, but for what the API adds to its metadata."""
    return found is not None and all(found.get(name) == wanted[name] for name in wanted if name != "metadata")


def _is_healing(context: DriverContext) -> bool:
    return isinstance(context.operation.arguments, HealCluster)


def why_not_ready(node: Node, member: KubernetesNode | None) -> str | None:
    """Say why a node is not Ready, and open for pods too: the mark that keeps them off goes a moment later."""
    if member is None:
        return f"{node.name} (has not come yet)"
    if member.ready and all(taint.key != NOT_READY for taint in member.taints):
        return None
    return f"{node.name} ({member.reason or f'is still marked {NOT_READY}'})"


def _runtime(runtimes: Sequence[str]) -> str | None:
    """`containerd://1.6.20~ds1` as a version; nodes may differ while they are replaced."""
    return ", ".join(runtime.partition("://")[2] or runtime for runtime in runtimes) or None


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
