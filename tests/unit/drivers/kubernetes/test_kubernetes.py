"""The cluster's own steps, with an API that is a few lists: what is waited for, what is done, and what is told."""

import contextlib
from ipaddress import IPv4Address, IPv4Network
from types import SimpleNamespace

import msgspec
import pytest
from pods import pod

from magnum.coe.kubernetes_calls import KubernetesRefused, KubernetesUnreachable, KubernetesUntrusted
from magnum.coe.kubernetes_values import (
    ClusterVersion,
    Eviction,
    EvictionResult,
    KubernetesNode,
    ObjectName,
    Readiness,
    Taint,
)
from magnum.drivers.kubernetes.draining import DRAIN_LIMIT
from magnum.drivers.kubernetes.kubernetes import NOT_READY, Kubernetes
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.health import Health
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import CreateCluster, HealCluster, Operation, OperationState
from magnum.model.outcomes import Done, Wait
from magnum.model.statuses import HealthStatus
from magnum.nodes.kubernetes.cluster import KubernetesCluster, Member
from magnum.nodes.kubernetes.versions import Version

UUID = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
SECOND = 1_000_000
CLUSTER = KubernetesCluster(
    uuid=UUID,
    version=Version.parse("v1.20.2"),
    network=IPv4Network("10.77.5.0/24"),
    masters=(Member("m-1", IPv4Address("10.77.5.10")),),
    api=IPv4Address("10.77.5.10"),
)


def member(name, **changes):
    node = KubernetesNode(
        name=name,
        uid=f"uid of {name}",
        created=0,
        ready=True,
        reason="",
        unschedulable=False,
        kubelet_version="v1.20.2",
        container_runtime="containerd://1.6.20~ds1",
        addresses={"InternalIP": "10.77.5.11"},
        labels={},
        taints=(),
        pods_network="10.100.11.0/24",
    )
    return msgspec.structs.replace(node, **changes)


class Api:
    """Stands in for a client and for the cluster behind it."""

    def __init__(self):
        self.members = [member("m-1"), member("w-1")]
        self.everything = []
        self.failed_checks = ()
        self.objects = {}
        self.eviction = Eviction(EvictionResult.STARTED)
        self.done = []
        self.error = None

    def _check(self):
        if self.error:
            raise self.error

    def readiness(self):
        self._check()
        return Readiness(not self.failed_checks, self.failed_checks)

    def nodes(self):
        self._check()
        return tuple(self.members)

    def pods(self, node=None):
        return tuple(pod for pod in self.everything if node in (None, pod.node))

    def version(self):
        return ClusterVersion(1, 20, "v1.20.2")

    def apply(self, manifest):
        self.objects[ObjectName.of(manifest)] = manifest | {"metadata": {"uid": "1"}}
        self.done.append(("apply", manifest["kind"], manifest["metadata"]["name"]))

    def cordon(self, name):
        self.done.append(("cordon", name))

    def evict(self, pod, version):
        assert version == self.version()
        self.done.append(("evict", pod.name))
        return self.eviction

    def delete_node(self, name):
        self.done.append(("delete", name))

    def assign_pods_network(self, name, network):
        self.done.append(("assign", name, network))

    def get(self, name):
        return self.objects.get(name)

    def is_marked(self, name, labels, taints):
        return ("mark", name, dict(labels), tuple(taints)) in self.done

    def mark_node(self, name, labels, taints):
        self.done.append(("mark", name, dict(labels), tuple(taints)))


class Context:
    """As much of a driver's context as these steps use."""

    def __init__(self):
        self.nodegroups = [
            NodeGroup(
                uuid="masters", name="default-master", cluster_id=UUID, project_id="p", role="master", node_count=1
            ),
            NodeGroup(
                uuid="workers",
                name="gpu",
                cluster_id=UUID,
                project_id="p",
                role="worker",
                node_count=1,
                node_labels={"kind": "gpu"},
                node_taints=({"key": "gpu", "effect": "NoSchedule"},),
            ),
        ]
        self.rows = {
            name: Node(
                uuid=name, cluster_uuid=UUID, nodegroup_uuid=group, number=1, name=name, role=role, address=address
            )
            for name, group, role, address in (
                ("m-1", "masters", "master", "10.77.5.10"),
                ("w-1", "workers", "worker", "10.77.5.11"),
            )
        }
        self.operation = Operation(
            uuid="operation",
            cluster_uuid=UUID,
            arguments=CreateCluster(),
            state=OperationState.ACTIVE,
            next_attempt=0,
            created_at=0,
            step_started_at=SECOND,
        )
        self.seconds = 1
        self.clock = SimpleNamespace(now=lambda: self.seconds * SECOND)
        self.told = []
        self.cluster = {}

    @property
    def changing(self):
        return tuple(self.rows.values())

    @contextlib.contextmanager
    def provider_call(self, what, *, timeout):
        assert what
        assert timeout <= 30
        yield

    def client_tls(self):
        return None

    def save_node(self, node):
        self.rows[node.name] = node

    def update_cluster(self, **changes):
        self.cluster |= changes

    def event(self, text, **_):
        self.told.append(text)


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def kubernetes(api):
    return Kubernetes(lambda address, _: api if address == "https://10.77.5.10:6443" else None, lambda _: CLUSTER)


