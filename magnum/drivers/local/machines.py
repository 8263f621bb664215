"""One machine: how it is switched on, shut down and cut off, and whether it runs.

A machine runs when its control group has a process; nothing else is believed. All that changes a machine is done with
its lock held, which the caller takes. A machine that is off has nothing on the host but its folder. `Power` is what
machines of other networks than a cluster's have, too.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from ipaddress import IPv4Address
from pathlib import Path

import msgspec

from magnum.drivers.local import locks, netns
from magnum.drivers.local.cgroups import WITHHELD_DEVICES, Cgroups
from magnum.drivers.local.commands import run
from magnum.drivers.local.egress import Egress
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.folders import SHARED, Bind, MachineFolder, MachineRecord, remove_if_empty
from magnum.drivers.local.names import HostNames, MachineNames, check_machine, cluster_folder
from magnum.drivers.local.networks import Network
from magnum.drivers.local.settings import LocalSettings

WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")
FEWEST_WATCHERS = 4096
LAUNCHER = Path(__file__).with_name("launch-machine")
POLL_SECONDS = 0.05
# What runc and BPF programs call and systemd-nspawn would refuse.
NEEDED_CALLS = "@keyring bpf"
# Container engines switch on forwarding; the rest of /proc/sys is the whole kernel's and stays read-only.
ENVIRONMENT = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}


class MachineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is there of a machine. `address` is None while its disk is being made or removed.

    `edition` and `instance_id` are those that its disk was made with.
    """

    name: str
    address: IPv4Address | None
    running: bool
    starts: int = 0
    """How often it was switched on."""
    said: str = ""
    """The end of what its console says."""
    reason: str | None = None
    """Why it is not running."""
    edition: str = ""
    instance_id: str = ""


class Power:
    """What keeps the processes of a machine: its control group. On its network it has no influence."""

    def __init__(
        self,
        settings: LocalSettings,
        cgroups: Cgroups,
        unit: str,
        folder: MachineFolder,
        *,
        withheld: Sequence[str] = WITHHELD_DEVICES,
    ) -> None:
        self._withheld = withheld
        self._settings = settings
        self._cgroups = cgroups
        self._unit = unit
        self._folder = folder
        self.group = cgroups.group(unit)

    @property
    def is_on(self) -> bool:
        return bool(self.group.processes())

    def switch_on(self, record: MachineRecord, command: Sequence[str], lock: int) -> None:
        """Start the boot and return. `lock` is the descriptor of the lock that is held."""
        allow_watching(WATCHERS)
        self._cgroups.create(self._unit, memory_mib=record.memory_mib, vcpus=record.vcpus, withheld=self._withheld)
        run(
            [LAUNCHER, *self.group.join_files(), "--", *command],
            timeout=self._settings.command_limit,
            cwd=self._folder.path,
            environment=ENVIRONMENT,
            stdin=lock,  # should we die now, the launcher keeps others out until the machine has a process
        )

    def shut_down(self) -> None:
        """Give the order to shut down, and wait for as long as that may take."""
        deadline = time.monotonic() + self._settings.shutdown_limit
        for supervisor in supervisors(self.group.processes()):
            os.kill(supervisor, signal.SIGTERM)  # systemd-nspawn hands it on as an order to shut down
        while self.is_on and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def cut(self) -> None:
        self.group.kill(limit=self._settings.kill_limit)

    def remove_group(self) -> None:
        self.group.remove(limit=self._settings.kill_limit)


