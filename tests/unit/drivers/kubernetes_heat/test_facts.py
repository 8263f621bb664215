import msgspec
import pytest
from kubernetes_rows import Context

from magnum.conf.settings import Settings
from magnum.drivers.heat.seen import Seen, SeenGroup
from magnum.drivers.kubernetes_heat.facts import facts_of
from magnum.drivers.kubernetes_heat.node_stacks import NodeStack
from magnum.openstack.heat import Stack

SEEN = Seen(
    stack=Stack("1", "web", "CREATE_COMPLETE"),
    operation=None,
    content=None,
    masters=SeenGroup(),
    workers=SeenGroup(),
    network="n",
    subnet="s",
    worker_security_group="g",
)


def facts(context=None, seen=None, cidr=None, **cluster):
    context = context or Context()
    context.cluster = msgspec.structs.replace(context.cluster, **cluster)
    masters, workers = context.nodegroups
    return facts_of(context, Settings(), NodeStack("web", {"master": masters, "worker": workers}), seen, cidr)


def test_what_its_owner_does_not_say():
    told = facts()
    assert (told.fixed_network, told.fixed_subnet_cidr, told.dns_nameservers) == ("", "10.0.0.0/24", ("8.8.8.8",))
    assert (told.etcd_volume_size, told.docker_volume_size, told.boot_volume_size) == (10, 0, 0)
    assert (told.api_port, told.load_balanced, told.floating) == (6443, False, True)


def test_labels_are_taken_and_an_empty_one_is_none():
    told = facts(Context(labels={"etcd_volume_size": "", "boot_volume_size": "7", "availability_zone": "b"}))
    assert (told.etcd_volume_size, told.boot_volume_size, told.availability_zone) == (10, 7, "b")
    assert facts(Context(labels={"etcd_volume_size": "0"})).etcd_volume_size == 0


def test_an_existing_subnet_keeps_its_addresses():
    told = facts(fixed_network="mine", fixed_subnet="part", cidr="192.168.7.0/24")
    assert (told.fixed_network, told.fixed_subnet, told.fixed_subnet_cidr) == ("mine", "part", "192.168.7.0/24")


@pytest.mark.parametrize(
    ("label", "floating", "expected"),
    [("", True, True), ("", False, False), ("false", True, False), ("true", False, True)],
)
def test_the_load_balancer_floats_as_nodes_do_unless_a_label_says_otherwise(label, floating, expected):
    told = facts(Context(labels={"master_lb_floating_ip_enabled": label}), floating_ip_enabled=floating)
    assert (told.load_balancer_floating, told.floating) == (expected, floating)


def test_a_stack_of_its_own_is_in_the_clusters_network():
    told = facts(seen=SEEN)
    assert (told.fixed_network, told.fixed_subnet, told.security_group) == ("n", "s", "g")


def test_nodes_are_waited_for_as_long_all_their_life():
    """Heat would begin to wait anew, were it to change."""
    assert facts().wait_condition_timeout == 3600
    assert facts(create_timeout=20).wait_condition_timeout == 1200