@pytest.fixture
def leaving(context):
    context.save_node(msgspec.structs.replace(context.rows["w-1"], state=NodeState.REMOVING))


def test_the_api_is_waited_for_and_then_may_speak_to_kubelets(kubernetes, api, context):
    api.failed_checks = ("poststarthook/rbac/bootstrap-roles failed",)
    outcome = kubernetes.api(context)
    assert isinstance(outcome, Wait)
    assert "bootstrap-roles" in outcome.reason
    assert api.done == []
    api.failed_checks = ()
    assert kubernetes.api(context) == Done()
    assert api.done == [("apply", "ClusterRoleBinding", "magnum:kube-apiserver-to-kubelet")]
    assert kubernetes.api(context) == Done()
    assert len(api.done) == 1, "what is so already is left alone"


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ([], "w-1 (has not come yet)"),
        ([member("w-1", ready=False, reason="KubeletNotReady: no network")], "w-1 (KubeletNotReady: no network)"),
        ([member("w-1", taints=(Taint(NOT_READY, "NoSchedule"),))], f"w-1 (is still marked {NOT_READY})"),
    ],
)
def test_every_node_is_waited_for(kubernetes, api, context, missing, words):
    api.members = [member("m-1"), *missing]
    outcome = kubernetes.ready(context)
    assert isinstance(outcome, Wait)
    assert outcome.reason == f"not Ready yet: {words}"
    assert context.rows["w-1"].state is NodeState.PLANNED
    assert context.cluster == {}


def test_while_the_dead_are_replaced_others_that_die_are_not_waited_for(kubernetes, api, context):
    context.operation = msgspec.structs.replace(context.operation, arguments=HealCluster(("w-0",)))
    api.members = [member("m-1", ready=False), member("w-1", ready=False)]
    context.save_node(msgspec.structs.replace(context.rows["m-1"], state=NodeState.JOINED))
    outcome = kubernetes.ready(context)
    assert isinstance(outcome, Wait)
    assert "m-1" not in outcome.reason
    api.members = [member("m-1", ready=False), member("w-1")]
    assert kubernetes.ready(context) == Done()


def test_ready_nodes_are_members_and_the_cluster_has_an_address_and_versions(kubernetes, context):
    assert kubernetes.ready(context) == Done()
    assert {(node.name, node.state, node.member_id) for node in context.changing} == {
        ("m-1", NodeState.JOINED, "uid of m-1"),
        ("w-1", NodeState.JOINED, "uid of w-1"),
    }
    assert context.cluster == {
        "api_address": "https://10.77.5.10:6443",
        "coe_version": "v1.20.2",
        "container_version": "1.6.20~ds1",
    }


def test_nodes_carry_their_role_and_what_their_group_says(kubernetes, api, context):
    kubernetes.ready(context)
    roles = {"node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/master": ""}
    assert api.done == [
        ("mark", "m-1", roles, (Taint("node-role.kubernetes.io/master", "NoSchedule"),)),
        ("mark", "w-1", {"kind": "gpu"}, (Taint("gpu", "NoSchedule"),)),
    ]


def test_a_new_node_is_told_the_network_of_its_pods(kubernetes, api, context):
    api.members = [member("m-1"), member("w-1", pods_network="", ready=False)]
    kubernetes.ready(context)
    assert ("assign", "w-1", "10.100.11.0/24") in api.done
    assert not [done for done in api.done if done[:2] == ("assign", "m-1")]


def test_nobody_leaves_nothing_is_drained(kubernetes, api, context):
    assert kubernetes.drain(context) == Done()
    assert kubernetes.leave(context) == Done()
    assert api.done == []


def test_a_node_that_goes_is_cordoned_and_its_pods_are_asked_to_go(kubernetes, api, context, leaving):
    api.everything = [pod("one"), pod("agent", owner="DaemonSet"), pod("elsewhere", node="m-1")]
    outcome = kubernetes.drain(context)
    assert isinstance(outcome, Wait)
    assert api.done == [("cordon", "w-1"), ("evict", "one")]
    api.members = [member("m-1"), member("w-1", unschedulable=True)]
    api.everything = [pod("one", terminating=True), pod("agent", owner="DaemonSet")]
    assert isinstance(kubernetes.drain(context), Wait)
    api.everything = [pod("agent", owner="DaemonSet")]
    assert kubernetes.drain(context) == Done()
    assert api.done == [("cordon", "w-1"), ("evict", "one")]
    assert kubernetes.leave(context) == Done()
    assert api.done[-1] == ("delete", "w-1")


def test_what_does_not_end_in_time_goes_with_its_node_and_its_owner_hears_of_it(kubernetes, api, context, leaving):
    api.everything = [pod("slow", terminating=True)]
    context.seconds = DRAIN_LIMIT + 2
    assert kubernetes.drain(context) == Done()
    [text] = context.told
    assert text.startswith("w-1 still had work")


