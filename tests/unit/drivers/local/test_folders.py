import contextlib
import json
import stat
from ipaddress import IPv4Address
from pathlib import Path

import msgspec
import pytest

from magnum.drivers.local import folders
from magnum.drivers.local.errors import LocalError
from magnum.drivers.local.folders import SEED, Bind, MachineFolder, MachineSpec

SPEC = MachineSpec(
    cluster_uuid="3f0c1a52-0000-4000-8000-000000000001",
    name="web-1",
    address=IPv4Address("10.77.7.10"),
    memory_mib=1024,
    vcpus=2,
    user_data="#cloud-config\n# the token: hush\n",
    instance_id="i-1",
)


@pytest.fixture
def rootfs(tmp_path):
    (tmp_path / "rootfs").mkdir()
    return tmp_path / "rootfs"


@pytest.fixture
def folder(tmp_path):
    return MachineFolder(tmp_path / "cluster/web-1")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_remembered(folder, rootfs):
    assert folder.record() is None
    record = folder.create(SPEC, rootfs)
    assert folder.record() == record
    assert (record.address, record.memory_mib, record.vcpus, record.powered) == (SPEC.address, 1024, 2, True)
    off = folder.write(msgspec.structs.replace(record, powered=False))
    assert folder.record() == off


def test_what_it_sees_of_the_host_is_remembered_for_its_next_boot(folder, rootfs):
    binds = (Bind(rootfs, Path("/opt/programs")),)
    folder.create(msgspec.structs.replace(SPEC, binds=binds), rootfs)
    assert folder.record().binds == binds


def test_a_machine_of_a_release_that_made_fewer_volumes_keeps_those_that_it_has(folder, rootfs):
    folder.create(SPEC, rootfs)
    for name in ("etcd", "kubelet"):
        (folder.path / "volumes" / name).rmdir()
    assert [target for _, target in folder.volumes()] == [Path("/var/lib/containerd"), Path("/var/lib/docker")]


def test_files_that_are_shared_with_it_change_while_it_is_there(folder, rootfs):
    folder.create(SPEC, rootfs)
    assert folder.shared_folder is None
    assert folder.shared() == {}
    folder.create(msgspec.structs.replace(SPEC, shared={"one": b"1", "other": b"2"}), rootfs)
    assert folder.shared() == {"one": b"1", "other": b"2"}
    folder.share({"one": b"3"})
    assert folder.shared() == {"one": b"3", "other": b"2"}
    assert {path.name for path in folder.shared_folder.iterdir()} == {"one", "other"}


def test_cloud_init_finds_its_seed(folder, rootfs):
    folder.create(SPEC, rootfs)
    seed = folder.path / "upper" / SEED
    assert (seed / "user-data").read_text() == SPEC.user_data
    assert json.loads((seed / "meta-data").read_text()) == {"instance-id": "i-1", "local-hostname": "web-1"}
    assert (folder.path / "lower").resolve() == rootfs
    assert len((folder.path / "upper/etc/machine-id").read_text().strip()) == 32


def test_secrets_are_for_root_and_the_machines_own_users_may_pass(folder, rootfs):
    folder.create(SPEC, rootfs)
    assert mode(folder.path) == 0o700
    assert mode(folder.path / "machine.json") == 0o600
    assert mode(folder.path / "console.log") == 0o600
    seed = folder.path / "upper" / SEED
    assert mode(seed / "user-data") == 0o600
    for path in (folder.path / "upper", *seed.relative_to(folder.path).parents):
        assert mode(folder.path / path) in (0o755, 0o700)
    assert mode(folder.path / "upper") == mode(folder.path / "upper/var/lib") == 0o755


def test_a_disk_that_was_not_finished_is_made_anew(folder, rootfs):
    folder.create(SPEC, rootfs)
    (folder.path / "machine.json").unlink()
    (folder.path / "upper/half").write_text("written")
    assert folder.record() is None
    folder.create(SPEC, rootfs)
    assert not (folder.path / "upper/half").exists()


