from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from magnum.drivers.local import netns
from magnum.drivers.local.names import HostNames
from magnum.drivers.local.networks import Network

CLUSTER = "3f0c1a52-0000-4000-8000-000000000001"
NAMES = HostNames(Path("/srv/var"))
MACHINE = NAMES.machine(CLUSTER, "one")
NETWORK = Network.of(CLUSTER, IPv4Network("10.77.7.0/24"))


@pytest.fixture
def folders(monkeypatch, tmp_path):
    for name in ("NETNS_FOLDER", "INTERFACES"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(netns, name, tmp_path / name)
    return tmp_path


def plug(**options):
    netns.plug(MACHINE, NETWORK, IPv4Address("10.77.7.10"), timeout=1, **options)


def test_a_machine_gets_its_address_before_it_starts(imaginary, folders):
    plug(default_route=False)
    outside, inside = imaginary.batches()
    assert f"netns add {MACHINE.netns}" in outside
    assert f"link set dev {MACHINE.veth} master {NETWORK.bridge} up" in outside
    assert "address add 10.77.7.10/24 dev eth0" in inside
    assert "default" not in inside


def test_with_egress_the_gateway_is_the_way_out(imaginary, folders):
    plug(default_route=True)
    assert "route add default via 10.77.7.1" in imaginary.batches()[1]


def test_what_an_earlier_boot_left_goes_first(imaginary, folders):
    (folders / "NETNS_FOLDER" / MACHINE.netns).touch()
    (folders / "INTERFACES" / MACHINE.veth).touch()
    plug(default_route=False)
    assert imaginary.batches()[:2] == [f"link delete dev {MACHINE.veth}\n", f"netns delete {MACHINE.netns}\n"]


def test_unplugging_what_is_not_there_does_nothing(imaginary, folders):
    netns.unplug(MACHINE, timeout=1)
    assert imaginary.commands == []


def test_cleaning_leaves_what_belongs_to_others(imaginary, folders):
    stranger = HostNames(Path("/srv/other")).machine(CLUSTER, "one")
    for machine in (MACHINE, stranger):
        (folders / "NETNS_FOLDER" / machine.netns).touch()
        (folders / "INTERFACES" / machine.veth).touch()
    netns.remove_all(NAMES, timeout=1)
    assert imaginary.batches() == [f"link delete dev {MACHINE.veth}\n", f"netns delete {MACHINE.netns}\n"]


def test_a_hardware_address_is_local_and_follows_from_the_address():
    assert netns.hardware_address(IPv4Address("10.77.7.10")) == "02:4d:0a:4d:07:0a"