def test_what_a_budget_protects_stops_the_operation_with_its_name(kubernetes, api, context, leaving):
    api.everything = [pod("precious")]
    api.eviction = Eviction(EvictionResult.BLOCKED, "keep-two", "The disruption budget keep-two needs 2 healthy pods")
    outcome = kubernetes.drain(context)
    assert "keep-two" in outcome.reason
    context.seconds = DRAIN_LIMIT + 2
    with pytest.raises(Fatal, match=r"default/precious on w-1 \(The disruption budget keep-two"):
        kubernetes.drain(context)
    assert not [done for done in api.done if done[0] == "delete"]


def test_a_node_that_does_not_answer_is_not_waited_for(kubernetes, api, context, leaving):
    api.members = [member("m-1"), member("w-1", ready=False, reason="NodeStatusUnknown")]
    api.everything = [pod("lost")]
    assert kubernetes.drain(context) == Done()
    assert api.done == [("cordon", "w-1")]


def test_idle_nodes_go_first(kubernetes, api, context):
    api.members = [member("w-1"), member("w-2"), member("w-3", ready=False)]
    api.everything = [pod("one", node="w-1")]
    nodes = [msgspec.structs.replace(context.rows["w-1"], name=f"w-{number}", number=number) for number in (1, 2, 3)]
    assert [node.name for node in kubernetes.removal_order(context, nodes)] == ["w-3", "w-2", "w-1"]


def test_a_busy_node_that_goes_is_named_before_its_work_is_moved(kubernetes, api, context, leaving):
    api.everything = [pod("one"), pod("agent", owner="DaemonSet"), pod("done", phase="Succeeded"), pod("b", node="m-1")]
    assert kubernetes.warn(context) == Done()
    assert context.told == ["Nodes that go have pods, which others have to take over: w-1 (1 pod)."]
    assert api.done == []
    api.everything += [pod("two"), pod("three")]
    kubernetes.warn(context)
    assert "w-1 (3 pods)." in context.told[-1]


def test_an_idle_node_goes_without_a_word(kubernetes, api, context, leaving):
    api.everything = [pod("agent", owner="DaemonSet"), pod("elsewhere", node="m-1")]
    assert kubernetes.warn(context) == Done()
    assert context.told == []


def test_what_is_seen_is_told(kubernetes, api, context):
    api.members = [member("m-1"), member("w-1", ready=False, container_runtime="containerd://1.7.0")]
    seen = kubernetes.observe(context)
    assert (seen.nodes_seen, seen.api_address) == (1, "https://10.77.5.10:6443")
    assert (seen.coe_version, seen.container_version) == ("v1.20.2", "1.6.20~ds1, 1.7.0")


@pytest.fixture
def look(context):
    """What is known of the cluster when it is only looked at."""
    nodes = [msgspec.structs.replace(node, state=NodeState.JOINED) for node in context.rows.values()]
    cluster = SimpleNamespace(api_address="https://10.77.5.10:6443")
    return SimpleNamespace(cluster=cluster, nodes=nodes, client_tls=lambda: None)


def test_health_is_that_of_the_api_and_of_every_node(kubernetes, api, look):
    well = {"m-1.Ready": "True", "w-1.Ready": "True", "api": "ok"}
    assert kubernetes.health(look) == Health(HealthStatus.HEALTHY, well, "v1.20.2", "1.6.20~ds1")
    api.members = [member("m-1"), member("extra", ready=False, container_runtime="containerd://1.7.0")]
    reason = {"m-1.Ready": "True", "w-1.Ready": "False", "extra.Ready": "False", "api": "ok"}
    assert kubernetes.health(look) == Health(HealthStatus.UNHEALTHY, reason, "v1.20.2", "1.6.20~ds1, 1.7.0")
    api.failed_checks = ("etcd failed",)
    assert kubernetes.health(look).reason["api"] == "etcd failed"


def test_an_api_that_does_not_answer_is_unhealthy(kubernetes, api, look):
    api.error = KubernetesUnreachable("10.77.5.10:6443 did not answer")
    assert kubernetes.health(look) == Health(HealthStatus.UNHEALTHY, {"api": "10.77.5.10:6443 did not answer"})


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (KubernetesUnreachable("10.77.5.10:6443 did not answer"), (Retry, Code.COE_UNREACHABLE)),
        (KubernetesUntrusted("the certificate is another's"), (Fatal, Code.CERTIFICATE_REFUSED)),
        (KubernetesRefused(500, "InternalError", "it cannot"), (Retry, Code.COE_REFUSED)),
    ],
)
def test_what_goes_wrong_is_told_with_what_was_done(kubernetes, api, context, error, meaning):
    api.error = error
    kind, code = meaning
    with pytest.raises(kind, match="While looking at the nodes: ") as failure:
        kubernetes.ready(context)
    assert failure.value.code == code
