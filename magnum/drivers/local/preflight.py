"""What this host lacks to run machines, each as a sentence that says what to do about it.

Kernel features are tried, not looked up: a list of modules says nothing about what a container or a hardened kernel
refuses. Every try happens in namespaces of its own, so it leaves nothing behind. It decides nothing: the caller offers
simulated machines when the list is not empty.
"""

import os
from pathlib import Path

import msgspec

from magnum.drivers.local.commands import installed, run
from magnum.drivers.local.errors import CommandError

TRY_LIMIT = 20.0
CGROUP_ROOT = Path("/sys/fs/cgroup")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CONTROLLERS = ("cpu", "memory", "pids")

PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "sysctl": "procps",
    "unshare": "util-linux",
    "setsid": "util-linux",
    "mount": "mount",
    "apt-get": "apt",
}


class Try(msgspec.Struct, frozen=True):
    """A kernel feature, and a command that uses it in namespaces of its own."""

    feature: str
    command: tuple[str, ...]
    stdin: str = ""


OVERLAY = """
mount -t tmpfs tmpfs /mnt
mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
"""
BRIDGE = """
link add name bridge0 type bridge
link add name veth0 type veth peer name veth1
link set dev veth0 master bridge0
"""
RULES = """
table inet probe {
    chain forwarded { type filter hook forward priority filter; ct state established accept; }
    chain nat { type nat hook postrouting priority srcnat; masquerade; }
}
"""
TRIES = (
    Try("mount and process namespaces", ("unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "true")),
    Try("overlay file systems", ("unshare", "--mount", "sh", "-eu"), OVERLAY),
    Try("network namespaces with bridges and veth pairs", ("unshare", "--net", "ip", "-batch", "-"), BRIDGE),
    Try("nftables with connection tracking and NAT", ("unshare", "--net", "nft", "--file", "-"), RULES),
)


def missing(cgroup_root: Path = CGROUP_ROOT) -> list[str]:
    """Give what is missing; empty when machines can run here. Without root, only what can be seen without it."""
    found = [
        f"The command {command} is not installed: run 'apt-get install {package}'."
        for command, package in PACKAGES.items()
        if not installed(command)
    ]
    if not KEYRING.exists():
        found.append(
            f"Debian's archive keys ({KEYRING}) are not installed: run 'apt-get install debian-archive-keyring'."
        )
    found += missing_controllers(cgroup_root)
    if os.geteuid() != 0:
        return ["Machines need root: run it as root, for example through sudo.", *found]
    return found + missing_features(TRIES)


def missing_controllers(root: Path) -> list[str]:
    unified = root / "cgroup.controllers"
    there = unified.read_text().split() if unified.exists() else [entry.name for entry in root.glob("*")]
    return [
        f"The control group controller {name!r} is not available under {root}: enable it on the kernel command line, "
        "or leave the container that this runs in."
        for name in CONTROLLERS
        if name not in there
    ]


def missing_features(tries: tuple[Try, ...]) -> list[str]:
    found = []
    for attempt in tries:
        try:
            run(attempt.command, timeout=TRY_LIMIT, stdin=attempt.stdin)
        except CommandError as error:
            found.append(
                f"The kernel does not give us {attempt.feature}: use a kernel that has them, and no container "
                f"around us ({error})."
            )
    return found
