"""From rows and labels to what a stack is made from. Pure, but for the network that exists already, which is told."""

from magnum.conf.settings import Settings
from magnum.drivers.base import DriverContext
from magnum.drivers.heat.desired import MASTER, WORKER
from magnum.drivers.heat.parameters import Facts
from magnum.drivers.heat.seen import Seen
from magnum.drivers.kubernetes.values import DEFAULT_PORT, read_values
from magnum.model import label_registry

from .labels import given
from .node_stacks import NodeStack

DEFAULT_SET_UP_MINUTES = 60


def is_floating(context: DriverContext) -> bool:
    wanted = context.cluster.floating_ip_enabled
    return context.template.floating_ip_enabled if wanted is None else wanted


def facts_of(
    context: DriverContext, settings: Settings, stack: NodeStack, cluster: Seen | None, subnet_cidr: str | None
) -> Facts:
    """Give those of one stack; `cluster` is the cluster's own, where that is another one.

    `subnet_cidr` is that of an existing subnet.
    """
    row, template, labels = context.cluster, context.template, given(context.cluster.labels)
    values = read_values(template, row.labels)
    balancer_floats = label_registry.read(row.labels, "master_lb_floating_ip_enabled", "")
    return Facts(
        external_network=template.external_network_id or "",
        network_name=row.name or row.uuid,
        fixed_network=(cluster.network or "") if cluster else row.fixed_network or "",
        fixed_subnet=(cluster.subnet or "") if cluster else row.fixed_subnet or "",
        fixed_subnet_cidr=subnet_cidr or labels["fixed_subnet_cidr"],
        dns_nameservers=tuple(filter(None, map(str.strip, (template.dns_nameserver or "8.8.8.8").split(",")))),
        security_group=(cluster.worker_security_group or "") if cluster else "",
        load_balanced=bool(row.master_lb_enabled),
        load_balancer_floating=is_floating(context) if balancer_floats is None else bool(balancer_floats),
        load_balancer_provider=labels["octavia_provider"],
        load_balancer_algorithm=labels["octavia_lb_algorithm"],
        load_balancer_allowed_cidrs=tuple(filter(None, labels["master_lb_allowed_cidrs"].split(","))),
        api_port=template.apiserver_port or DEFAULT_PORT,
        floating=is_floating(context),
        pods_cidr=str(values.pods),
        ssh_key_name=row.keypair or template.keypair_id or "",
        affinity=settings.cluster.nodes_affinity_policy,
        availability_zone=labels["availability_zone"],
        boot_volume_size=int(row.labels.get("boot_volume_size") or settings.cinder.default_boot_volume_size),
        boot_volume_type=labels["boot_volume_type"] or settings.cinder.default_boot_volume_type,
        etcd_volume_size=int(labels["etcd_volume_size"]),
        etcd_volume_type=labels["etcd_volume_type"] or settings.cinder.default_etcd_volume_type,
        docker_volume_size=_docker_volume(stack, WORKER),
        master_docker_volume_size=_docker_volume(stack, MASTER),
        docker_volume_type=labels["docker_volume_type"] or settings.cinder.default_docker_volume_type,
        # Always the same while the cluster lives: Heat would begin to wait anew for nodes that have long been set up.
        wait_condition_timeout=60 * (row.create_timeout or DEFAULT_SET_UP_MINUTES),
    )


def _docker_volume(stack: NodeStack, role: str) -> int:
    group = stack.groups.get(role)
    return 0 if group is None else group.docker_volume_size or 0