class Machine:
    """One machine, which may or may not be there."""

    def __init__(
        self, settings: LocalSettings, names: HostNames, cgroups: Cgroups, cluster_uuid: str, name: str
    ) -> None:
        self.name = check_machine(name)
        self.cluster_uuid = cluster_uuid
        self.folder = MachineFolder(cluster_folder(settings.state_dir, cluster_uuid) / name)
        self._names = names.machine(cluster_uuid, name)
        self._settings = settings
        self._power = Power(settings, cgroups, self._names.unit, self.folder)

    def lock(self) -> AbstractContextManager[int]:
        return locks.exclusive(self._lock_path, timeout=self._settings.lock_limit)

    @property
    def running(self) -> bool:
        return self._power.is_on

    def status(self) -> MachineStatus:
        record = self.folder.record()
        if record is None:
            return MachineStatus(name=self.name, address=None, running=False, reason="it is being made or deleted")
        known = MachineStatus(
            name=self.name,
            address=record.address,
            running=self.running,
            starts=record.starts,
            said=self.folder.console_tail() or "nothing",
            edition=record.edition,
            instance_id=record.instance_id,
        )
        if known.running:
            return known
        reason = f"its processes have ended; its console says: {known.said}"
        return msgspec.structs.replace(known, reason=reason if record.powered else "it was switched off")

    def switch_on(self, record: MachineRecord, network: Network, egress: Egress, lock: int) -> None:
        """Start the boot and return. `lock` is the descriptor of the lock that is held."""
        if record.address not in network.subnet:
            raise LocalError(f"machine {self.name} has address {record.address}, which is not in {network.subnet}")
        netns.plug(
            self._names,
            network,
            record.address,
            default_route=egress.available,
            timeout=self._settings.command_limit,
        )
        self.folder.write_resolvers(egress.resolvers)
        self._power.switch_on(record, boot_command(self._names, self.folder, record.binds), lock)

    def shut_down(self) -> None:
        """Switch off in order, and cut the power if that takes too long."""
        self._power.shut_down()
        self.cut_power()

    def cut_power(self) -> None:
        """Leave nothing of the machine on the host but its folder."""
        self._power.cut()
        netns.unplug(self._names, timeout=self._settings.command_limit)
        self._power.remove_group()

    def delete(self) -> None:
        self.cut_power()
        self.folder.remove()
        self._lock_path.unlink()
        remove_if_empty(self._lock_path.parent)

    @property
    def _lock_path(self) -> Path:
        return self.folder.path.with_name(f"{self.name}.lock")


def allow_watching(limit: Path) -> None:
    """Raise the host's limit for programs that watch files: all machines' root is one user, and each has ten or so.

    A kubelet that gets none ends at once. Where the limit may not be changed the host's own holds.
    """
    if int(limit.read_text()) < FEWEST_WATCHERS:
        with contextlib.suppress(OSError):
            limit.write_text(f"{FEWEST_WATCHERS}\n")


def boot_command(
    names: MachineNames, folder: MachineFolder, binds: Iterable[Bind] = (), *, host_name: str | None = None
) -> list[str]:
    """Give the command that is the machine's power supply: it runs for as long as the machine does.

    Its host name is that of its folder if no other is given.
    """
    if folder.shared_folder:
        binds = (*binds, Bind(folder.shared_folder, SHARED))
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        "--directory=root",
        f"--machine={names.netns}",
        f"--hostname={host_name or folder.path.name}",
        # There may be no systemd on the host, and where there is one it need not know of us: the groups are ours.
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
        "--console=pipe",
        f"--network-namespace-path={netns.NETNS_FOLDER / names.netns}",
        # A privileged container asks for every one, and does not start when one is withheld.
        "--capability=all",
        f"--system-call-filter={NEEDED_CALLS}",
        # Left to systemd-nspawn because it follows no link that the machine may have put there, out of its root.
        *(f"--bind={_escaped(source)}:{target}" for source, target in folder.volumes()),
        *(f"--bind-ro={_escaped(bind.source)}:{_escaped(bind.target)}" for bind in binds),
    ]


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace(":", "\\:")


def supervisors(processes: Iterable[int]) -> list[int]:
    """Choose those that are in the host's own process namespace: not the machine, but what runs it."""
    return [process for process in processes if _namespaces_deep(process) == 1]


def _namespaces_deep(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return 0
    identifiers = next(line for line in status.splitlines() if line.startswith("NSpid:"))
    return len(identifiers.split()) - 1
