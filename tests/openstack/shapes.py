"""Every shape that a stack can have, and the resources that it has then, reckoned without a look into the templates."""

from collections import Counter
from typing import Any

import msgspec

from magnum.drivers.heat.desired import Desired, Group, Machine
from magnum.drivers.heat.mappings import evaluate
from magnum.drivers.heat.parameters import CLUSTER, NODEGROUP, Facts

OFF, FIXED, FLOATING = "off", "fixed", "floating"
CHOICES: dict[str, tuple[Any, ...]] = {
    "private": (True, False),
    "load_balancer": (OFF, FIXED, FLOATING),
    "floating": (True, False),
    "etcd_volume": (0, 1),
    "docker_volume": (0, 1),
    "boot_volume": (0, 1),
    "servers": (True, False),
    "written_out": (True, False),  # whether all is said that may be left to the cloud
    "masters": (1, 3),
}
CHOICES_OF_A_GROUP = {
    name: CHOICES[name] for name in ("floating", "docker_volume", "boot_volume", "servers", "written_out")
}
WORKERS = 2


class Ids(msgspec.Struct, frozen=True, kw_only=True):
    """What a lab has, by its ids."""

    image: str
    flavor: str
    public: str
    network: str = ""
    subnet: str = ""
    group: str = ""


def shaped(ids: Ids, row: dict[str, Any], *, of_a_group: bool = False) -> Desired:
    return Desired(
        name="shape",
        cluster_uuid="5d12f6fd-a196-4bf0-ae4c-1f639a523a52",
        operation="operation",
        parameters=evaluate(NODEGROUP if of_a_group else CLUSTER, _facts(ids, row, of_a_group=of_a_group)),
        masters=None if of_a_group else nodes(ids, "master", row["masters"], servers=row["servers"]),
        workers=nodes(ids, "worker", WORKERS, servers=row["servers"]),
    )


def nodes(ids: Ids, role: str, count: int, *, servers: bool) -> Group:
    names = {number: f"shape-{role}-{number}" for number in range(count)}
    machines = {number: Machine(name, ids.image, ids.flavor) for number, name in names.items()}
    return Group(places=names, servers=machines if servers else {})


def _facts(ids: Ids, row: dict[str, Any], *, of_a_group: bool) -> Facts:
    existing = of_a_group or not row["private"]
    written_out = {
        "pods_cidr": "10.100.0.0/16",
        "ssh_key_name": "key",
        "availability_zone": "nova",
        "affinity": "anti-affinity",
        "load_balancer_provider": "amphora",
        "load_balancer_allowed_cidrs": ("192.0.2.0/24",),
        "etcd_volume_type": "standard",
        "docker_volume_type": "standard",
        "boot_volume_type": "standard",
    }
    return Facts(
        external_network=ids.public,
        network_name="shape",
        fixed_network=ids.network if existing else "",
        fixed_subnet=ids.subnet if existing else "",
        security_group=ids.group,
        load_balanced=row.get("load_balancer", OFF) != OFF,
        load_balancer_floating=row.get("load_balancer") == FLOATING,
        floating=row["floating"],
        etcd_volume_size=row.get("etcd_volume", 0),
        docker_volume_size=row["docker_volume"],
        master_docker_volume_size=row["docker_volume"],
        boot_volume_size=row["boot_volume"],
        **(written_out if row["written_out"] else {}),
    )


def resources_of(row: dict[str, Any], *, of_a_group: bool = False) -> Counter[str]:
    """Count what there is to be, by type."""
    masters = 0 if of_a_group else row["masters"]
    balanced = row.get("load_balancer", OFF)
    all_nodes = masters + WORKERS
    running = all_nodes if row["servers"] else 0
    etcd_volumes = masters * row.get("etcd_volume", 0)
    docker_volumes = all_nodes * row["docker_volume"]
    counts = {
        "OS::Nova::ServerGroup": 1 if of_a_group else 2,
        "OS::Neutron::Port": all_nodes,
        "OS::Neutron::FloatingIP": all_nodes * row["floating"] + (balanced == FLOATING),
        "OS::Octavia::PoolMember": masters if balanced != OFF else 0,
        "OS::Cinder::Volume": etcd_volumes + docker_volumes + running * row["boot_volume"],
        "OS::Cinder::VolumeAttachment": etcd_volumes + docker_volumes if row["servers"] else 0,
        "OS::Nova::Server": running,
        "OS::Heat::WaitConditionHandle": running,
        "OS::Heat::WaitCondition": running,
    }
    if not of_a_group:
        counts |= {"OS::Neutron::SecurityGroup": 2, "OS::Neutron::SecurityGroupRule": 2}
        for kind in ("Net", "Subnet", "Router", "RouterInterface"):
            counts[f"OS::Neutron::{kind}"] = int(row["private"])
        for kind in ("LoadBalancer", "Listener", "Pool", "HealthMonitor"):
            counts[f"OS::Octavia::{kind}"] = int(balanced != OFF)
    return Counter({kind: count for kind, count in counts.items() if count})


def previewed(resources: Any) -> Counter[str]:
    """Count what a preview names, in stacks of stacks."""
    found: Counter[str] = Counter()
    for resource in resources:
        if isinstance(resource, list):
            found += previewed(resource)
        else:
            found[resource["resource_type"]] += 1
    return found
