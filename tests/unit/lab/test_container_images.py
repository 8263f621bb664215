import io
import tarfile

import pytest
from addon_facts import cluster_facts

from lab import debian_layer
from lab.container_images import Sources
from lab.registry import Layer, tar
from magnum.addons.rendering import bill
from magnum.drivers.kubernetes.names import PROGRAMS
from magnum.drivers.local import rootfs

STATUS = """\
Package: {name}
Status: {status}
Depends: {needs}
Description: what it is
 in more words

"""


class Shelf:
    """Takes the place of a registry."""

    def __init__(self):
        self.layers = {}
        self.images = {}

    def layer(self, name, content):
        layer = Layer(name, f"sha256:{hash(content)}", len(content))
        self.layers[layer] = content
        return layer

    def push(self, name, tags, layers, process):
        self.images |= {f"{name}:{tag}": ([self.layers[layer] for layer in layers], process) for tag in tags}

    def files(self, image):
        """Give the files of an image as an engine would lay them out."""
        found = {}
        for layer in self.images[image][0]:
            with tarfile.open(fileobj=io.BytesIO(layer)) as packed:
                found |= {entry.name: entry for entry in packed.getmembers()}
        return found


def install(root, name, files=(), *, needs="", status="install ok installed"):
    database = root / "var/lib/dpkg"
    (database / "info").mkdir(parents=True, exist_ok=True)
    with (database / "status").open("a") as file:
        file.write(STATUS.format(name=name, status=status, needs=needs))
    (database / f"info/{name}:amd64.list").write_text("".join(f"/{path}\n" for path in ("", *files)))
    for path in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(name)
        (root / path).chmod(0o755)


@pytest.fixture
def root(tmp_path):
    root = rootfs.path_of(rootfs.DEBIAN_12, tmp_path)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/sbin").mkdir()
    (root / "bin").symlink_to("usr/bin")
    (root / "sbin").symlink_to("usr/sbin")
    for package in debian_layer.PACKAGES:
        install(root, package)
    for name in ("busybox", "etcd", "etcdctl"):
        install(root, name, [f"bin/{name}"])
    return root


def test_packages_come_with_all_that_they_need_and_with_nothing_else(root, monkeypatch):
    install(root, "tables", ["sbin/tables-nft", "usr/share/doc/tables/copyright"], needs="libone (>= 2) | libtwo, gone")
    install(root, "libone", ["usr/lib/libone.so"], needs="tables")
    install(root, "libtwo", ["usr/lib/libtwo.so"], status="deinstall ok config-files")
    install(root, "other", ["usr/bin/other"], needs="tables")
    (root / "etc/alternatives").mkdir(parents=True)
    (root / "etc/alternatives/tables").symlink_to("/usr/sbin/tables-nft")
    (root / "usr/sbin/tables").symlink_to("/etc/alternatives/tables")
    monkeypatch.setattr(debian_layer, "PACKAGES", ("tables",))
    with tarfile.open(fileobj=io.BytesIO(debian_layer.layer(root))) as packed:
        found = {entry.name: entry.linkname for entry in packed.getmembers()}
    assert found == {
        "bin": "usr/bin",
        "sbin": "usr/sbin",
        "etc/alternatives/tables": "/usr/sbin/tables-nft",
        "usr/lib/libone.so": "",
        "usr/sbin/tables": "/etc/alternatives/tables",
        "usr/sbin/tables-nft": "",
    }


def test_images_are_there_by_the_names_that_clusters_ask_for(root, tmp_path):
    for tag in ("v1.20.2", "v1.21.0"):
        folder = tmp_path / f"kubernetes/{tag}-x86_64"
        folder.mkdir(parents=True)
        for name in PROGRAMS:
            (folder / name).write_text(f"{name} {tag}")
    sources = Sources(root, {tag: tmp_path / f"kubernetes/{tag}-x86_64" for tag in ("v1.20.2", "v1.21.0")})
    shelf = Shelf()
    assert sources.push(shelf)
    for tag in sources.programs:
        programs = {f"usr/local/bin/{name}" for name in PROGRAMS}
        assert {*shelf.files(f"magnum/hyperkube:{tag}")} >= programs
        assert {*shelf.files(f"magnum/kubelet:{tag}")} & programs == {"usr/local/bin/kubelet"}
    assert "usr/local/bin/etcd" in shelf.files("magnum/etcd:v3.4.6")
    for minor in range(20, 38):
        facts = cluster_facts(minor, "flannel", metrics_server_enabled="false", container_infra_prefix="magnum/")
        for image in bill(facts):
            assert shelf.images[image][1]["Entrypoint"][0].lstrip("/") in shelf.files(image)


def test_without_a_root_file_system_there_are_none_and_later_there_are(tmp_path, root):
    shelf = Shelf()
    assert not Sources(None, {}).push(shelf)
    assert shelf.images == {}
    assert Sources(None, {}).version() != Sources(root, {}).version() == Sources.found(tmp_path).version()


def test_the_same_files_make_the_same_layer():
    files = {"bin/one": (b"1", 0o755)}
    assert tar(files, {"bin/two": "one"}) == tar(files, {"bin/two": "one"}) != tar(files)
