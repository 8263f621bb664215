"""The image of a pod's first container, made here so that no registry is needed.

It keeps the pod's namespaces, takes in processes that have lost their parents, and ends when it is told to: a shell
script of one line, run by the busybox of the machines' own root file system.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path

from magnum.certificates.private_files import sync_directory
from magnum.drivers.local import locks

PAUSE_IMAGE = "localhost/magnum/pause:1"
"""What every pod's first container is made of here."""
ARCHIVE = "pause.tar"
BUSYBOX = "bin/busybox"
LOCK_SECONDS = 60.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_EPOCH = "1970-01-01T00:00:00Z"
COMMAND = ("/bin/busybox", "sh", "-c", "trap 'exit 0' INT TERM; while true; do busybox sleep 2147483647 & wait; done")


def ensure(cache_dir: Path, rootfs: Path, machine: str) -> Path:
    """Give the folder with the archive, made anew where the root file system's busybox is another one."""
    busybox = (rootfs / BUSYBOX).read_bytes()
    content = archive(PAUSE_IMAGE, busybox, _ARCHITECTURES.get(machine, machine))
    folder = cache_dir / "kubernetes" / f"images-{hashlib.sha256(content).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    with locks.exclusive(folder.with_name(folder.name + ".lock"), timeout=LOCK_SECONDS):
        if not folder.is_dir():
            partial = folder.with_name(folder.name + ".partial")
            partial.mkdir(exist_ok=True)
            (partial / ARCHIVE).write_bytes(content)
            partial.rename(folder)
            sync_directory(folder.parent)
    return folder


def archive(name: str, busybox: bytes, architecture: str) -> bytes:
    """Pack an image of busybox alone, in the form that every container engine imports; always the same bytes."""
    layer = _tar({"bin/busybox": (busybox, 0o755)})
    configuration = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": _EPOCH,
            "config": {"Entrypoint": COMMAND, "Env": ["PATH=/bin"], "WorkingDir": "/", "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            "history": [{"created": _EPOCH, "created_by": "magnum"}],
        }
    )
    file = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = _json([{"Config": file, "RepoTags": [name], "Layers": ["layer.tar"]}])
    return _tar({file: (configuration, 0o644), "layer.tar": (layer, 0o644), "manifest.json": (manifest, 0o644)})


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
