"""A registry of images without TLS on a cluster's own network: Debian's docker-registry, with images of busybox."""

import json
import subprocess
import time
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

import pytest

from lab.container_images import SHELL, busybox_layer
from lab.registry import Registry as Client
from magnum.drivers.local import netns, rootfs
from magnum.drivers.local.names import MachineNames
from magnum.drivers.local.networks import Network
from magnum.drivers.local.settings import default_cache_dir

PORT = 5000
SECONDS = 30


class Registry:
    """Runs as a machine of its own that is plugged into the cluster's bridge."""

    def __init__(self, names: MachineNames, network: Network, address: IPv4Address, folder: Path) -> None:
        self.names = names
        self.network = network
        self.address = address
        self.folder = folder
        self.client = Client(f"{address}:{PORT}")

    def __enter__(self) -> Self:
        netns.plug(self.names, self.network, self.address, default_route=False, timeout=SECONDS)
        configuration = {
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "images")}},
            "http": {"addr": self.client.address, "relativeurls": True},
        }
        (self.folder / "registry.yml").write_text(json.dumps(configuration))
        command = ["ip", "netns", "exec", self.names.netns, "docker-registry", "serve", self.folder / "registry.yml"]
        with (self.folder / "registry.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS
        while not self.client.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the registry does not come up: {(self.folder / 'registry.log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        netns.unplug(self.names, timeout=SECONDS)

    def push(self, name: str, tag: str, files: Mapping[str, bytes]) -> None:
        """Put an image there: busybox, and these programs by their paths."""
        root = rootfs.path_of(rootfs.DEBIAN_12, default_cache_dir())
        layer = self.client.layer(name, busybox_layer(root, files))
        self.client.push(name, (tag,), (layer,), SHELL)
