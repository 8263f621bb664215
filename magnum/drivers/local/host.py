"""The machines of this host as a cloud: networks and machines, by cluster and name.

Every call looks first and then acts, may be repeated after a crash at any line, and is safe beside the same call in
another process: there is a lock per machine, and one of the whole host for subnets. Every call is bounded in time.
Machines are no children of this process and live on when it dies; they are found again by folder and control group.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from magnum.drivers.local import egress, netns, rootfs
from magnum.drivers.local.cgroups import Cgroups
from magnum.drivers.local.egress import Egress
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.folders import Bind, MachineRecord, MachineSpec, remove_if_empty, remove_tree
from magnum.drivers.local.machines import Machine, MachineStatus
from magnum.drivers.local.names import HostNames, cluster_folder, clusters_folder
from magnum.drivers.local.networks import Network, Networks
from magnum.drivers.local.settings import LocalSettings

__all__ = ["Bind", "Egress", "LocalHost", "MachineSpec", "MachineStatus", "Network"]

AT_ONCE = 8


class LocalHost:
    """The facade that drivers use."""

    def __init__(self, settings: LocalSettings, *, known_egress: Egress | None = None) -> None:
        self._settings = settings
        self._names = HostNames(settings.state_dir)
        self._cgroups = Cgroups(settings.cgroup_root, self._names.cgroup)
        self._networks = Networks(settings, self._names)
        self._egress = known_egress
        self._probing = threading.Lock()

    # -- networks ------------------------------------------------------------------------------------------------------

    def egress(self) -> Egress:
        """Say whether machines reach the outside; tried at the first call, which may take some seconds."""
        with self._probing:
            if self._egress is None:
                self._egress = egress.probe(self._settings, self._names, self._networks)
            return self._egress

    def ensure_network(self, cluster_uuid: str) -> Network:
        """Bring the cluster's network up, in the subnet that it always had."""
        return self._networks.ensure(cluster_uuid, egress=self.egress().available)

    def find_network(self, cluster_uuid: str) -> Network | None:
        """Give the cluster's network as it is remembered, whether it is up or not."""
        return self._networks.find(cluster_uuid)

    def delete_network(self, cluster_uuid: str) -> None:
        """Remove the network of a cluster whose machines are deleted."""
        if left := [machine.name for machine in self._machines(cluster_uuid)]:
            raise LocalError(f"the network of cluster {cluster_uuid} still has machines: {', '.join(left)}")
        self._networks.forget(cluster_uuid)

    # -- machines ------------------------------------------------------------------------------------------------------

    def start_machine(self, spec: MachineSpec) -> None:
        """Make the machine if it is not there, switch it on if it is off, and return while it boots.

        A machine that is there keeps its disk and what it was made with: this is a reboot then.
        """
        machine = self._machine(spec.cluster_uuid, spec.name)
        with machine.lock() as lock:
            record = machine.folder.record()
            if record is None:
                record = machine.folder.create(spec, rootfs.find(spec.image, self._settings.cache_dir))
            self._start(machine, record, lock)

    def rebuild_machine(self, spec: MachineSpec) -> None:
        """Make the machine's disk anew, switch it on, and return while it boots: the same machine, freshly installed.

        What is on the volumes that are kept stays, as a power cut leaves it; of the rest nothing is to be saved.
        A machine that has a disk of this `instance_id` already is only switched on.
        """
        image = rootfs.find(spec.image, self._settings.cache_dir)
        machine = self._machine(spec.cluster_uuid, spec.name)
        with machine.lock() as lock:
            record = machine.folder.record()
            if record is None or record.instance_id != spec.instance_id:
                machine.cut_power()
                record = machine.folder.rebuild(spec, image)
            self._start(machine, record, lock)

    def machines(self, cluster_uuid: str) -> tuple[MachineStatus, ...]:
        return tuple(machine.status() for machine in self._machines(cluster_uuid))

    def shared(self, cluster_uuid: str, name: str) -> dict[str, bytes]:
        """Give the files that are shared with a machine, by name."""
        return self._machine(cluster_uuid, name).folder.shared()

    def share(self, cluster_uuid: str, name: str, files: Mapping[str, bytes]) -> None:
        """Change files that are shared with a machine, which sees them at once."""
        machine = self._machine(cluster_uuid, name)
        with machine.lock():
            machine.folder.share(files)

    def stop_machine(self, cluster_uuid: str, name: str) -> None:
        """Shut a machine down; it stays off until it is started again."""
        machine = self._machine(cluster_uuid, name)
        if (record := machine.folder.record()) is None:
            raise LocalError(f"there is no machine {name} of cluster {cluster_uuid} to be stopped")
        with machine.lock():
            machine.folder.write(msgspec.structs.replace(record, powered=False))
            machine.shut_down()

    def delete_machine(self, cluster_uuid: str, name: str) -> None:
        """Cut the machine's power and remove all that there is of it. Machines may be deleted in parallel."""
        machine = self._machine(cluster_uuid, name)
        with machine.lock():
            machine.delete()

    # -- the whole host ------------------------------------------------------------------------------------------------

    def clusters(self) -> tuple[str, ...]:
        """Give the clusters that have anything here."""
        folder = clusters_folder(self._settings.state_dir)
        return tuple(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else ()

    def stop_all(self) -> None:
        """Shut all machines down and take their networks from the host. The disks stay."""
        self._for_each_machine(self._stop_for_now)
        self._cgroups.remove_all(limit=self._settings.kill_limit)
        for cluster_uuid in self.clusters():
            self._networks.take_down(cluster_uuid)

    def start_all(self) -> None:
        """Switch on every machine that was on when `stop_all`, or the host's own end, took it down."""
        self.egress()
        self._for_each_machine(self._start_again)

    def clean(self) -> None:
        """Remove every trace of this state directory, whatever state it is in. No service may be using it."""
        for unit in self._cgroups.units():
            self._cgroups.group(unit).kill(limit=self._settings.kill_limit)
        netns.remove_all(self._names, timeout=self._settings.command_limit)
        self._cgroups.remove_all(limit=self._settings.kill_limit)
        self._networks.clean()
        remove_tree(clusters_folder(self._settings.state_dir))
        remove_if_empty(self._settings.state_dir)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _machine(self, cluster_uuid: str, name: str) -> Machine:
        return Machine(self._settings, self._names, self._cgroups, cluster_uuid, name)

    def _machines(self, cluster_uuid: str) -> list[Machine]:
        folder = cluster_folder(self._settings.state_dir, cluster_uuid)
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
        return [self._machine(cluster_uuid, name) for name in names]

    def _start(self, machine: Machine, record: MachineRecord, lock: int) -> None:
        """Switch on for the owner, which is counted: a machine that does nothing but stop is given up."""
        if not machine.running:
            record = machine.folder.write(msgspec.structs.replace(record, starts=record.starts + 1))
        self._switch_on(machine, record, lock)

    def _switch_on(self, machine: Machine, record: MachineRecord, lock: int) -> None:
        if not record.powered:
            record = machine.folder.write(msgspec.structs.replace(record, powered=True))
        if not machine.running:
            machine.switch_on(record, self.ensure_network(machine.cluster_uuid), self.egress(), lock)

    def _stop_for_now(self, machine: Machine) -> None:
        with machine.lock():
            machine.shut_down()

    def _start_again(self, machine: Machine) -> None:
        with machine.lock() as lock:
            record = machine.folder.record()
            if record is not None and record.powered:
                self._switch_on(machine, record, lock)

    def _for_each_machine(self, act: Callable[[Machine], None]) -> None:
        """Act on all machines, several at once; what failed is told when all have had their turn."""
        machines = [machine for cluster_uuid in self.clusters() for machine in self._machines(cluster_uuid)]
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            turns = [pool.submit(act, machine) for machine in machines]
        failures = [failure for failure in (turn.exception() for turn in turns) if failure is not None]
        for failure in failures:
            if not isinstance(failure, LocalError):
                raise failure
        if failures:
            raise LocalError("; ".join(str(failure) for failure in failures))
