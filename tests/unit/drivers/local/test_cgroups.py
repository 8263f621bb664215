import subprocess

import pytest

from magnum.drivers.local.cgroups import Cgroups
from magnum.drivers.local.errors import LocalError, MachineStuckError


@pytest.fixture
def version_1(tmp_path):
    for name in ("memory", "cpu", "cpuset", "devices", "pids", "systemd"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset/cpuset.mems").write_text("0\n")
    return tmp_path


@pytest.fixture
def version_2(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu memory pids rdma\n")
    return tmp_path


def relative(settings, root):
    return {str(setting.file.relative_to(root)): setting.value for setting in settings}


def test_version_1_has_a_group_in_every_tree(version_1):
    group = Cgroups(version_1, "magnum-abcde").group("unit")
    assert [folder.relative_to(version_1).parts[0] for folder in group.folders] == [
        *("memory", "cpu", "cpuset", "devices", "pids", "systemd")
    ]
    assert group.join_files()[0] == version_1 / "memory/magnum-abcde/unit/cgroup.procs"


def test_version_2_has_one_group(version_2):
    group = Cgroups(version_2, "magnum-abcde").group("unit")
    assert group.folders == (version_2 / "magnum-abcde/unit",)


def test_a_flavor_becomes_limits_in_version_1(version_1):
    cgroups = Cgroups(version_1, "ours")
    cgroups.create("unit", memory_mib=512, vcpus=2)
    assert (version_1 / "memory/ours/unit/memory.limit_in_bytes").read_text() == str(512 * 1024 * 1024)
    assert (version_1 / "cpu/ours/unit/cpu.cfs_quota_us").read_text() == "200000"
    assert (version_1 / "cpu/ours/unit/cpu.cfs_period_us").read_text() == "100000"
    # A cpuset is born without processors.
    assert (version_1 / "cpuset/ours/cpuset.cpus").read_text() == "0-1"
    assert (version_1 / "cpuset/ours/cgroup.clone_children").read_text() == "1"


def test_version_1_withholds_the_hosts_disks(version_1):
    written = [
        setting.value
        for setting in Cgroups(version_1, "ours").limits("unit", memory_mib=1, vcpus=1)
        if setting.file.name == "devices.deny"
    ]
    assert "b *:* rw" in written
    assert not any("m" in value.split()[-1] for value in written)  # container engines make nodes all the time


def test_a_flavor_becomes_limits_in_version_2(version_2):
    cgroups = Cgroups(version_2, "ours")
    cgroups.create("unit", memory_mib=512, vcpus=2)
    folder = version_2 / "ours/unit"
    assert (folder / "memory.max").read_text() == str(512 * 1024 * 1024)
    assert (folder / "cpu.max").read_text() == "200000 100000"
    assert (folder / "pids.max").read_text().isdigit()
    # Usable controllers are handed down at both levels above; what the kernel lacks is not asked for.
    for parent in (version_2, version_2 / "ours"):
        assert (parent / "cgroup.subtree_control").read_text() == "+cpu +cpuset +memory +pids"


def test_a_host_without_control_groups_is_told_apart(tmp_path):
    with pytest.raises(LocalError, match=str(tmp_path)):
        Cgroups(tmp_path, "ours")


def test_a_limit_that_cannot_be_set_names_the_file(version_2):
    cgroups = Cgroups(version_2, "ours")
    (version_2 / "ours/unit/memory.max").mkdir(parents=True)
    with pytest.raises(LocalError, match=r"memory\.max"):
        cgroups.create("unit", memory_mib=1, vcpus=1)


def test_processes_are_those_of_the_whole_subtree(version_1):
    group = Cgroups(version_1, "ours").group("unit")
    assert group.processes() == []
    (group.folders[0] / "docker/one").mkdir(parents=True)
    (group.folders[0] / "cgroup.procs").write_text("11\n12\n")
    (group.folders[0] / "docker/one/cgroup.procs").write_text("13\n")
    assert sorted(group.processes()) == [11, 12, 13]


def test_killing_an_empty_group_is_done_at_once(version_1):
    Cgroups(version_1, "ours").group("unit").kill(limit=0)


def test_killing_kills_and_says_when_it_does_not_help(version_1):
    """The file is a plain one here, so the process seems never to end."""
    group = Cgroups(version_1, "ours").group("unit")
    group.folders[0].mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as process:
        (group.folders[0] / "cgroup.procs").write_text(str(process.pid))
        with pytest.raises(MachineStuckError, match=str(process.pid)):
            group.kill(limit=0.05)
        assert process.wait(timeout=5) == -9


def test_groups_go_from_the_inside_out(version_1):
    cgroups = Cgroups(version_1, "ours")
    group = cgroups.group("unit")
    for folder in group.folders:
        (folder / "system.slice/ssh.service").mkdir(parents=True)
    assert cgroups.units() == ("unit",)
    group.remove(limit=1)
    group.remove(limit=1)
    assert cgroups.units() == ()
    cgroups.remove_all(limit=1)
    assert not any(version_1.rglob("ours"))
