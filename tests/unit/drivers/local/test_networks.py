import threading
from ipaddress import IPv4Address, IPv4Network

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.drivers.local.errors import CommandError, SubnetsExhaustedError, SubnetTakenError
from magnum.drivers.local.names import HostNames, bridge_name
from magnum.drivers.local.networks import Networks, candidate_subnets, destinations

CLUSTER = "3f0c1a52-0000-4000-8000-000000000001"
OTHER = "3f0c1a52-0000-4000-8000-000000000002"


@pytest.fixture
def networks(settings, imaginary):
    return Networks(settings, HostNames(settings.state_dir))


def test_a_network_is_made_claimed_and_remembered(settings, imaginary, networks):
    network = networks.ensure(CLUSTER, egress=False)
    assert network.subnet.subnet_of(settings.network_pool)
    assert network.gateway == network.subnet[1]
    assert imaginary.bridges == {network.bridge: HostNames(settings.state_dir).bridge_alias(CLUSTER)}
    assert any(f"address replace {network.gateway}/24 dev {network.bridge}" in batch for batch in imaginary.batches())
    assert list(imaginary.tables) == [HostNames(settings.state_dir).table(network.bridge)]
    assert networks.find(CLUSTER) == network


def test_it_may_be_asked_for_again(imaginary, networks):
    network = networks.ensure(CLUSTER, egress=False)
    assert networks.ensure(CLUSTER, egress=False) == network
    assert len(imaginary.bridges) == 1


def test_the_subnet_survives_the_end_of_the_host(imaginary, networks):
    network = networks.ensure(CLUSTER, egress=False)
    imaginary.bridges.clear()
    imaginary.tables.clear()
    assert networks.find(CLUSTER) == network
    assert networks.ensure(CLUSTER, egress=False) == network
    assert network.bridge in imaginary.bridges


def test_taking_it_down_keeps_the_memory_and_forgetting_does_not(settings, imaginary, networks):
    network = networks.ensure(CLUSTER, egress=False)
    networks.take_down(CLUSTER)
    assert (imaginary.bridges, imaginary.tables) == ({}, {})
    assert networks.find(CLUSTER) == network
    networks.forget(CLUSTER)
    networks.forget(CLUSTER)
    assert networks.find(CLUSTER) is None
    assert list((settings.state_dir / "clusters").iterdir()) == []


def test_a_claim_that_died_before_it_was_remembered_is_found_by_its_alias(settings, imaginary, networks):
    subnet = IPv4Network("10.77.200.0/24")
    imaginary.bridges[bridge_name(subnet)] = HostNames(settings.state_dir).bridge_alias(CLUSTER)
    imaginary.routes.append({"dst": str(subnet)})  # its own
    assert networks.ensure(CLUSTER, egress=False).subnet == subnet


def test_a_bridge_that_nobody_claimed_is_removed(imaginary, networks):
    imaginary.bridges["magnum-0a4d0900"] = None
    imaginary.bridges["docker0"] = None
    networks.ensure(CLUSTER, egress=False)
    assert "magnum-0a4d0900" not in imaginary.bridges
    assert "docker0" in imaginary.bridges


def test_subnets_in_use_are_left_alone(settings, imaginary, networks):
    first, second, third = list(candidate_subnets(settings.network_pool, 24, CLUSTER))[:3]
    imaginary.bridges[bridge_name(first)] = "magnum zzzzz somebody"
    imaginary.routes += [{"dst": "default"}, {"dst": str(second[7])}]
    assert networks.ensure(CLUSTER, egress=False).subnet == third


@pytest.mark.parametrize("thief", ["bridge", "route"])
def test_a_remembered_subnet_that_was_taken_meanwhile_is_told(imaginary, networks, thief):
    network = networks.ensure(CLUSTER, egress=False)
    imaginary.bridges.clear()
    if thief == "bridge":
        imaginary.bridges[network.bridge] = "magnum zzzzz somebody"
    else:
        imaginary.routes.append({"dst": str(network.subnet)})
    with pytest.raises(SubnetTakenError, match=str(network.subnet)):
        networks.ensure(CLUSTER, egress=False)


def test_a_full_pool_is_told(settings, imaginary):
    small = msgspec.structs.replace(settings, network_pool=IPv4Network("10.77.0.0/23"))
    imaginary.routes.append({"dst": "10.0.0.0/8"})
    with pytest.raises(SubnetsExhaustedError, match=r"10\.77\.0\.0/23"):
        Networks(small, HostNames(small.state_dir)).ensure(CLUSTER, egress=False)


def test_a_failure_half_way_is_repaired_by_the_next_try(imaginary, networks):
    imaginary.fails = ("nft",)
    with pytest.raises(CommandError):
        networks.ensure(CLUSTER, egress=False)
    imaginary.fails = ()
    network = networks.ensure(CLUSTER, egress=False)
    assert list(imaginary.bridges) == [network.bridge]
    assert len(imaginary.tables) == 1


def test_two_services_that_start_at_once_get_different_subnets(settings, imaginary, tmp_path):
    both = [msgspec.structs.replace(settings, state_dir=tmp_path / name) for name in ("a", "b")]
    owners = [Networks(one, HostNames(one.state_dir)) for one in both]
    found = []
    threads = [
        threading.Thread(target=lambda owner=owner: found.append(owner.ensure(CLUSTER, egress=False)))
        for owner in owners
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({network.subnet for network in found}) == 2


def test_cleaning_removes_what_is_ours_and_nothing_else(settings, imaginary, networks, tmp_path):
    networks.ensure(CLUSTER, egress=False)
    elsewhere = msgspec.structs.replace(settings, state_dir=tmp_path / "elsewhere")
    theirs = Networks(elsewhere, HostNames(elsewhere.state_dir)).ensure(OTHER, egress=False)
    imaginary.tables[HostNames(settings.state_dir).table_prefix + "orphan"] = ""
    networks.clean()
    assert list(imaginary.bridges) == [theirs.bridge]
    assert list(imaginary.tables) == [HostNames(elsewhere.state_dir).table(theirs.bridge)]


@given(
    prefix=st.integers(min_value=20, max_value=29),
    pool_prefix=st.integers(min_value=16, max_value=20),
    cluster=st.uuids().map(str),
)
def test_every_subnet_of_the_pool_is_a_candidate_once(prefix, pool_prefix, cluster):
    pool = IPv4Network((int(IPv4Address("10.77.0.0")), pool_prefix))
    candidates = list(candidate_subnets(pool, prefix, cluster))
    assert sorted(candidates) == list(pool.subnets(new_prefix=prefix))


def test_clusters_start_their_search_at_different_places():
    starts = {next(candidate_subnets(IPv4Network("10.77.0.0/16"), 24, f"{CLUSTER[:-1]}{digit}")) for digit in range(10)}
    assert len(starts) > 5


def test_only_routes_to_somewhere_in_particular_count():
    routes = [{"dst": "default"}, {"dst": "0.0.0.0/1"}, {"dst": "127.0.0.1"}, {"dst": "10.0.0.0/8"}]
    assert list(destinations(routes)) == [IPv4Network("127.0.0.1/32"), IPv4Network("10.0.0.0/8")]