def test_resolvers_are_those_of_this_boot_whatever_the_machine_left_there(folder, rootfs, tmp_path):
    folder.create(SPEC, rootfs)
    resolv = folder.path / "upper/etc/resolv.conf"
    folder.write_resolvers(())
    assert resolv.read_text() == "nameserver 127.0.0.1\n"
    resolv.unlink()
    resolv.symlink_to(tmp_path / "elsewhere")
    folder.write_resolvers(("192.0.2.53", "192.0.2.54"))
    assert resolv.read_text() == "nameserver 192.0.2.53\nnameserver 192.0.2.54\n"
    assert not (tmp_path / "elsewhere").exists()


def test_a_machine_cannot_make_us_write_elsewhere(folder, rootfs, tmp_path):
    folder.create(SPEC, rootfs)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("the host's own\n")
    (folder.path / "upper/etc").rename(folder.path / "upper/moved")
    (folder.path / "upper/etc").symlink_to(tmp_path / "etc")
    with pytest.raises(LocalError, match="/etc is no folder"):
        folder.write_resolvers(("192.0.2.53",))
    assert (tmp_path / "etc/resolv.conf").read_text() == "the host's own\n"


def test_the_end_of_the_console_is_told_and_no_more(folder, rootfs):
    assert folder.console_tail() == ""
    folder.create(SPEC, rootfs)
    (folder.path / "console.log").write_text("x" * 5000 + "\nit broke\n")
    assert folder.console_tail().endswith("it broke")
    assert len(folder.console_tail()) <= 400


def test_the_console_is_told_without_what_is_for_a_screen(folder, rootfs):
    folder.create(SPEC, rootfs)
    (folder.path / "console.log").write_text("\x1b[0;1;31mFailed\x1b[0m to boot\r\n\n \x00\nno\x07 disk\n")
    assert folder.console_tail() == "Failed to boot\nno disk"


def test_removing_it_twice_is_no_error(folder, rootfs):
    folder.create(SPEC, rootfs)
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_user_data_never_show():
    assert "hush" not in repr(SPEC)
    assert "hush" not in f"{SPEC}"
    assert "hush" not in str(SPEC.__rich_repr__())


NEWER = msgspec.structs.replace(SPEC, instance_id="i-2", edition="second", user_data="#cloud-config\n")


def used(folder):
    """Let the machine have been on: it has written to its disk and to its volumes."""
    (folder.path / "upper/root-was-here").write_text("")
    for volume in (folder.path / "volumes").iterdir():
        (volume / "data").write_text(volume.name)


def kept(folder):
    return sorted(path.parent.name for path in (folder.path / "volumes").glob("*/data"))


def test_a_new_disk_beside_the_volumes_that_are_kept(folder, rootfs):
    folder.create(SPEC, rootfs)
    used(folder)
    record = folder.rebuild(NEWER, rootfs)
    assert folder.record() == record
    assert (record.edition, record.instance_id) == ("second", "i-2")
    assert not (folder.path / "upper/root-was-here").exists()
    assert (folder.path / "upper" / SEED / "user-data").read_text() == "#cloud-config\n"
    assert kept(folder) == ["containerd", "docker", "etcd"]
    assert len(folder.volumes()) == 4


@pytest.mark.parametrize("dies_at", range(20))
def test_a_rebuild_that_died_at_any_line_is_completed_and_loses_no_volume(folder, rootfs, monkeypatch, dies_at):
    """Whoever starts the machine next, by whatever call, comes to the same."""
    folder.create(SPEC, rootfs)
    used(folder)
    countdown = iter(range(dies_at))

    def may_die(function):
        def run(*arguments, **options):
            if next(countdown, None) is None:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return run

    with monkeypatch.context() as patch:
        for name in ("run", "_make_folder", "_write_file", "write_private_file"):
            patch.setattr(folders, name, may_die(getattr(folders, name)))
        with contextlib.suppress(KeyboardInterrupt):
            folder.rebuild(NEWER, rootfs)
    record = folder.record() or folder.create(NEWER, rootfs)
    if record.edition != "second":
        assert dies_at == 0, "it died before it had begun, and only then is the old disk whole"
        return
    assert not (folder.path / "upper/root-was-here").exists()
    assert kept(folder) == ["containerd", "docker", "etcd"]


def test_a_machine_that_is_new_has_nothing_of_one_of_its_name(folder, rootfs):
    folder.create(SPEC, rootfs)
    used(folder)
    (folder.path / "machine.json").unlink()
    folder.create(NEWER, rootfs)
    assert kept(folder) == []
