import uuid
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.drivers.local import names
from magnum.drivers.local.errors import InvalidNameError
from magnum.drivers.local.names import HostNames, bridge_name, cluster_folder, is_bridge_name

CLUSTER = "3f0c1a52-0000-4000-8000-000000000001"
HERE, THERE = HostNames(Path("/srv/a/var")), HostNames(Path("/srv/b/var"))

clusters = st.uuids().map(str)
machine_names = st.from_regex(names._HOST_NAME, fullmatch=True)
subnets = st.integers(min_value=0, max_value=2**24 - 1).map(lambda index: IPv4Network((index << 8, 24)))


@given(cluster=clusters, name=machine_names)
def test_every_name_is_short_enough_for_the_kernel_and_carries_its_owner(cluster, name):
    machine = HERE.machine(cluster, name)
    assert len(machine.veth) <= 15
    assert machine.veth.startswith(HERE.veth_prefix)
    assert machine.netns.startswith(HERE.netns_prefix)
    assert len(machine.netns) <= 64
    assert machine == HostNames(Path("/srv/a/var")).machine(cluster, name)


@given(cluster=clusters, name=machine_names, other_cluster=clusters, other_name=machine_names)
def test_machines_do_not_share_names(cluster, name, other_cluster, other_name):
    if (cluster, name) != (other_cluster, other_name):
        assert HERE.machine(cluster, name) != HERE.machine(other_cluster, other_name)
    assert HERE.machine(cluster, name).veth != THERE.machine(cluster, name).veth


def test_one_state_directory_does_not_recognise_another_ones_things():
    assert not THERE.machine(CLUSTER, "a").veth.startswith(HERE.veth_prefix)
    assert not THERE.machine(CLUSTER, "a").netns.startswith(HERE.netns_prefix)
    assert not THERE.table("magnum-0a4d0000").startswith(HERE.table_prefix)
    assert not THERE.bridge_alias(CLUSTER).startswith(HERE.bridge_alias_prefix)
    assert THERE.cgroup != HERE.cgroup


def test_a_directory_has_one_owner_however_it_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert HostNames(tmp_path / "link").owner == HostNames(tmp_path / "real").owner


@given(subnet=subnets, other=subnets)
def test_a_bridge_is_named_after_its_subnet_alone(subnet, other):
    assert is_bridge_name(bridge_name(subnet))
    assert len(bridge_name(subnet)) <= 15
    assert (bridge_name(subnet) == bridge_name(other)) == (subnet == other)


def test_bridges_of_others_are_not_taken_for_ours():
    assert bridge_name(IPv4Network("10.77.12.0/24")) == "magnum-0a4d0c00"
    for name in ("magnum-1", "magnum-0A4D0C00", "magnum-0a4d0c00x", "docker0"):
        assert not is_bridge_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a/b", "..", "A", "a.b", "a" * 64, "a\n", "é"])
def test_a_machines_name_cannot_leave_its_folder(name):
    with pytest.raises(InvalidNameError, match="no name for a machine"):
        HERE.machine(CLUSTER, name)


@pytest.mark.parametrize("cluster", ["", "..", "../x", CLUSTER.upper(), CLUSTER + "/..", CLUSTER + "\n", "x" * 500])
def test_a_cluster_is_named_by_its_uuid_only(cluster):
    with pytest.raises(InvalidNameError, match="not the UUID of a cluster") as refused:
        cluster_folder(Path("/state"), cluster)
    assert len(str(refused.value)) < 200


def test_folders_lie_below_the_state_directory():
    cluster = str(uuid.UUID(int=5))
    assert cluster_folder(Path("/state"), cluster) == Path("/state/clusters") / cluster
