"""Makes of a plan the namespaces, bridges and cables of this host, and takes away what is not in it.

It looks at what is there and changes the difference, so it may be done again at any time, after a crash too. What is
removed is removed by its link: a namespace goes only when the kernel finds time for it.

A guest's namespace is made when the guest is switched on, with all that its ports say: afterwards what is in it is the
guest's own.
"""

import json
from collections.abc import Iterable

from lab.address import uplink
from lab.settings import Lab
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.netns import INTERFACES, NETNS_FOLDER

from .topology import Link, Node, Topology

SECONDS = 20.0
UPLINK = "uplink"
"""The host's cable, as the fabric sees it."""


class Wiring:
    def __init__(self, lab: Lab) -> None:
        self._prefix = f"lab{lab.written.port}-"
        self._uplink = uplink(lab)
        self.fabric = f"{self._prefix}fabric"

    def namespace(self, kind: str, device: str) -> str:
        return f"{self._prefix}{kind}-{device}"

    def apply(self, topology: Topology) -> list[LocalError]:
        """Make it so, but for guests; give what could not be done, which keeps nobody else from his network."""
        self._make_namespace(self.fabric)
        self._make_bridges(topology.bridges)
        if topology.uplink_bridge:
            self._make_uplink(topology.uplink_bridge, topology.uplink_address)
        wanted = {self.namespace("router", device): node for device, node in topology.routers.items()}
        wanted |= {self.namespace("balancer", device): node for device, node in topology.balancers.items()}
        self._remove_taps(link.tap for node in (*wanted.values(), *topology.guests.values()) for link in node.links)
        failures = []
        for name, node in wanted.items():
            try:
                self.ensure(name, node)
            except LocalError as error:
                failures.append(error)
        for name in self.namespaces():
            if name not in wanted and not name.startswith((self.fabric, self.namespace("guest", ""))):
                self.remove(name)
        return failures

    def ensure(self, name: str, node: Node) -> None:
        """Make a namespace, or change it to what it is to be."""
        self._make_namespace(name)
        present = self._addresses(name)
        taps = self._taps()
        lines = ["link set dev lo up"]
        for link in node.links:
            if link.name not in present or taps.get(link.tap) != name:
                self._make_cable(name, link)
                present[link.name] = set()
            wanted, there = {*link.addresses}, present[link.name]
            lines += [f"address add {address} dev {link.name}" for address in link.addresses if address not in there]
            lines += [f"address delete {address} dev {link.name}" for address in sorted(there - wanted)]
            lines.append(f"link set dev {link.name} up")
        self._ip(name, *lines, *(f"route replace {route}" for route in node.routes))
        if node.rules:
            run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1"], timeout=SECONDS)
            run(["ip", "netns", "exec", name, "nft", "--file", "-"], timeout=SECONDS, stdin=node.rules)

    def remake(self, name: str, node: Node) -> None:
        """Make a namespace from nothing, as for a computer that is switched on."""
        self.remove(name)
        self.ensure(name, node)

    def remove(self, name: str) -> None:
        if name in self.namespaces():
            self._ip(self.fabric, *(f"link delete dev {tap}" for tap, owner in self._taps().items() if owner == name))
            self._ip(None, f"netns delete {name}")

    def remove_all(self) -> None:
        """Leave nothing on the host."""
        if (INTERFACES / self._uplink).exists():
            self._ip(None, f"link delete dev {self._uplink}")
        names = self.namespaces()
        if self.fabric in names:
            self._remove_taps(())
        for name in names:
            self._ip(None, f"netns delete {name}")

    def namespaces(self) -> list[str]:
        return sorted(entry.name for entry in NETNS_FOLDER.glob(f"{self._prefix}*"))

    # -- inside ------------------------------------------------------------------------------------------------------

    def _make_namespace(self, name: str) -> None:
        if not (NETNS_FOLDER / name).exists():
            self._ip(None, f"netns add {name}")

    def _make_bridges(self, wanted: Iterable[str]) -> None:
        present = {name for name in self._links(self.fabric) if name.startswith("b")}
        self._ip(self.fabric, *(f"link delete dev {name}" for name in present - {*wanted}))
        for name in {*wanted} - present:
            self._ip(self.fabric, f"link add name {name} type bridge", f"link set dev {name} up")

    def _make_uplink(self, bridge: str, address: str) -> None:
        if not (INTERFACES / self._uplink).exists():
            self._ip(None, f"link add name {self._uplink} type veth peer name {UPLINK} netns {self.fabric}")
        self._ip(self.fabric, f"link set dev {UPLINK} master {bridge} up")
        self._ip(None, f"address replace {address} dev {self._uplink}", f"link set dev {self._uplink} up")

    def _make_cable(self, name: str, link: Link) -> None:
        if link.tap in self._taps():
            self._ip(self.fabric, f"link delete dev {link.tap}")
        self._ip(
            self.fabric,
            f"link add name {link.tap} type veth peer name {link.name} address {link.hardware} netns {name}",
            f"link set dev {link.tap} master {link.bridge} alias {name} up",
        )

    def _remove_taps(self, wanted: Iterable[str]) -> None:
        """Remove cables of ports that are no more."""
        self._ip(self.fabric, *(f"link delete dev {name}" for name in sorted(self._taps().keys() - {*wanted})))

    def _taps(self) -> dict[str, str]:
        """Give the cables, each with the namespace that it leads to."""
        return {name: owner for name, owner in self._links(self.fabric).items() if name.startswith("t")}

    def _links(self, name: str) -> dict[str, str]:
        """Give the interfaces of a namespace with what is noted of each."""
        listed = json.loads(run(["ip", "-netns", name, "-json", "link", "show"], timeout=SECONDS) or "[]")
        return {link["ifname"]: link.get("ifalias", "") for link in listed}

    def _addresses(self, name: str) -> dict[str, set[str]]:
        """Give the addresses of each interface but loopback."""
        listed = json.loads(run(["ip", "-netns", name, "-json", "-4", "address", "show"], timeout=SECONDS) or "[]")
        found = {link: set[str]() for link in self._links(name) if link != "lo"}
        for link in listed:
            if link.get("ifname") in found:
                found[link["ifname"]] = {f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"]}
        return found

    def _ip(self, name: str | None, *lines: str) -> None:
        if lines:
            where = ["-netns", name] if name else []
            run(["ip", *where, "-batch", "-"], timeout=SECONDS, stdin="\n".join(lines) + "\n")
