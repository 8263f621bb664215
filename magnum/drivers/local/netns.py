"""A machine's network: a namespace whose `eth0` is plugged into its cluster's bridge, with its address already set.

It is made anew for every boot, so there is nothing to repair after a crash. The hardware address follows from the IP
address: after a reboot the neighbours' tables are still right.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

from magnum.drivers.local.commands import run
from magnum.drivers.local.names import HostNames, MachineNames
from magnum.drivers.local.networks import Network

NETNS_FOLDER = Path("/run/netns")
INTERFACES = Path("/sys/class/net")


def plug(names: MachineNames, network: Network, address: IPv4Address, *, default_route: bool, timeout: float) -> None:
    unplug(names, timeout=timeout)
    hardware = hardware_address(address)
    _batch(
        (
            f"netns add {names.netns}",
            f"link add name {names.veth} type veth peer name eth0 address {hardware} netns {names.netns}",
            f"link set dev {names.veth} master {network.bridge} up",
        ),
        timeout=timeout,
    )
    inside = [
        "link set dev lo up",
        f"address add {address}/{network.subnet.prefixlen} dev eth0",
        "link set dev eth0 up",
    ]
    if default_route:
        inside.append(f"route add default via {network.gateway}")
    _batch(inside, "-netns", names.netns, timeout=timeout)


def unplug(names: MachineNames, *, timeout: float) -> None:
    _remove_link(names.veth, timeout=timeout)
    _remove_netns(names.netns, timeout=timeout)


def remove_all(names: HostNames, *, timeout: float) -> None:
    """Remove whatever belongs to a state directory, to known machines or not."""
    for entry in INTERFACES.glob(names.veth_prefix + "*"):
        _remove_link(entry.name, timeout=timeout)
    for entry in NETNS_FOLDER.glob(names.netns_prefix + "*"):
        _remove_netns(entry.name, timeout=timeout)


def hardware_address(address: IPv4Address) -> str:
    """Give a locally administered address that no other machine of this host has."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x4D, *address.packed))


def _remove_link(name: str, *, timeout: float) -> None:
    if (INTERFACES / name).exists():
        _batch((f"link delete dev {name}",), timeout=timeout)


def _remove_netns(name: str, *, timeout: float) -> None:
    if (NETNS_FOLDER / name).exists():
        _batch((f"netns delete {name}",), timeout=timeout)


def _batch(lines: Sequence[str], *options: str, timeout: float) -> None:
    run(["ip", *options, "-batch", "-"], timeout=timeout, stdin="\n".join(lines) + "\n")
