"""From a template and a cluster's labels to the values of a cluster of Kubernetes. Pure.

What a label may be is judged here, before anything is made, by the same types that nodes are told with.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

import msgspec

from magnum.addons import rendering
from magnum.drivers.engines import engine_of
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.nodegroups import NodeGroup
from magnum.nodes.data import Engine
from magnum.nodes.kubernetes.cluster import KubernetesCluster, Member, NetworkDriver, Options
from magnum.nodes.kubernetes.versions import Version

from .infrastructure import Place, Site
from .names import DEFAULT_TAG

DEFAULT_PORT = 6443
VERSION_LABEL = "kube_tag"
LABELS = {
    **rendering.honoured_labels(*NetworkDriver),
    VERSION_LABEL: DEFAULT_TAG,
    "auto_healing_enabled": "false",
    "auto_healing_controller": "draino",
    "flannel_network_cidr": "10.100.0.0/16",
    "flannel_network_subnetlen": "24",
    "calico_ipv4pool": "10.100.0.0/16",
    "service_cluster_ip_range": "10.254.0.0/16",
    "dns_cluster_domain": "cluster.local",
    "cgroup_driver": "cgroupfs",
    "admission_control_list": "",
    "kubelet_options": "",
    "kubeapi_options": "",
    "kubecontroller_options": "",
    "kubescheduler_options": "",
    "kubeproxy_options": "",
}
"""Those that take effect, with their defaults."""
_PODS = {NetworkDriver.CALICO: "calico_ipv4pool"}
"""The label with the addresses of pods, where it is not flannel's."""
_NOWHERE = "00000000-0000-0000-0000-000000000000"


class ClusterValues(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner decides, by template and labels."""

    version: Version
    api_port: int
    engine: Engine
    network_driver: NetworkDriver
    pods: IPv4Network
    node_prefix: int
    services: IPv4Network
    dns: IPv4Address
    domain: str
    cgroup_driver: str
    admission_plugins: tuple[str, ...]
    options: Options

    def cluster(self, uuid: str, site: Site, masters: Sequence[Member], api: Place) -> KubernetesCluster:
        """Give the cluster with these masters whose API is at this place."""
        return KubernetesCluster(
            uuid=uuid,
            network=site.network,
            masters=tuple(masters),
            api=api.inside,
            api_names=() if api.outside is None else (api.outside,),
            watches_images=site.watches_images,
            default_route=site.default_route,
            **msgspec.structs.asdict(self),
        )


def read_addons(template: ClusterTemplate, labels: Mapping[str, str]) -> rendering.ClusterFacts:
    """Say what a cluster's add-ons depend on. Raises ValueError, in words for the owner, when a label cannot be."""
    values = read_values(template, labels)
    return rendering.ClusterFacts(
        version=(1, values.version.minor),
        network_driver=values.network_driver,
        pods=values.pods,
        services=values.services,
        dns_domain=values.domain,
        labels=dict(labels),
    )


def labels_of(cluster: Cluster, group: NodeGroup) -> Mapping[str, str]:
    """Give the labels that hold for the nodes of a group: the cluster's, but for the version, which is its own."""
    own = group.labels.get(VERSION_LABEL)
    return {**cluster.labels, VERSION_LABEL: own} if own else cluster.labels


def read_values(template: ClusterTemplate, labels: Mapping[str, str]) -> ClusterValues:
    """Raise ValueError, in words for the owner, when a label cannot be."""
    given = {name: labels.get(name) or default for name, default in LABELS.items()}
    services = _network(given, "service_cluster_ip_range")
    network_driver = NetworkDriver(template.network_driver or NetworkDriver.FLANNEL)
    values = ClusterValues(
        version=Version.parse(given[VERSION_LABEL]),
        api_port=template.apiserver_port or DEFAULT_PORT,
        engine=engine_of(template),
        network_driver=network_driver,
        pods=_network(given, _PODS.get(network_driver, "flannel_network_cidr")),
        node_prefix=int(given["flannel_network_subnetlen"]),
        services=services,
        dns=rendering.dns_service_address(services),
        domain=given["dns_cluster_domain"],
        cgroup_driver=given["cgroup_driver"],
        admission_plugins=tuple(filter(None, given["admission_control_list"].split(","))),
        options=Options(
            kubelet=given["kubelet_options"],
            apiserver=given["kubeapi_options"],
            controller_manager=given["kubecontroller_options"],
            scheduler=given["kubescheduler_options"],
            proxy=given["kubeproxy_options"],
        ),
    )
    # As it will be, but for addresses that nobody knows yet: a documentation network stands in for them.
    master = Member("master", IPv4Address("192.0.2.10"))
    values.cluster(_NOWHERE, Site(network=IPv4Network("192.0.2.0/24")), [master], Place(master.address))
    return values


def _network(given: Mapping[str, str], name: str) -> IPv4Network:
    try:
        network = IPv4Network(given[name])
    except ValueError:
        raise ValueError(f"{name}: {given[name][:64]!r} is no network, which is written like {LABELS[name]}") from None
    if network.prefixlen > 28:
        raise ValueError(f"{name}: {network} is too small")
    return network
