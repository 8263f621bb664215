"""A registry of images without TLS on a cluster's own network: Debian's docker-registry, with images of busybox."""

import gzip
import hashlib
import io
import json
import platform
import subprocess
import tarfile
import time
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

import pytest
import urllib3

from magnum.drivers.local import netns, rootfs
from magnum.drivers.local.names import MachineNames
from magnum.drivers.local.networks import Network
from magnum.drivers.local.settings import default_cache_dir

PORT = 5000
SECONDS = 30
_APPLETS = ("awk", "cat", "cp", "grep", "hostname", "httpd", "ip", "mkdir", "sh", "sleep", "wget")
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """Runs as a machine of its own that is plugged into the cluster's bridge."""

    def __init__(self, names: MachineNames, network: Network, address: IPv4Address, folder: Path) -> None:
        self.names = names
        self.network = network
        self.address = address
        self.folder = folder

    def __enter__(self) -> Self:
        netns.plug(self.names, self.network, self.address, default_route=False, timeout=SECONDS)
        configuration = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "images")}},
            "http": {"addr": f"{self.address}:{PORT}"},
        }
        (self.folder / "registry.yml").write_text(json.dumps(configuration))
        command = ["ip", "netns", "exec", self.names.netns, "docker-registry", "serve", self.folder / "registry.yml"]
        with (self.folder / "registry.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the registry does not come up: {(self.folder / 'registry.log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        netns.unplug(self.names, timeout=SECONDS)

    def push(self, name: str, tag: str, files: Mapping[str, str], command: list[str] | None = None) -> None:
        """Put an image there: busybox, and these programs by their paths."""
        layer = _layer(files)
        configuration = {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()],
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], **({"Cmd": command} if command else {})},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
        packed, described = gzip.compress(layer, mtime=0), json.dumps(configuration).encode()
        parts = {
            "config": ("application/vnd.docker.container.image.v1+json", described),
            "layer": ("application/vnd.docker.image.rootfs.diff.tar.gzip", packed),
        }
        config, filled = (
            {"mediaType": kind, "size": len(blob), "digest": self._blob(name, blob)} for kind, blob in parts.values()
        )
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [filled]}
        self._ask("PUT", f"/v2/{name}/manifests/{tag}", json.dumps(manifest).encode(), {"Content-Type": _MANIFEST})

    def _blob(self, name: str, content: bytes) -> str:
        digest = _digest(content)
        place = self._ask("POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
        path = place.removeprefix(f"http://{self.address}:{PORT}")
        self._ask("PUT", f"{path}&digest={digest}", content, {"Content-Type": "application/octet-stream"})
        return digest

    def _ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
        url = f"http://{self.address}:{PORT}{path}"
        answer = urllib3.request(method, url, body=body, headers=headers, timeout=SECONDS, retries=False)
        assert answer.status < 300, answer.data
        return answer

    def _answers(self) -> bool:
        try:
            self._ask("GET", "/v2/")
        except urllib3.exceptions.HTTPError:
            return False
        return True


def _layer(files: Mapping[str, str]) -> bytes:
    busybox = rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir()) / "bin/busybox"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in {"bin/busybox": busybox.read_bytes(), **{p: t.encode() for p, t in files.items()}}.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return buffer.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
