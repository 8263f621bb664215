import logging
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network

import msgspec
import pytest

from lab import address
from lab.guests.__main__ import news
from lab.guests.cloud import Action, FixedAddress, FloatingAddress, Networks, Port, Server, Subnet
from lab.guests.servers import Known, Step, Watch, next_step, wanted
from lab.guests.topology import plan
from lab.settings import FEWEST_PORTS, RANGES, SERVERS, Lab, Written, halves

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OUTSIDE, INSIDE, OTHER = "out00000-0000", "in000000-0000", "two00000-0000"
FLOATING = IPv4Network("100.69.222.0/23")
SERVICES = "100.69.220.1"
SUBNETS = (
    Subnet(id="o", network_id=OUTSIDE, cidr=str(FLOATING), gateway_ip="100.69.222.1"),
    Subnet(id="i", network_id=INSIDE, cidr="10.0.10.0/24", gateway_ip="10.0.10.1"),
    Subnet(id="t", network_id=OTHER, cidr="10.0.10.0/24", gateway_ip="10.0.10.1"),
)
SERVER = {
    "id": "91c4f034-7350-4f24-aa7b-248a7d9be80b",
    "name": "One Two",
    "status": "ACTIVE",
    "flavor": {"vcpus": 1, "ram": 512, "original_name": "m1.tiny"},
    "updated": "2026-01-01T00:00:00Z",
    "user_id": "u",
    "tenant_id": "t",
    "image": "",
    "key_name": None,
    "OS-EXT-SRV-ATTR:hostname": "one-two",
    "OS-EXT-SRV-ATTR:user_data": "I2Nsb3VkLWNvbmZpZwo=",
}


def port(number, network, ip, owner, device):
    return Port(
        id=f"p{number}000000-0000-0000",
        network_id=network,
        mac_address=f"fa:16:3e:00:00:0{number}",
        device_id=device,
        device_owner=owner,
        fixed_ips=(FixedAddress(network[0], ip),),
    )


ROUTER = (
    port(1, INSIDE, "10.0.10.1", "network:router_interface", "router"),
    port(2, OUTSIDE, "100.69.222.9", "network:router_gateway", "router"),
)


def planned(*ports, floating=()):
    return plan(Networks(ports, SUBNETS, tuple(floating)), FLOATING, SERVICES)


@pytest.mark.parametrize(("first", "second"), [(5000, 5018), (5015, 5033), (6000, 65000)])
def test_labs_with_ports_of_their_own_have_addresses_of_their_own(first, second):
    assert FEWEST_PORTS <= len(SERVERS) <= address.OPEN_PORTS
    for one in halves(first):
        assert one.subnet_of(RANGES)
        assert not any(one.overlaps(other) for other in halves(second))


def test_guests_reach_the_labs_ports_and_nothing_else_of_the_host(tmp_path):
    lab = Lab(tmp_path, tmp_path, tmp_path, Written(port=6000, password="p", key="k", address=SERVICES))
    accepted = [line for line in address.ruleset(lab).splitlines() if "accept" in line and "dport" in line]
    assert accepted == [f"        ip saddr {lab.floating} ip daddr {SERVICES} tcp dport 6000-6031 accept"]


def test_networks_with_the_same_addresses_have_bridges_of_their_own():
    one = port(3, INSIDE, "10.0.10.5", "compute:nova", "one")
    other = port(4, OTHER, "10.0.10.5", "compute:nova", "other")
    topology = planned(one, other)
    links = [topology.guests[name].links[0] for name in ("one", "other")]
    assert [link.addresses for link in links] == [("10.0.10.5/24",)] * 2
    assert links[0].bridge != links[1].bridge
    assert {link.bridge for link in links} < topology.bridges
    assert all(len(name) < 16 for name in (links[0].tap, links[0].bridge))


def test_a_guest_has_its_ports_in_order_and_one_way_out():
    ports = [port(number, INSIDE, f"10.0.10.{number}", "compute:nova", "one") for number in (5, 3)]
    guest = planned(*ports).guests["one"]
    assert [(link.name, link.hardware[-1]) for link in guest.links] == [("eth0", "3"), ("eth1", "5")]
    assert guest.routes == ("default via 10.0.10.1",)
    assert guest.rules == ""


