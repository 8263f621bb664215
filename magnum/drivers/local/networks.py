"""One network per cluster: a Linux bridge in the host's own namespace, with the first address of its subnet.

Which subnet is decided once, when the cluster's network is made, and remembered in the state directory, because the
machines are addressed in it. A bridge is named after its subnet, so that two owners cannot have the same one; a lock of
the whole host is held while one is claimed, so a bridge without an alias, seen under the lock, was left by a claim that
died half-way. The search for a free subnet starts at a place that depends on the cluster: one that was stopped, and let
go of its bridge, will most likely find its subnet still free.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import msgspec

from magnum.certificates.private_files import write_private_file
from magnum.drivers.local import firewall, locks
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import SubnetsExhaustedError, SubnetTakenError
from magnum.drivers.local.folders import remove_if_empty
from magnum.drivers.local.names import HostNames, bridge_name, cluster_folder, is_bridge_name
from magnum.drivers.local.settings import LocalSettings

FILE = "network.json"
NARROW = 8


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster's network. Machines may have any of its addresses but the gateway's."""

    cluster_uuid: str
    bridge: str
    subnet: IPv4Network
    gateway: IPv4Address

    @classmethod
    def of(cls, cluster_uuid: str, subnet: IPv4Network) -> "Network":
        return cls(cluster_uuid=cluster_uuid, bridge=bridge_name(subnet), subnet=subnet, gateway=subnet[1])


