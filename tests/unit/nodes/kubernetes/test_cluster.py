import itertools
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.nodes.kubernetes.cluster import ClusterSecrets, KubernetesNode, Member, NetworkDriver, Options

from .conftest import MASTER, SECRETS, make_cluster


def test_pods_follow_from_the_address_of_their_node(new_cluster):
    cluster = new_cluster()
    assert cluster.pods_of(IPv4Address("10.77.5.10")) == IPv4Network("10.100.10.0/24")
    assert cluster.pods_of(IPv4Address("10.77.5.254")) == IPv4Network("10.100.254.0/24")
    with pytest.raises(ValueError, match="is not in the machines' network"):
        cluster.pods_of(IPv4Address("10.78.5.10"))


@given(st.integers(24, 29), st.integers(8, 20))
def test_no_two_nodes_share_an_address_for_their_pods(prefix, pods):
    network = IPv4Network(("10.77.5.0", prefix))
    whole = IPv4Network(("172.0.0.0", pods))
    cluster = make_cluster(network=network, pods=whole, masters=(Member("m", network[2]),), api=network[2])
    parts = [cluster.pods_of(address) for address in network]
    assert all(part.subnet_of(whole) for part in parts)
    assert all(not one.overlaps(other) for one, other in itertools.pairwise(parts))
    assert int(parts[-1][-1]) <= int(whole[-1])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"pods": IPv4Network("10.77.0.0/16")}, "overlap"),
        ({"services": IPv4Network("10.100.0.0/20"), "dns": IPv4Address("10.100.0.10")}, "overlap"),
        ({"dns": IPv4Address("10.1.2.3")}, "is not in the network of services"),
        ({"network": IPv4Network("10.77.0.0/16")}, "may have 256 addresses"),
        ({"network_driver": NetworkDriver.FLANNEL, "node_prefix": 16}, "must be longer than 16"),
        ({"network_driver": NetworkDriver.FLANNEL, "node_prefix": 29}, "not over 28"),
        (
            {"network_driver": NetworkDriver.FLANNEL, "node_prefix": 26, "pods": IPv4Network("11.0.0.0/8")},
            "by 16 at most",
        ),
        ({"pods": IPv4Network("10.100.0.0/21")}, "too small"),
        ({"masters": ()}, "needs a master"),
        ({"domain": "Cluster Local"}, "domain"),
        ({"cgroup_driver": "none"}, "cgroup_driver"),
        ({"admission_plugins": ("Node Restriction",)}, "admission_plugins"),
    ],
)
def test_what_cannot_be_is_said_at_once(new_cluster, changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        new_cluster(**changes)


@pytest.mark.parametrize("text", ["", "--v=2", "--feature-gates=A=true,B=false --v=4", "--profiling"])
def test_options_are_flags(text):
    assert Options(kubelet=text).kubelet == text


@pytest.mark.parametrize(
    "text", ["v=2", "--v=2; reboot", "--v=$HOME", "--a='b'", "--a=%h", "--a=\\x", "--v=2\n--w=3", "--a=b c"]
)
def test_other_options_are_refused(text):
    with pytest.raises(ValueError, match="options of apiserver"):
        Options(apiserver=text)


def test_no_secret_shows():
    node = KubernetesNode(name="m", address=MASTER, nodegroup="g", role="master", secrets=SECRETS)
    assert "hush" not in repr(node)
    assert "ccc" not in repr(node)
    with pytest.raises(ValueError, match="service_account_key") as refusal:
        ClusterSecrets("hush", "c" * 43 + "=")
    assert "hush" not in str(refusal.value)
