"""Control groups: they hold a machine to its flavor, and they say which processes are the machine's.

A machine's processes cannot leave its group, so the group, and never a remembered process id, decides whether it runs
and what to kill. Both kinds of hierarchy are served: version 1 (one tree per controller) and version 2 (one tree).
The tests of real machines run on version 1. On version 2, which a Debian 12 with systemd has, machines were booted,
stopped, started again and deleted by hand, on an emulated computer; no test repeats that. Version 2 cannot keep a
machine's root from the host's disks without a BPF program, which nothing here loads.
"""

import errno
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from magnum.drivers.local.errors import LocalError, MachineStuckError

V1_CONTROLLERS = ("memory", "cpu", "cpuacct", "cpuset", "devices", "freezer", "blkio", "pids", "systemd", "unified")
V2_CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids")
CPU_PERIOD = 100_000
MAX_PROCESSES = 16384
POLL_SECONDS = 0.01
# The host's disks, its memory and its ports: a machine's root could make itself the device nodes.
WITHHELD_MEMORY = ("c 1:1 rw", "c 1:2 rw", "c 1:4 rw")
WITHHELD_DEVICES = ("b *:* rw", *WITHHELD_MEMORY)


class Setting(msgspec.Struct, frozen=True):
    """A value to be written to a file of the control group file system."""

    file: Path
    value: str


class Group(msgspec.Struct, frozen=True):
    """A machine's control group: its folder in every tree, the first of which is asked for its processes."""

    folders: tuple[Path, ...]

    def join_files(self) -> tuple[Path, ...]:
        """Give the files into which a process writes its id to become a member."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def processes(self) -> list[int]:
        found: list[int] = []
        for folder, _, _ in os.walk(self.folders[0]):
            try:
                found += [int(line) for line in (Path(folder) / "cgroup.procs").read_text().split()]
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENODEV):  # the group went away under our eyes
                    raise
        return found

    def kill(self, *, limit: float) -> None:
        """End every process of the group, for sure and at once."""
        deadline = time.monotonic() + limit
        while processes := self.processes():
            if time.monotonic() > deadline:
                raise MachineStuckError(
                    f"processes {processes} of {self.folders[0]} do not end though they were killed"
                )
            for process in processes:
                _kill(process)
            time.sleep(POLL_SECONDS)

    def remove(self, *, limit: float) -> None:
        deadline = time.monotonic() + limit
        for top in self.folders:
            for folder, _, _ in os.walk(top, topdown=False):
                _remove(Path(folder), deadline)


class Cgroups:
    """The control groups below one group of ours, which carries the state directory's name."""

    def __init__(self, root: Path, ours: str) -> None:
        self._root = root
        self._ours = ours
        self._unified = (root / "cgroup.controllers").exists()
        trees = (root,) if self._unified else tuple(root / name for name in V1_CONTROLLERS if (root / name).is_dir())
        if not trees:
            raise LocalError(f"no control group controller is mounted under {root}")
        self._tops = tuple(tree / ours for tree in trees)

    def group(self, unit: str) -> Group:
        return Group(folders=tuple(top / unit for top in self._tops))

    def units(self) -> tuple[str, ...]:
        """Give the names of all groups below ours."""
        return tuple(
            sorted({entry.name for top in self._tops if top.is_dir() for entry in top.iterdir() if entry.is_dir()})
        )

    def create(self, unit: str, *, memory_mib: int, vcpus: int, withheld: Iterable[str] = WITHHELD_DEVICES) -> Group:
        for top in self._tops:
            top.mkdir(exist_ok=True)
        _write(self.preparations())
        group = self.group(unit)
        for folder in group.folders:
            folder.mkdir(exist_ok=True)
        _write(self.limits(unit, memory_mib=memory_mib, vcpus=vcpus, withheld=withheld))
        return group

    def remove_all(self, *, limit: float) -> None:
        Group(folders=self._tops).remove(limit=limit)

    def preparations(self) -> tuple[Setting, ...]:
        """Give what makes the controllers usable in the groups below ours."""
        if self._unified:
            usable = (self._root / "cgroup.controllers").read_text().split()
            enable = " ".join(f"+{name}" for name in V2_CONTROLLERS if name in usable)
            return tuple(
                Setting(folder / "cgroup.subtree_control", enable) for folder in (self._root, self._root / self._ours)
            )
        cpuset = self._root / "cpuset"
        if not cpuset.is_dir():
            return ()
        # A cpuset starts without processors, and takes no process until it has some.
        top = cpuset / self._ours
        inherited = (
            Setting(top / name, (cpuset / name).read_text().strip()) for name in ("cpuset.cpus", "cpuset.mems")
        )
        return (Setting(top / "cgroup.clone_children", "1"), *inherited)

    def limits(
        self, unit: str, *, memory_mib: int, vcpus: int, withheld: Iterable[str] = WITHHELD_DEVICES
    ) -> tuple[Setting, ...]:
        memory = str(memory_mib * 1024 * 1024)
        quota = str(vcpus * CPU_PERIOD)
        if self._unified:
            folder = self._root / self._ours / unit
            return (
                Setting(folder / "memory.max", memory),
                Setting(folder / "cpu.max", f"{quota} {CPU_PERIOD}"),
                Setting(folder / "pids.max", str(MAX_PROCESSES)),
            )
        below = Path(self._ours) / unit
        devices = self._root / "devices"
        return (
            *(Setting(devices / below / "devices.deny", names) for names in withheld if devices.is_dir()),
            Setting(self._root / "memory" / below / "memory.limit_in_bytes", memory),
            Setting(self._root / "cpu" / below / "cpu.cfs_period_us", str(CPU_PERIOD)),
            Setting(self._root / "cpu" / below / "cpu.cfs_quota_us", quota),
            Setting(self._root / "pids" / below / "pids.max", str(MAX_PROCESSES)),
        )


def _write(settings: Iterable[Setting]) -> None:
    for setting in settings:
        try:
            setting.file.write_text(setting.value)
        except OSError as error:
            raise LocalError(f"{setting.value!r} cannot be written to {setting.file}: {error.strerror}") from error


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def _remove(folder: Path, deadline: float) -> None:
    """Remove one group; its last processes may be gone and yet not forgotten for a moment."""
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise LocalError(f"control group {folder} cannot be removed: {error.strerror}") from error
            time.sleep(POLL_SECONDS)
        else:
            return
