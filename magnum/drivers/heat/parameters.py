"""What the infrastructure of a cluster is made from, and as which parameter of a stack each part of it is sent.

Who fills `Facts` has resolved names to ids. Versions of Kubernetes and the like are no business of this module: a
driver declares what it wants to see in its stacks beside these.
"""

import msgspec

from .mappings import Json, Kind, Parameter


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of volumes are in GB, 0 for none; an empty text leaves the choice to the cloud."""

    external_network: str
    network_name: str
    """What a private network is called."""
    fixed_network: str = ""
    """An existing network, and a subnet of it. Without one a private network is made."""
    fixed_subnet: str = ""
    fixed_subnet_cidr: str = "10.0.0.0/24"
    dns_nameservers: tuple[str, ...] = ("8.8.8.8",)
    security_group: str = ""
    """That of the cluster's workers, for a stack of one more node group."""
    load_balanced: bool = False
    load_balancer_floating: bool = False
    load_balancer_provider: str = ""
    load_balancer_algorithm: str = "ROUND_ROBIN"
    load_balancer_allowed_cidrs: tuple[str, ...] = ()
    """Who reaches the API beside the cluster's own nodes; everybody if this is empty."""
    api_port: int = 6443
    floating: bool = False
    """Whether every node has a floating address."""
    pods_cidr: str = ""
    ssh_key_name: str = ""
    affinity: str = "soft-anti-affinity"
    availability_zone: str = ""
    boot_volume_size: int = 0
    boot_volume_type: str = ""
    etcd_volume_size: int = 0
    etcd_volume_type: str = ""
    docker_volume_size: int = 0
    """Of the group of workers."""
    master_docker_volume_size: int = 0
    docker_volume_type: str = ""
    wait_condition_timeout: int = 6000
    """Seconds for a node's set-up."""


def _allowed(facts: Facts) -> Json:
    """Never lock out the cluster's own nodes."""
    if not facts.load_balancer_allowed_cidrs:
        return []
    return list(dict.fromkeys((*facts.load_balancer_allowed_cidrs, facts.fixed_subnet_cidr)))


NODES: tuple[Parameter[Facts], ...] = (
    Parameter("external_network", Kind.STRING, lambda facts: facts.external_network),
    Parameter("pods_network_cidr", Kind.STRING, lambda facts: facts.pods_cidr),
    Parameter("floating_ip_enabled", Kind.BOOLEAN, lambda facts: facts.floating),
    Parameter("ssh_key_name", Kind.STRING, lambda facts: facts.ssh_key_name),
    Parameter("nodes_affinity_policy", Kind.STRING, lambda facts: facts.affinity),
    Parameter("availability_zone", Kind.STRING, lambda facts: facts.availability_zone),
    Parameter("boot_volume_size", Kind.NUMBER, lambda facts: facts.boot_volume_size),
    Parameter("boot_volume_type", Kind.STRING, lambda facts: facts.boot_volume_type),
    Parameter("docker_volume_size", Kind.NUMBER, lambda facts: facts.docker_volume_size),
    Parameter("docker_volume_type", Kind.STRING, lambda facts: facts.docker_volume_type),
    Parameter("wait_condition_timeout", Kind.NUMBER, lambda facts: facts.wait_condition_timeout),
    Parameter("fixed_network", Kind.STRING, lambda facts: facts.fixed_network),
    Parameter("fixed_subnet", Kind.STRING, lambda facts: facts.fixed_subnet),
)
"""Of every stack."""

CLUSTER: tuple[Parameter[Facts], ...] = (
    *NODES,
    Parameter("fixed_network_name", Kind.STRING, lambda facts: facts.network_name),
    Parameter("fixed_subnet_cidr", Kind.STRING, lambda facts: facts.fixed_subnet_cidr),
    Parameter("dns_nameserver", Kind.LIST, lambda facts: list(facts.dns_nameservers)),
    Parameter("kubernetes_port", Kind.NUMBER, lambda facts: facts.api_port),
    Parameter("master_lb_enabled", Kind.BOOLEAN, lambda facts: facts.load_balanced),
    Parameter("master_lb_floating_ip_enabled", Kind.BOOLEAN, lambda facts: facts.load_balancer_floating),
    Parameter("master_lb_allowed_cidrs", Kind.LIST, _allowed),
    Parameter("octavia_provider", Kind.STRING, lambda facts: facts.load_balancer_provider),
    Parameter("octavia_lb_algorithm", Kind.STRING, lambda facts: facts.load_balancer_algorithm),
    Parameter("etcd_volume_size", Kind.NUMBER, lambda facts: facts.etcd_volume_size),
    Parameter("etcd_volume_type", Kind.STRING, lambda facts: facts.etcd_volume_type),
    Parameter("master_docker_volume_size", Kind.NUMBER, lambda facts: facts.master_docker_volume_size),
)
"""Of the stack of a cluster, cluster.yaml."""

NODEGROUP: tuple[Parameter[Facts], ...] = (
    *NODES,
    Parameter("existing_security_group", Kind.STRING, lambda facts: facts.security_group),
)
"""Of the stack of one more node group, nodegroup.yaml."""
