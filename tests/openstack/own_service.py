"""A service of our own in the lab: its processes, a database of its own, its calls to the cloud through `between`.

The lab's configuration says where the cloud is and who we are in it. Beside the real drivers there is `stack_driver`.
"""

import configparser
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from between import Between
from installation import Installation, free_port

from lab.settings import SERVERS

if TYPE_CHECKING:
    import subprocess

DRIVERS = Path(__file__).resolve().parent / "stack_driver"
LEASE = 3.0
QUIET, INTERVAL = 10.0, 2.0
"""A call that is let go lands in the first; Heat is looked at once in the second."""


class OwnService(Installation):
    """Everything ends with `until`. The API answers; conductors are started by whoever needs them."""

    def __init__(self, folder: Path, lab: Path, until: ExitStack, *, certificates: str) -> None:
        """`certificates` says where they are kept."""
        self.between = Between(services_of(lab))
        until.callback(self.between.close)
        options = read_configuration(lab)
        options |= {
            "DEFAULT": {"auth_strategy": "keystone"},
            "conductor": {
                "lease_seconds": LEASE,
                "renew_seconds": 0.8,
                "quiet_period": QUIET,
                "poll_milliseconds": 100,
            },
            "quotas": {"max_clusters_per_project": 200},
            "cluster": {"pre_delete_lb_timeout": 10},
            "certificates": {"cert_manager_type": certificates},
        }
        for section in ("api", "database"):
            del options[section]
        super().__init__(folder, f"sqlite:///{folder}/magnum.sqlite", port=free_port(), options=options)
        self._until = until
        self._conductors: list[subprocess.Popen[bytes]] = []
        self._names = 0
        # A process ends with the thread that has started it, so this is always the same.
        self._starter = until.enter_context(ThreadPoolExecutor(1))
        until.enter_context(self.api(PYTHONPATH=str(DRIVERS)))

    def start_conductor(self) -> None:
        self._starter.submit(self._start_conductor).result()

    def _start_conductor(self) -> None:
        running, name = ExitStack(), f"conductor-{self._names}"
        self._names += 1
        way = {"STACK_INTERVAL": str(INTERVAL), "http_proxy": self.between.url, "no_proxy": ""}
        process = running.enter_context(self.conductor(name, PYTHONPATH=str(DRIVERS), **way))
        self._conductors.append(process)
        self._until.push(running)

    def kill_conductor(self) -> None:
        """As the power would."""
        process = self._conductors.pop()
        process.kill()
        process.wait()


def services_of(lab: Path) -> dict[int, str]:
    """Say which of the lab's servers listens at which port."""
    first = json.loads((lab / "lab.json").read_text())["port"]
    return {first + number: name for number, name in enumerate(SERVERS)}


def read_configuration(lab: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="")
    parser.read(lab / "etc/magnum/magnum.conf")
    return {name: dict(parser[name]) for name in parser.sections()}
