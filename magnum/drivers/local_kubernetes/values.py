"""From a template and a cluster's labels to the values of a cluster of Kubernetes. Pure.

What a label may be is judged here, before anything is made, by the same types that nodes are told with.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

import msgspec

from magnum.model.clustertemplates import ClusterTemplate
from magnum.nodes.kubernetes.cluster import KubernetesCluster, Member, Options
from magnum.nodes.kubernetes.versions import Version

from .names import DEFAULT_TAG, PAUSE_IMAGE

DEFAULT_PORT = 6443
_NOWHERE = "00000000-0000-0000-0000-000000000000"


class ClusterValues(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner decides, by template and labels."""

    version: Version
    api_port: int
    pods: IPv4Network
    services: IPv4Network
    dns: IPv4Address
    domain: str
    cgroup_driver: str
    admission_plugins: tuple[str, ...]
    options: Options

    def cluster(self, uuid: str, network: IPv4Network, masters: Sequence[Member]) -> KubernetesCluster:
        """Give the cluster whose machines are in this network."""
        return KubernetesCluster(
            uuid=uuid,
            network=network,
            masters=tuple(masters),
            api=masters[0].address,
            pause_image=PAUSE_IMAGE,
            shares_host=True,
            **msgspec.structs.asdict(self),
        )


def read_values(template: ClusterTemplate, labels: Mapping[str, str]) -> ClusterValues:
    """Raise ValueError, in words for the owner, when a label cannot be."""
    services = _network(labels, "service_cluster_ip_range", "10.254.0.0/16")
    values = ClusterValues(
        version=Version.parse(labels.get("kube_tag") or DEFAULT_TAG),
        api_port=template.apiserver_port or DEFAULT_PORT,
        pods=_network(labels, "flannel_network_cidr", "10.100.0.0/16"),
        services=services,
        dns=services[10] if services.num_addresses > 16 else services[2],
        domain=labels.get("dns_cluster_domain") or "cluster.local",
        cgroup_driver=labels.get("cgroup_driver") or "cgroupfs",
        admission_plugins=tuple(filter(None, labels.get("admission_control_list", "").split(","))),
        options=Options(
            kubelet=labels.get("kubelet_options", ""),
            apiserver=labels.get("kubeapi_options", ""),
            controller_manager=labels.get("kubecontroller_options", ""),
            scheduler=labels.get("kubescheduler_options", ""),
            proxy=labels.get("kubeproxy_options", ""),
        ),
    )
    # As it will be, but for addresses that nobody knows yet: a documentation network stands in for them.
    values.cluster(_NOWHERE, IPv4Network("192.0.2.0/24"), [Member("master", IPv4Address("192.0.2.10"))])
    return values


def _network(labels: Mapping[str, str], name: str, default: str) -> IPv4Network:
    text = labels.get(name) or default
    try:
        network = IPv4Network(text)
    except ValueError:
        raise ValueError(f"{name}: {text[:64]!r} is no network, which is written like {default}") from None
    if network.prefixlen > 28:
        raise ValueError(f"{name}: {network} is too small")
    return network