class Networks:
    """The networks of one state directory."""

    def __init__(self, settings: LocalSettings, names: HostNames) -> None:
        self._settings = settings
        self._names = names
        self._timeout = settings.command_limit

    def ensure(self, cluster_uuid: str, *, egress: bool) -> Network:
        """Bring the network up, in the subnet that it always had."""
        alias = self._names.bridge_alias(cluster_uuid)
        with locks.exclusive(self._settings.claims_lock, timeout=self._settings.lock_limit):
            network = self.find(cluster_uuid)
            bridges = self._bridges()
            if network is None:
                network = Network.of(cluster_uuid, self._unclaimed(cluster_uuid, bridges))
            if bridges.get(network.bridge) != alias:
                self._claim(network, bridges)
            self._remember(network)
            self._configure(network, egress=egress)
        return network

    def find(self, cluster_uuid: str) -> Network | None:
        """Give the network as it is remembered, whether it is up or not."""
        try:
            remembered = json.loads((self._folder(cluster_uuid) / FILE).read_bytes())
        except FileNotFoundError:
            return None
        return Network.of(cluster_uuid, IPv4Network(remembered["subnet"]))

    def take_down(self, cluster_uuid: str) -> None:
        """Remove what the network has on the host; it stays remembered."""
        alias = self._names.bridge_alias(cluster_uuid)
        with locks.exclusive(self._settings.claims_lock, timeout=self._settings.lock_limit):
            firewall.remove_docker_exceptions(alias, timeout=self._timeout)
            for bridge in (bridge for bridge, owner in self._bridges().items() if owner == alias):
                self._remove(bridge)

    def forget(self, cluster_uuid: str) -> None:
        """Take the network down for good."""
        self.take_down(cluster_uuid)
        folder = self._folder(cluster_uuid)
        (folder / FILE).unlink(missing_ok=True)
        remove_if_empty(folder)

    def clean(self) -> None:
        """Remove all bridges and rules of this state directory, remembered or not."""
        with locks.exclusive(self._settings.claims_lock, timeout=self._settings.lock_limit):
            firewall.remove_docker_exceptions(self._names.bridge_alias_prefix, timeout=self._timeout)
            for bridge, owner in self._bridges().items():
                if owner.startswith(self._names.bridge_alias_prefix):
                    self._remove(bridge)
            for table in firewall.tables(self._names.table_prefix, timeout=self._timeout):
                firewall.remove(table, timeout=self._timeout)

    def _unclaimed(self, cluster_uuid: str, bridges: Mapping[str, str]) -> IPv4Network:
        """Choose the subnet: that of a bridge which already says it is ours, else a free one."""
        alias = self._names.bridge_alias(cluster_uuid)
        candidates = list(candidate_subnets(self._settings.network_pool, self._settings.network_prefix, cluster_uuid))
        for subnet in candidates:
            if bridges.get(bridge_name(subnet)) == alias:
                return subnet
        routed = self._routed()
        for subnet in candidates:
            if bridge_name(subnet) not in bridges and not any(subnet.overlaps(other) for other in routed):
                return subnet
        raise SubnetsExhaustedError(
            f"all /{self._settings.network_prefix} networks of {self._settings.network_pool} are in use on this host, "
            f"by {len(bridges)} clusters or by its routes: delete clusters, or configure another pool"
        )

    def _claim(self, network: Network, bridges: Mapping[str, str]) -> None:
        owner = bridges.get(network.bridge)
        clash = next((other for other in self._routed() if network.subnet.overlaps(other)), None)
        if owner or clash:
            raise SubnetTakenError(
                f"the machines of cluster {network.cluster_uuid} have addresses in {network.subnet}, which this host "
                f"now uses for something else ({owner or f'a route to {clash}'}): free it, then try again"
            )
        alias = self._names.bridge_alias(network.cluster_uuid)
        self._ip(f"link add name {network.bridge} type bridge", f'link set dev {network.bridge} alias "{alias}"')

    def _folder(self, cluster_uuid: str) -> Path:
        return cluster_folder(self._settings.state_dir, cluster_uuid)

    def _remember(self, network: Network) -> None:
        if self.find(network.cluster_uuid) is None:
            folder = self._folder(network.cluster_uuid)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private_file(folder / FILE, json.dumps({"subnet": str(network.subnet)}).encode(), replace=True)

    def _configure(self, network: Network, *, egress: bool) -> None:
        address = f"{network.gateway}/{network.subnet.prefixlen}"
        self._ip(f"address replace {address} dev {network.bridge}", f"link set dev {network.bridge} up")
        rules = firewall.ruleset(
            self._names.table(network.bridge),
            network.bridge,
            network.subnet,
            network.gateway,
            self._settings.network_pool,
            node_port=self._settings.node_port,
            egress=egress,
        )
        firewall.apply(rules, timeout=self._timeout)
        firewall.except_from_docker(
            network.bridge, self._names.bridge_alias(network.cluster_uuid), timeout=self._timeout
        )
        if egress:
            run(["sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"], timeout=self._timeout)

    def _remove(self, bridge: str) -> None:
        firewall.remove(self._names.table(bridge), timeout=self._timeout)
        self._ip(f"link delete dev {bridge}")

    def _bridges(self) -> dict[str, str]:
        """Give the bridges of this package, everybody's, with their aliases; those without one go. Needs the lock."""
        listed = run(["ip", "-json", "-details", "link", "show", "type", "bridge"], timeout=self._timeout)
        found = {link["ifname"]: link.get("ifalias") for link in json.loads(listed or "[]") if "ifname" in link}
        ours = {bridge: alias for bridge, alias in found.items() if is_bridge_name(bridge)}
        for bridge in (bridge for bridge, alias in ours.items() if alias is None):
            self._ip(f"link delete dev {bridge}")
        return {bridge: alias for bridge, alias in ours.items() if alias is not None}

    def _routed(self) -> list[IPv4Network]:
        listed = run(["ip", "-json", "-4", "route", "show", "table", "all"], timeout=self._timeout)
        return list(destinations(json.loads(listed or "[]")))

    def _ip(self, *lines: str) -> None:
        run(["ip", "-batch", "-"], timeout=self._timeout, stdin="\n".join(lines) + "\n")


def candidate_subnets(pool: IPv4Network, prefix: int, cluster_uuid: str) -> Iterator[IPv4Network]:
    """Give every subnet of the pool once, from a starting point that depends on the cluster."""
    size = 1 << (32 - prefix)
    count = 1 << (prefix - pool.prefixlen)
    start = int.from_bytes(hashlib.sha256(cluster_uuid.encode()).digest()[:8]) % count
    for index in range(count):
        yield IPv4Network((int(pool.network_address) + (start + index) % count * size, prefix))


def destinations(routes: Sequence[Mapping[str, str]]) -> Iterator[IPv4Network]:
    """Give what is routed somewhere. The widest routes are only other ways to write a default route."""
    for route in routes:
        if route["dst"] != "default":
            destination = IPv4Network(route["dst"], strict=False)
            if destination.prefixlen >= NARROW:
                yield destination
