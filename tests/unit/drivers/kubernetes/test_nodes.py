"""What nodes of a cluster are told, out of rows as the service has them."""

from ipaddress import IPv4Address, IPv4Network
from types import SimpleNamespace

import msgspec
import pytest
import yaml
from kubernetes_rows import Context

from magnum.drivers.base import NodeAccess
from magnum.drivers.kubernetes.infrastructure import Place, Site
from magnum.drivers.kubernetes.nodes import Nodes
from magnum.model.failures import Fatal
from magnum.model.nodes import NodeState
from magnum.model.operations import ResizeNodeGroup
from magnum.nodes.files import node_files
from magnum.nodes.kubernetes.cluster import Member

ACCESS = NodeAccess(url="https://10.77.5.1:9512/v1", pin="A" * 43 + "=")
FIRST, SECOND = IPv4Address("10.77.5.10"), IPv4Address("10.77.5.11")
TOKEN = "secret-token-of-the-node-0123456789abcdef"
NETWORK = IPv4Network("10.77.5.0/24")


def site(context):
    return Site(network=NETWORK, api=Place(NETWORK[2]) if context.cluster.master_lb_enabled else None)


@pytest.fixture
def nodes():
    return Nodes(site, None)


def files(nodes, context, node):
    data, others = nodes.contents(context, node, ACCESS, TOKEN)
    return {file.path: file.content.decode() for file in (*node_files(data), *others)}


def test_a_master_and_a_worker_are_told_what_they_need(nodes):
    context = Context()
    master, worker = (files(nodes, context, node) for node in context.nodes)
    assert master["/etc/magnum/node/role"] == "master"
    assert "/etc/systemd/system/kube-apiserver.service" in master
    assert "/etc/systemd/system/kube-apiserver.service" not in worker
    assert "server: https://10.77.5.10:6443" in worker["/etc/kubernetes/kubelet.kubeconfig"]


def test_all_masters_share_their_secrets_and_workers_have_none(nodes):
    context = Context(masters=3, balanced=True)
    *masters, worker = (files(nodes, context, node) for node in context.nodes)
    keys = {master["/etc/kubernetes/service-account.key"] for master in masters}
    assert len(keys) == 1
    assert keys.pop().startswith("-----BEGIN PRIVATE KEY-----")
    assert len({master["/etc/kubernetes/encryption.yaml"] for master in masters}) == 1
    assert not [path for path in worker if "service-account" in path or "encryption" in path]


def test_nodes_of_several_masters_go_by_the_load_balancer(nodes):
    context = Context(masters=3, balanced=True)
    worker = files(nodes, context, context.nodes[-1])
    assert "server: https://10.77.5.2:6443" in worker["/etc/kubernetes/kubelet.kubeconfig"]
    limits = nodes.limits(context, context.nodes[0])
    assert any("10.77.5.2" in one.ip_addresses for one in (limits, *limits.others))


def test_a_master_that_joins_knows_the_members_that_there_are_and_nobody_counts_on_it():
    context = Context(masters=3, balanced=True, arguments=ResizeNodeGroup("masters", 3, 1))
    first, second, third, worker = context.nodes
    first = msgspec.structs.replace(first, state=NodeState.JOINED, member_id="1")
    context.nodes = (first, second, third, worker)
    described = SimpleNamespace(described=lambda _context, node: (Member(first.name, FIRST), Member(node.name, SECOND)))
    nodes = Nodes(site, described)
    unit = files(nodes, context, second)["/etc/systemd/system/etcd.service"]
    assert "--initial-cluster-state=existing" in unit
    assert f"--initial-cluster={first.name}=https://10.77.5.10:2380,{second.name}=https://10.77.5.11:2380 " in unit
    assert [member.name for member in nodes.cluster(context).masters] == [first.name]


def test_what_a_node_may_have_signed_is_what_it_is_told_to_ask_for(nodes):
    context = Context()
    for node in context.nodes:
        limits = nodes.limits(context, node)
        lines = files(nodes, context, node)["/etc/magnum/node/certificates"].splitlines()
        assert [one.common_name for one in (limits, *limits.others)] == [
            line.split("|")[2].rpartition("CN=")[2] for line in lines
        ]


def test_a_node_is_of_its_own_groups_version(nodes):
    """All else is the cluster's: its networks, and the version where the group says none."""
    context = Context(labels={"kube_tag": "v1.27.0"}, worker_labels={"kube_tag": "v1.25.3", "dns_cluster_domain": "x"})
    master, worker = context.nodes
    assert [nodes.version(context, node).tag for node in context.nodes] == ["v1.27.0", "v1.25.3"]
    kubelets = [
        yaml.safe_load(files(nodes, context, node)["/etc/kubernetes/kubelet.yaml"]) for node in (master, worker)
    ]
    assert ["containerRuntimeEndpoint" in kubelet for kubelet in kubelets] == [True, False]
    assert [kubelet["clusterDomain"] for kubelet in kubelets] == ["cluster.local"] * 2


def test_who_is_outside_reaches_a_master_by_its_second_address_and_nodes_by_the_first():
    context = Context(masters=3, balanced=True)
    context.nodes = tuple(
        msgspec.structs.replace(node, floating_address=f"172.24.0.{node.number}") for node in context.nodes
    )
    nodes = Nodes(lambda _: Site(network=NETWORK, api=Place(NETWORK[2], IPv4Address("172.24.0.99"))), None)
    cluster = nodes.cluster(context)
    assert (cluster.api_url, cluster.outside_url) == ("https://10.77.5.2:6443", "https://172.24.0.99:6443")
    limits = nodes.limits(context, context.nodes[0])
    answers = {one.common_name: set(one.ip_addresses) for one in (limits, *limits.others)}
    assert answers["kube-apiserver"] >= {"10.77.5.10", "172.24.0.1", "10.77.5.2", "172.24.0.99"}
    assert answers["web-master-1"] == {"10.77.5.10", "172.24.0.1", "127.0.0.1"}
    assert answers["system:node:web-master-1"] == {"10.77.5.10"}
    single = Context()
    single.nodes = tuple(msgspec.structs.replace(node, floating_address="172.24.0.7") for node in single.nodes)
    assert Nodes(site, None).cluster(single).outside_url == "https://172.24.0.7:6443"


def test_a_label_that_an_adopted_row_may_hold_is_told(nodes):
    context = Context(labels={"kube_tag": "latest"})
    with pytest.raises(Fatal, match="no version of Kubernetes"):
        nodes.version(context, context.nodes[0])


def test_without_a_master_there_is_nothing_to_tell(nodes):
    context = Context()
    context.nodes = context.nodes[1:]
    with pytest.raises(Fatal, match="no master"):
        nodes.cluster(context)
