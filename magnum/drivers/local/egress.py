"""Whether machines of this host can reach the outside, found out by trying it.

Once per process, from a throw-away network that is made exactly as a cluster's: which of the host's resolvers answer a
node, and does a connection to the Debian mirror come about? Only with both do machines get a default route, NAT and a
resolver; half of it would be worse than nothing, because each look-up of a name would wait for a dead resolver. Egress
means that this host forwards packets; one that did not and has no egress is left as it was.
"""

import json
import sys
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from magnum.drivers.local import apt, locks, netns
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.names import HostNames, cluster_folder
from magnum.drivers.local.networks import Networks
from magnum.drivers.local.rootfs import DEBIAN_12
from magnum.drivers.local.settings import LocalSettings

PROGRAM = Path(__file__).with_name("reach.py")
PROBE_CLUSTER = "00000000-0000-0000-0000-000000000000"
PROBE_MACHINE = "probe"
MAX_RESOLVERS = 3
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# systemd-resolved listens on the host's loopback, where no machine gets; behind it are these.
RESOLVER_FILES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


class Egress(msgspec.Struct, frozen=True):
    """`resolvers` answer a machine; without any there is no egress, and `reason` says why."""

    resolvers: tuple[str, ...] = ()
    reason: str = ""

    @property
    def available(self) -> bool:
        return bool(self.resolvers)


def probe(settings: LocalSettings, names: HostNames, networks: Networks) -> Egress:
    """Try it. Takes a few seconds at most, and most of them when there is no egress."""
    resolvers = usable_resolvers(path.read_text() for path in RESOLVER_FILES if path.exists())
    if not resolvers:
        return Egress(reason="this host knows no IPv4 resolver beyond its own loopback")
    forwarding = FORWARDING.read_text().strip()
    try:
        mirror = apt.repositories_of(DEBIAN_12.suite, timeout=settings.command_limit)[0].uri
        lock = cluster_folder(settings.state_dir, PROBE_CLUSTER) / f"{PROBE_MACHINE}.lock"
        with locks.exclusive(lock, timeout=settings.lock_limit):
            try:
                found = _try(settings, names, networks, mirror, resolvers)
            finally:
                lock.unlink()
                networks.forget(PROBE_CLUSTER)
    except LocalError as error:
        found = Egress(reason=f"it could not be tried: {error}")
    if not found.available:
        run(["sysctl", "--quiet", "--write", f"net.ipv4.ip_forward={forwarding}"], timeout=settings.command_limit)
    return found


def usable_resolvers(files: Iterable[str]) -> tuple[str, ...]:
    """Give the first IPv4 resolvers that are not on a loopback or link-local address."""
    found = []
    for line in (line for file in files for line in file.splitlines()):
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                address = IPv4Address(words[1])
            except AddressValueError:
                continue  # IPv6, which machines do not have
            if not address.is_loopback and not address.is_link_local:
                found.append(str(address))
    return tuple(dict.fromkeys(found))[:MAX_RESOLVERS]


def _try(
    settings: LocalSettings, names: HostNames, networks: Networks, mirror: str, resolvers: tuple[str, ...]
) -> Egress:
    url = urlsplit(mirror)
    host, port = url.hostname or "", url.port or {"https": 443}.get(url.scheme, 80)
    machine = names.machine(PROBE_CLUSTER, PROBE_MACHINE)
    try:
        network = networks.ensure(PROBE_CLUSTER, egress=True)
        netns.plug(machine, network, network.subnet[2], default_route=True, timeout=settings.command_limit)
        probe_command = [sys.executable, "-I", str(PROGRAM), host, str(port), *resolvers]
        found = json.loads(run(["ip", "netns", "exec", machine.netns, *probe_command], timeout=settings.command_limit))
    finally:
        netns.unplug(machine, timeout=settings.command_limit)
    if found["obstacle"] is not None:
        return Egress(reason=f"a machine cannot reach {host}: {found['obstacle']} (asked {', '.join(resolvers)})")
    return Egress(resolvers=tuple(found["resolvers"]))
