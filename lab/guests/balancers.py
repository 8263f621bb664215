"""Load balancers: a haproxy for each, in a namespace of its own at the port that Octavia has made for its address.

A change is told to the running one, which lets connections of before go on until they end.
"""

import os
import signal

from lab.processes import Process
from lab.settings import Lab
from magnum.certificates.private_files import write_private_file
from magnum.drivers.local.commands import run
from magnum.drivers.local.folders import remove_tree
from magnum.drivers.local.netns import NETNS_FOLDER

from .wiring import Wiring

PROGRAM = "/usr/sbin/haproxy"
FILE = "haproxy.cfg"
SECONDS = 10.0


class Haproxies:
    """All load balancers of a lab that run here, each known by its port's device."""

    def __init__(self, lab: Lab, wiring: Wiring) -> None:
        self._folder = lab.data / "balancers"
        self._wiring = wiring
        self._told: set[str] = set()
        """Whose haproxy knows what is written down. A runner that has just begun cannot know that of any."""

    def devices(self) -> list[str]:
        return sorted(entry.name for entry in self._folder.iterdir()) if self._folder.is_dir() else []

    def is_served(self, device: str) -> bool:
        """Say whether it runs, if what is written down is anything to run for."""
        file = self._folder / device / FILE
        return file.exists() and self._process(device).running == has_listeners(file.read_text())

    def serve(self, device: str, configuration: str) -> bool:
        """Let it be as it is written; say whether it was not so."""
        folder = self._folder / device
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / FILE
        changed = not file.exists() or file.read_text() != configuration
        if changed:
            proposed = folder / "proposed.cfg"
            write_private_file(proposed, configuration.encode(), replace=True)
            if has_listeners(configuration):
                run([PROGRAM, "-c", "-q", "-f", proposed], timeout=SECONDS)
            proposed.rename(file)
        if not has_listeners(configuration):  # it refuses to run for nothing
            return self._process(device).end() or changed
        process = self._process(device)
        record = process.record()
        if record is None:
            namespace = NETNS_FOLDER / self._wiring.namespace("balancer", device)
            command = ("nsenter", f"--net={namespace}", PROGRAM, "-W", "-db", "-f", str(file))
            process.start(command, {"PATH": os.defpath}, folder, mark="")
        elif changed or device not in self._told:
            os.kill(record.number, signal.SIGUSR2)
        self._told.add(device)
        return changed or record is None

    def remove(self, device: str) -> None:
        self._process(device).end(gently=False)
        remove_tree(self._folder / device)

    def stop(self) -> None:
        for device in self.devices():
            self._process(device).end(gently=False)

    def _process(self, device: str) -> Process:
        folder = self._folder / device
        return Process("haproxy", folder, folder)


def has_listeners(configuration: str) -> bool:
    return "\nfrontend " in configuration
