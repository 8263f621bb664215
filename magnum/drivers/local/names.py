"""Names of what we make on the host: derived, never remembered, so that it is found again after any crash.

Each name carries a digest of the state directory: two services on one host never touch each other's things, and one
that cleans up recognises its own even when the directory is gone. Bridges are the exception: a bridge is named after
its subnet, which belongs to one cluster of the whole host, and says in its alias whose it is.
"""

import base64
import hashlib
import re
from ipaddress import IPv4Network
from pathlib import Path

import msgspec

from magnum.drivers.local.errors import InvalidNameError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
BRIDGE_PREFIX = "magnum-"
_BRIDGE = re.compile(BRIDGE_PREFIX + "[0-9a-f]{8}")


class MachineNames(msgspec.Struct, frozen=True):
    """What belongs to one machine outside of its folder. A network interface's name has at most 15 characters."""

    unit: str
    """Its control group below ours."""
    netns: str
    """Its network namespace, and the name that systemd-nspawn knows it by."""
    veth: str


class HostNames:
    """The names that belong to one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.owner = _digest(str(state_dir.resolve()), 5)
        self.cgroup = f"magnum-{self.owner}"
        self.netns_prefix = f"magnum-{self.owner}-"
        self.veth_prefix = f"m{self.owner}-"
        self.table_prefix = f"magnum_{self.owner}_"
        self.bridge_alias_prefix = f"magnum {self.owner} "

    def machine(self, cluster_uuid: str, name: str) -> MachineNames:
        unit = _digest(f"{check_cluster(cluster_uuid)}/{check_machine(name)}", 8)
        return MachineNames(unit=unit, netns=self.netns_prefix + unit, veth=self.veth_prefix + unit)

    def table(self, bridge: str) -> str:
        return self.table_prefix + bridge.removeprefix(BRIDGE_PREFIX)

    def bridge_alias(self, cluster_uuid: str) -> str:
        return self.bridge_alias_prefix + check_cluster(cluster_uuid)


def clusters_folder(state_dir: Path) -> Path:
    return state_dir / "clusters"


def cluster_folder(state_dir: Path, cluster_uuid: str) -> Path:
    return clusters_folder(state_dir) / check_cluster(cluster_uuid)


def bridge_name(subnet: IPv4Network) -> str:
    return f"{BRIDGE_PREFIX}{int(subnet.network_address):08x}"


def is_bridge_name(name: str) -> bool:
    return _BRIDGE.fullmatch(name) is not None


def check_cluster(uuid: str) -> str:
    if not _UUID.fullmatch(uuid):
        raise InvalidNameError(f"{uuid[:64]!r} is not the UUID of a cluster (lower-case, with dashes)")
    return uuid


def check_machine(name: str) -> str:
    if not _HOST_NAME.fullmatch(name):
        raise InvalidNameError(
            f"{name[:64]!r} is no name for a machine: use 1 to 63 lower-case letters, digits and dashes, "
            "with a letter or digit at both ends"
        )
    return name


def _digest(text: str, length: int) -> str:
    """Give 5 bits per character, and none that would need quoting anywhere."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:length]
