import shutil
import threading

import msgspec
import pytest

from magnum.drivers.local import rootfs
from magnum.drivers.local.errors import CommandError, RootfsMissingError
from magnum.drivers.local.rootfs import DEBIAN_12, Recipe


@pytest.fixture
def built(monkeypatch):
    """Builds that only make the folder; `built` has one entry for each."""
    builds = []

    def build(self):
        self.root.mkdir(exist_ok=True)
        (self.root / "content").write_text("complete")
        builds.append(self.root)

    monkeypatch.setattr(rootfs._Build, "run", build)
    return builds


def silent(_text):
    return None


def test_it_is_built_once(tmp_path, built):
    root = rootfs.ensure(DEBIAN_12, tmp_path, silent)
    assert rootfs.ensure(DEBIAN_12, tmp_path, silent) == root
    assert rootfs.find("debian-12", tmp_path) == root
    assert len(built) == 1
    assert built[0] != root, "it is built beside"


def test_two_builders_make_one(tmp_path, built):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(rootfs.ensure(DEBIAN_12, tmp_path, silent))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert len(set(found)) == 1


def test_a_build_that_fails_leaves_it_absent(tmp_path, monkeypatch, built):
    def fail(self):
        self.root.mkdir()
        raise CommandError("debootstrap: failed with status 1")

    with monkeypatch.context() as patch:
        patch.setattr(rootfs._Build, "run", fail)
        with pytest.raises(CommandError):
            rootfs.ensure(DEBIAN_12, tmp_path, silent)
    with pytest.raises(RootfsMissingError, match=r"python -m magnum\.drivers\.local\.rootfs"):
        rootfs.find("debian-12", tmp_path)
    assert rootfs.ensure(DEBIAN_12, tmp_path, silent).is_dir()


def test_an_unknown_image_is_told_with_the_known_ones(tmp_path):
    with pytest.raises(RootfsMissingError, match=r"'fedora-40', only with: debian-12"):
        rootfs.find("fedora-40", tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "trixie"},
        {"packages": (*DEBIAN_12.packages, "podman")},
        {"upon": DEBIAN_12},
        {"base_packages": DEBIAN_12.base_packages[1:]},
        {"masked_units": ()},
        {"disabled_units": ()},
        {"enabled_units": ()},
        {"removed_files": ()},
        {"architecture": "aarch64"},
    ],
)
def test_whatever_it_is_made_from_is_in_its_key(change):
    assert msgspec.structs.replace(DEBIAN_12, **change).key() != DEBIAN_12.key()


def test_our_own_files_are_in_its_key_with_their_names_and_modes(tmp_path):
    shutil.copytree(DEBIAN_12.files, tmp_path / "files")
    copy = msgspec.structs.replace(DEBIAN_12, files=tmp_path / "files")
    assert copy.key() == DEBIAN_12.key()
    program = tmp_path / "files/usr/local/sbin/prepare-container-host"
    keys = {copy.key()}
    program.write_text(program.read_text() + "\n")
    keys.add(copy.key())
    program.chmod(0o644)
    keys.add(copy.key())
    program.rename(program.with_name("renamed"))
    keys.add(copy.key())
    assert len(keys) == 4


def test_a_key_is_a_plain_name():
    key = Recipe(suite="bookworm", base_packages=("a",), packages=("b",)).key()
    assert key.startswith("debian-bookworm-")
    assert "/" not in key


def test_a_recipe_runs_nothing_at_boot_that_a_node_decides_about():
    assert {"docker.service", "docker.socket", "containerd.service"} <= set(DEBIAN_12.disabled_units)
    assert "systemd-sysctl.service" in DEBIAN_12.masked_units


def test_what_a_root_is_made_upon_is_made_first(tmp_path, built):
    more = Recipe(suite="bookworm", base_packages=(), packages=("podman",), upon=DEBIAN_12)
    root = rootfs.ensure(more, tmp_path, silent)
    assert [path.name.removesuffix(".partial") for path in built] == [DEBIAN_12.key(), more.key()]
    assert root == rootfs.path_of(more, tmp_path) != rootfs.path_of(DEBIAN_12, tmp_path)
