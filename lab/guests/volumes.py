"""Volumes: a sparse file for each that was ever attached, which a running guest sees as a disk.

The file is kept by the volume's id until Cinder has no such volume. While it is attached it is a loop device of this
host; the guest gets a device node for it, a link by the volume's id as it is on a real server, and its control group
the right to use it, which no other guest has.
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from lab.settings import Lab
from magnum.drivers.local.cgroups import WITHHELD_MEMORY, Group
from magnum.drivers.local.commands import run
from magnum.drivers.local.errors import LocalError

from .cloud import Cloud

SECONDS = 20.0
GIB = 1 << 30
ROOT_DISK = "vda"
"""Where a server boots from: guests have another disk for that."""
LINK = "virtio-"
SHOWN_OF_ID = 20
"""So much of a volume's id is in the name of the link."""
DISK_GROUP = 6
LOOP = 7
"""The major number of loop devices."""
MOST_LOOPS = 256


class Attachment(msgspec.Struct, frozen=True):
    server_id: str
    device: str | None = None


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    size: int
    status: str
    attachments: tuple[Attachment, ...] = ()
    volume_image_metadata: dict[str, Any] = {}

    def device(self, server: str) -> str | None:
        """Give the name of the disk that it is in a server, if it is attached there."""
        if self.status != "in-use":
            return None
        names = [Path(one.device or "").name for one in self.attachments if one.server_id == server]
        return names[0] if names else None


def volumes(cloud: Cloud) -> list[Volume]:
    return cloud.all_of("block-storage", "/volumes/detail?all_tenants=1", "volumes", list[Volume])


def disks_of(server: str, known: Iterable[Volume]) -> dict[str, Volume]:
    """Give what a server's guest is to have, by the names of devices."""
    found = ((volume.device(server), volume) for volume in known)
    return {name: volume for name, volume in found if name and name != ROOT_DISK}


class Disks:
    """What volumes are made of on this host."""

    def __init__(self, lab: Lab) -> None:
        self._folder = lab.data / "volumes"

    def loops(self) -> dict[str, Path]:
        """Give the loop devices in use, by the volume's id."""
        listed = json.loads(run(["losetup", "--json", "--list", "--output", "NAME,BACK-FILE"], timeout=SECONDS) or "{}")
        found = {Path(loop["back-file"]): Path(loop["name"]) for loop in listed.get("loopdevices", ())}
        return {file.name: device for file, device in found.items() if file.parent == self._folder}

    def ensure(self, volume: Volume) -> Path:
        """Give the loop device of a volume, of its present size."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        file = self._folder / volume.id
        size = file.stat().st_size if file.exists() else 0
        if size < volume.size * GIB:
            with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as opened:
                opened.truncate(volume.size * GIB)
        device = self.loops().get(volume.id)
        if device is None:
            device = Path(run(["losetup", "--find", "--show", file], timeout=SECONDS).strip())
            if os.minor(device.stat().st_rdev) >= MOST_LOOPS:
                raise LocalError(f"{device} is one of too many loop devices of this host: no guest may use it")
            return device
        if size < volume.size * GIB:
            run(["losetup", "--set-capacity", device], timeout=SECONDS)
        return device

    def release(self, wanted: Iterable[str]) -> None:
        """Let go of the loop devices of all other volumes; one that is in use goes when it is not any more."""
        for volume, device in self.loops().items():
            if volume not in wanted:
                run(["losetup", "--detach", device], timeout=SECONDS)

    def files(self) -> list[str]:
        return sorted(file.name for file in self._folder.iterdir()) if self._folder.is_dir() else []

    def forget(self, volume: str) -> None:
        (self._folder / volume).unlink(missing_ok=True)


def plug(group: Group, devices: Mapping[str, tuple[str, Path]]) -> bool:
    """Let a running guest have these disks and no others: volume and loop device by name; say whether that is news."""
    leader = first_process(group)
    if leader is None:
        return False
    with folder(f"/proc/{leader}/root/dev") as dev, below(dev, "disk") as disk, below(disk, "by-id") as links:
        wanted = {f"{LINK}{volume[:SHOWN_OF_ID]}": (name, loop) for name, (volume, loop) in devices.items()}
        present = {link for link in os.listdir(links) if link.startswith(LINK)}  # noqa: PTH208 - a descriptor
        for link in sorted(present - {*wanted}):
            name = Path(os.readlink(link, dir_fd=links)).name
            with contextlib.suppress(FileNotFoundError):
                number = os.stat(name, dir_fd=dev, follow_symlinks=False).st_rdev
                os.unlink(name, dir_fd=dev)
                permit(group, number, "deny")
            os.unlink(link, dir_fd=links)
        for link in sorted({*wanted} - present):
            name, loop = wanted[link]
            number = loop.stat().st_rdev
            permit(group, number, "allow")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=dev)
            os.mknod(name, stat.S_IFBLK | 0o660, number, dir_fd=dev)
            os.chown(name, 0, DISK_GROUP, dir_fd=dev, follow_symlinks=False)
            os.symlink(f"../../{name}", link, dir_fd=links)
    return present != {*wanted}


def first_process(group: Group) -> int | None:
    """Give the first process of a guest, which is number 1 in there; there is none at the very beginning."""
    for process in group.processes():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            status = Path(f"/proc/{process}/status").read_text()
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) == 2 and numbers[1] == "1" and not Path(f"/proc/{process}/root").samefile("/"):
                return process
    return None


def withheld() -> tuple[str, ...]:
    """Give what a guest may not use at first: each loop device by its number, so that one of them may be permitted."""
    kinds = Path("/proc/devices").read_text().partition("Block devices:")[2].split()[::2]
    others = (f"b {major}:* rw" for major in kinds if major != str(LOOP))
    return (*others, *(f"b {LOOP}:{minor} rw" for minor in range(MOST_LOOPS)), *WITHHELD_MEMORY)


def permit(group: Group, number: int, verb: str) -> None:
    """Allow or deny a disk to a guest's processes, but for containers that have a list of their own."""
    rule = f"b {os.major(number)}:{os.minor(number)} rw"
    for top in (folder for folder in group.folders if "devices" in folder.parts):
        for place, _, _ in os.walk(top):
            with contextlib.suppress(FileNotFoundError):
                if Path(place, "devices.list").read_text().startswith("a "):
                    Path(place, f"devices.{verb}").write_text(rule)


@contextlib.contextmanager
def folder(path: str, base: int | None = None) -> Iterator[int]:
    """Open a folder of a guest; what it has put there in its place is not followed."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=base)
    except OSError as error:
        raise LocalError(f"a guest's {path} cannot be entered: {error.strerror}") from error
    try:
        yield opened
    finally:
        os.close(opened)


@contextlib.contextmanager
def below(base: int, name: str) -> Iterator[int]:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=base)
    with folder(name, base) as opened:
        yield opened
