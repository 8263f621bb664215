import os
import subprocess
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import msgspec
import pytest

from magnum.drivers.local import cgroups
from magnum.drivers.local.cgroups import Cgroups
from magnum.drivers.local.egress import Egress
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.folders import Bind, MachineFolder, MachineSpec
from magnum.drivers.local.machines import LAUNCHER, Machine, allow_watching, boot_command, supervisors
from magnum.drivers.local.names import HostNames
from magnum.drivers.local.networks import Network

CLUSTER = "3f0c1a52-0000-4000-8000-000000000001"
NETWORK = Network.of(CLUSTER, IPv4Network("10.77.7.0/24"))


def spec(**changed):
    values = {"name": "web-1", "address": IPv4Address("10.77.7.10"), "memory_mib": 512, "vcpus": 1} | changed
    return MachineSpec(cluster_uuid=CLUSTER, user_data="", instance_id="i-1", **values)


@pytest.fixture
def machine(settings, imaginary):
    names = HostNames(settings.state_dir)
    return Machine(settings, names, Cgroups(settings.cgroup_root, names.cgroup), CLUSTER, "web-1")


def occupy(machine, *processes):
    """Let the machine's control group have processes."""
    machine._power.group.folders[0].mkdir(parents=True, exist_ok=True)
    (machine._power.group.folders[0] / "cgroup.procs").write_text("\n".join(str(process) for process in processes))


def test_the_launcher_is_told_all_groups_and_the_machine_to_boot(machine, imaginary, tmp_path):
    record = machine.folder.create(spec(), tmp_path)
    with machine.lock() as lock:
        machine.switch_on(record, NETWORK, Egress(), lock)
    launched, stdin = imaginary.commands[-1]
    assert stdin == lock
    assert launched[0] == str(LAUNCHER)
    joined, command = launched[1 : launched.index("--")], launched[launched.index("--") + 1 :]
    assert [Path(file).name for file in joined] == ["cgroup.procs"] * 4
    assert command[0] == "systemd-nspawn"
    assert "--hostname=web-1" in command
    limit = next((tmp_path / "cgroup/memory").rglob("memory.limit_in_bytes"))
    assert limit.read_text() == str(512 * 1024 * 1024)


def test_an_address_from_elsewhere_is_refused_before_anything_is_made(machine, imaginary, tmp_path):
    record = machine.folder.create(spec(address=IPv4Address("10.77.8.10")), tmp_path)
    imaginary.commands.clear()
    with pytest.raises(LocalError, match=r"10\.77\.8\.10, which is not in 10\.77\.7\.0/24"):
        machine.switch_on(record, NETWORK, Egress(), 0)
    assert imaginary.commands == []


def test_a_limit_that_many_machines_reach_is_raised_and_never_lowered(tmp_path):
    limit = tmp_path / "max_user_instances"
    for before, after in (("128\n", "4096\n"), ("8192\n", "8192\n")):
        limit.write_text(before)
        allow_watching(limit)
        assert limit.read_text() == after


def test_where_it_may_not_be_changed_the_hosts_own_holds():
    allow_watching(Path("/proc/sys/kernel/random/entropy_avail"))  # a number that nobody may write


def test_the_command_binds_volumes_whatever_their_path_is(tmp_path):
    names = HostNames(Path("/srv")).machine(CLUSTER, "web-1")
    folder = MachineFolder(tmp_path / "a:b/web-1")
    folder.create(spec(), tmp_path)
    command = boot_command(names, folder, [Bind(Path("/opt/x:y"), Path("/opt/programs"))])
    for name in ("containerd", "docker", "etcd", "kubelet"):
        assert rf"--bind={tmp_path}/a\:b/web-1/volumes/{name}:/var/lib/{name}" in command
    assert r"--bind-ro=/opt/x\:y:/opt/programs" in command
    assert f"--network-namespace-path=/run/netns/{names.netns}" in command


def test_a_machine_runs_as_long_as_its_group_has_a_process(machine, tmp_path):
    assert machine.status().reason == "it is being made or deleted"
    record = machine.folder.create(spec(), tmp_path)
    (machine.folder.path / "console.log").write_text("it broke\n")
    assert not machine.status().running
    assert "it broke" in machine.status().reason
    occupy(machine, 1)
    assert machine.status().running
    assert machine.status().address == record.address
    assert machine.status().reason is None


def test_a_machine_that_shuts_down_in_time_is_not_killed(machine, settings):
    """The stand-in for systemd-nspawn leaves the group when it is asked to end."""
    procs = machine._power.group.folders[0] / "cgroup.procs"
    occupy(machine)
    leaves = f"trap 'echo > {procs}; exit 7' TERM; echo ready; while :; do sleep 0.02; done"
    with subprocess.Popen(["sh", "-c", leaves], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout.readline() == "ready\n"
        occupy(machine, supervisor.pid)
        machine._settings = msgspec.structs.replace(settings, shutdown_limit=10.0)
        with machine.lock():
            machine.shut_down()
        assert supervisor.wait(timeout=5) == 7


def test_a_machine_that_does_not_shut_down_has_its_power_cut(machine, monkeypatch):
    occupy(machine)
    stays = "trap : TERM; echo ready; while :; do sleep 0.02; done"
    with subprocess.Popen(["sh", "-c", stays], stdout=subprocess.PIPE, text=True) as stubborn:
        assert stubborn.stdout.readline() == "ready\n"
        monkeypatch.setattr(cgroups, "_kill", lambda process: (os.kill(process, 9), occupy(machine)))
        occupy(machine, stubborn.pid)
        with machine.lock():
            machine.shut_down()
        assert stubborn.wait(timeout=5) == -9


def test_only_what_is_in_our_own_process_namespace_supervises():
    assert supervisors([os.getpid(), 2**22 + 1]) == [os.getpid()]


def test_deleting_what_is_not_there_is_no_error(machine):
    for _ in range(2):
        with machine.lock():
            machine.delete()
    assert not machine.folder.path.exists()