def test_a_router_translates_addresses_that_float_before_its_own():
    floating = FloatingAddress(
        floating_ip_address="100.69.222.50",
        floating_network_id=OUTSIDE,
        fixed_ip_address="10.0.10.5",
        router_id="router",
    )
    unused = msgspec.structs.replace(floating, floating_ip_address="100.69.222.51", fixed_ip_address=None)
    router = planned(*ROUTER, floating=[floating, unused]).routers["router"]
    outside = next(link for link in router.links if link.name == "outside")
    assert outside.addresses == ("100.69.222.9/23", "100.69.222.50/32")
    assert router.routes == ("default via 100.69.222.1",)
    assert "ip daddr 100.69.222.50 dnat to 10.0.10.5" in router.rules
    assert router.rules.index("snat to 100.69.222.50") < router.rules.index("snat to 100.69.222.9")


def test_a_router_without_a_way_out_has_none():
    router = planned(ROUTER[0]).routers["router"]
    assert router.routes == ()
    assert router.rules == "flush ruleset\n"


def test_the_host_is_the_gateway_of_the_external_network():
    topology = planned(*ROUTER)
    assert topology.uplink_address == "100.69.222.1/23"
    assert topology.uplink_bridge in topology.bridges


def test_ports_of_nobody_are_nobodys():
    topology = planned(port(3, INSIDE, "10.0.10.5", "", ""), port(4, INSIDE, "10.0.10.6", "network:dhcp", "d"))
    assert (topology.guests, topology.routers, topology.balancers) == ({}, {}, {})


def test_a_server_is_read_as_nova_tells_of_it():
    server = msgspec.convert(SERVER, Server)
    assert server.host_name == "one-two"
    assert server.user_data == "#cloud-config\n"
    assert "cloud-config" not in repr(server)


ASKED = Known("made", "booted")


@pytest.mark.parametrize(
    ("status", "known", "running", "step"),
    [
        ("ACTIVE", None, False, Step.MAKE),
        ("ACTIVE", ASKED, True, Step.NOTHING),
        ("ACTIVE", ASKED, False, Step.START),
        ("ACTIVE", Known("made", "earlier"), True, Step.RESTART),
        ("ACTIVE", Known("made", "earlier"), False, Step.START),
        ("ACTIVE", Known("earlier", "booted"), True, Step.MAKE),
        ("SHUTOFF", ASKED, True, Step.STOP),
        ("SHUTOFF", ASKED, False, Step.NOTHING),
        ("SHUTOFF", None, False, Step.NOTHING),
        ("BUILD", None, False, Step.NOTHING),
        ("HARD_REBOOT", ASKED, True, Step.NOTHING),
        ("ERROR", ASKED, True, Step.NOTHING),
    ],
)
def test_the_machine_follows_its_server(status, known, running, step):
    assert next_step(status, ASKED, known, running=running) is step


def test_what_made_a_disk_and_what_switched_it_on_are_the_latest_of_their_kind():
    actions = [("lock", "5"), ("reboot", "4"), ("rebuild", "3"), ("start", "2"), ("create", "1")]
    assert wanted(Action(*one) for one in actions) == Known("3", "4")
    assert wanted(Action(*one) for one in actions[2:]) == Known("3", "3")


def test_nova_is_asked_again_only_when_something_may_have_been_asked_of_a_server():
    asked, times = [], [NOW + timedelta(seconds=1)]
    watch = Watch(lambda server: asked.append(server) or [Action("create", "1")], lambda: times[-1])
    server = msgspec.convert(SERVER, Server)
    for seconds, often in ((1, 1), (5, 2), (60, 2), (70, 2)):  # it was not changed long ago, at first
        times.append(NOW + timedelta(seconds=seconds))
        assert watch.wanted(server) == Known("1", "1")
        assert len(asked) == often
    watch.wanted(msgspec.structs.replace(server, updated="2026-01-01T00:00:30Z"))
    assert len(asked) == 3


def test_a_router_whose_way_out_leads_nowhere_has_no_route():
    nowhere = [msgspec.structs.replace(subnet, gateway_ip=None) for subnet in SUBNETS]
    assert plan(Networks(ROUTER, tuple(nowhere), ()), FLOATING, SERVICES).routers["router"].routes == ()


def test_what_fails_again_and_again_is_told_once_in_a_while():
    times = [0.0]
    is_new = news(lambda: times[-1])

    def told(text):
        return is_new(logging.makeLogRecord({"msg": text}))

    assert told("it fails")
    times.append(30.0)
    assert not told("it fails")
    assert told("another fails")
    times.append(61.0)
    assert told("it fails")
