"""What the lab's container registry holds, for clusters with `container_infra_prefix=ADDRESS:PORT/magnum/`.

The images are made of what this host has: Kubernetes out of the programs that were built or fetched for it, etcd and
what lies under both out of the machines' Debian root file system. CoreDNS and flannel are not in Debian, so in their
place are stand-ins (`stand_ins/`), which say what they do instead, under all tags that our add-ons ask for.

What is not there yet, root file system or programs, is left out; `make lab` does the rest when it is there.
"""

import functools
import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

import msgspec

from magnum.addons.descriptions import descriptions
from magnum.drivers.kubernetes.names import PROGRAMS
from magnum.drivers.local import rootfs
from magnum.drivers.local_kubernetes import pause_image
from magnum.nodes.kubernetes.versions import PAUSE

from . import debian_layer
from .registry import Layer, Registry, tar

NAMESPACE = "magnum"
METHOD = 1
"""Raise it when images are made in another way, so that labs get them anew."""
STAND_INS = Path(__file__).with_name("stand_ins")
ETCD_TAGS = ("v3.4.6", "v3.4.23")
"""What clusters ask for that say nothing (the label `etcd_tag`), and what Debian 12 has: this it is."""
APPLETS = ("awk", "cat", "cp", "grep", "hostname", "httpd", "ip", "mkdir", "sh", "sleep", "wget")
SHELL = {"Env": ["PATH=/bin"]}


class Sources(msgspec.Struct, frozen=True):
    """All that images are made of, as far as this host has it."""

    root: Path | None
    """Of the machines."""
    programs: dict[str, Path]
    """Folders with those of Kubernetes, by version."""

    @classmethod
    def found(cls, cache_dir: Path) -> "Sources":
        root = rootfs.path_of(rootfs.DEBIAN_12, cache_dir)
        ending = f"-{platform.machine()}"
        folders = sorted((cache_dir / "kubernetes").glob(f"v*{ending}"))
        return cls(root if root.is_dir() else None, {folder.name.removesuffix(ending): folder for folder in folders})

    def version(self) -> str:
        """Give what changes with the images."""
        digest = hashlib.sha256(f"{METHOD} {self.root} {debian_layer.PACKAGES} {tags_of_addons()}".encode())
        for tag, folder in self.programs.items():
            digest.update(f"{tag} {folder.stat().st_mtime_ns}".encode())
        for file in sorted(STAND_INS.iterdir()):
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def push(self, registry: Registry) -> bool:
        """Bring all images to the registry; say whether there was anything to make them of."""
        if self.root is None:
            return False
        _Push(registry, self.root).everything(self.programs)
        return True


class _Push:
    def __init__(self, registry: Registry, root: Path) -> None:
        self._registry = registry
        self._root = root

    def everything(self, programs: dict[str, Path]) -> None:
        self._pause()
        self._stand_ins()
        self._etcd()
        for tag, folder in programs.items():
            self._kubernetes(tag, folder)

    def _layer(self, name: str, content: bytes) -> Layer:
        return self._registry.layer(f"{NAMESPACE}/{name}", content)

    @functools.cached_property
    def _debian(self) -> Layer:
        return self._layer("debian", debian_layer.layer(self._root))

    def _kubernetes(self, tag: str, folder: Path) -> None:
        """One image for each component, and all of them in one: `hyperkube`, where the command says which."""
        layers = []
        for name in PROGRAMS:
            layer = self._layer(name, tar({f"usr/local/bin/{name}": ((folder / name).read_bytes(), 0o755)}))
            self._image(name, (tag,), (self._debian, layer), {"Entrypoint": [f"/usr/local/bin/{name}"]})
            layers.append(layer)
        self._image("hyperkube", (tag,), (self._debian, *layers), {"Cmd": ["bash"]})

    def _etcd(self) -> None:
        files = {f"usr/local/bin/{name}": (self._root / f"usr/bin/{name}").read_bytes() for name in ("etcd", "etcdctl")}
        layer = self._layer("etcd", tar({path: (content, 0o755) for path, content in files.items()}))
        self._image("etcd", ETCD_TAGS, (self._debian, layer), {"Cmd": ["/usr/local/bin/etcd"]})

    def _pause(self) -> None:
        layer = self._layer("pause", busybox_layer(self._root, {}))
        process = {"Entrypoint": list(pause_image.COMMAND), "User": "65535:65535", **SHELL}
        self._image("pause", ("1", "3.1", *PAUSE.values()), (layer,), process)

    def _stand_ins(self) -> None:
        healthy = {f"healthy/{page}": b"a stand-in\n" for page in ("health", "ready")}
        autoscaler = "cluster-proportional-autoscaler"
        self._stand_in("coredns", {"coredns": stand_in("coredns"), **healthy}, ("/coredns",))
        self._stand_in(autoscaler, {autoscaler: stand_in(autoscaler)}, (f"/{autoscaler}",))
        self._stand_in("flannel", {"opt/bin/flanneld": stand_in("flanneld")}, ("/opt/bin/flanneld",))
        self._stand_in("flannel-cni-plugin", {"flannel": stand_in("flannel")}, ("/flannel",))

    def _stand_in(self, name: str, files: dict[str, bytes], command: tuple[str, ...]) -> None:
        layer = self._layer(name, busybox_layer(self._root, files))
        self._image(name, tags_of_addons()[name], (layer,), {"Entrypoint": list(command), **SHELL})

    def _image(
        self, name: str, tags: tuple[str, ...], layers: tuple[Layer, ...], process: Mapping[str, object]
    ) -> None:
        self._registry.push(f"{NAMESPACE}/{name}", tags, layers, process)


def stand_in(name: str) -> bytes:
    return (STAND_INS / name).read_bytes()


def busybox_layer(root: Path, files: Mapping[str, bytes]) -> bytes:
    """Pack busybox and these programs."""
    busybox = {pause_image.BUSYBOX: (root / pause_image.BUSYBOX).read_bytes()}
    links = {f"bin/{applet}": "busybox" for applet in APPLETS}
    return tar({path: (content, 0o755) for path, content in {**busybox, **files}.items()}, links)


def tags_of_addons() -> dict[str, tuple[str, ...]]:
    """Give all tags that our add-ons may ask for, by the last part of the image's name."""
    images = [image for description in descriptions().values() for image in description.images.values()]
    return {image.repository.rpartition("/")[2]: tuple(sorted({*image.tags.values()})) for image in images}
