"""`magnum-api` and `magnum-conductor` as processes of their own on one database, as an operator runs them.

An installation is a folder with a configuration file. Everybody is believed (auth_strategy noauth) unless the options
say otherwise. Processes listen on loopback, write to logs in the folder, and are ended by their number.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3

from magnum.certificates.encryption import generate_key_file
from magnum.db import migrate

COMMANDS = Path(sys.executable).parent
SECONDS = 120
Options = Mapping[str, Mapping[str, Any]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Installation:
    def __init__(self, folder: Path, database_url: str, *, port: int, options: Options | None = None) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.configuration = folder / "magnum.conf"
        key = folder / "encryption.key"
        generate_key_file(key)
        usual: Options = {
            "DEFAULT": {"auth_strategy": "noauth", "state_path": folder},
            "api": {"port": port, "workers": 1, "threads": 8},
            "database": {"connection": database_url},
            "certificates": {"cert_manager_type": "x509keypair", "encryption_keys": key},
            "drivers": {"disabled_drivers": "local_swarm"},
        }
        sections = {name: {**usual.get(name, {}), **options.get(name, {})} for name in {**usual, **options}}
        lines = [
            f"[{name}]\n" + "".join(f"{key} = {sections[name][key]}\n" for key in sections[name]) for name in sections
        ]
        self.configuration.write_text("\n".join(lines))
        migrate.upgrade(database_url)

    @contextlib.contextmanager
    def api(self, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        with self._running("magnum-api", self.answers, environment=environment) as process:
            yield process

    @contextlib.contextmanager
    def conductor(self, name: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
        log = self.folder / f"{name}.log"
        with self._running(
            "magnum-conductor", lambda: "is at work" in log.read_text(), log=log, environment=environment
        ) as process:
            yield process

    def answers(self) -> bool:
        """Tell whether the API answers."""
        try:
            return urllib3.request("GET", f"{self.url}/healthcheck", timeout=5, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    @contextlib.contextmanager
    def _running(
        self,
        program: str,
        is_ready: Callable[[], bool],
        *,
        log: Path | None = None,
        environment: Mapping[str, str],
    ) -> Iterator["subprocess.Popen[bytes]"]:
        log = log or self.folder / f"{program}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                # So that it ends with us, also when we are killed.
                ["setpriv", "--pdeathsig", "TERM", COMMANDS / program, "--config-file", self.configuration],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | environment,
            )
        try:
            deadline = time.monotonic() + SECONDS
            while not is_ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{program} has not become ready: {log.read_text()[-2000:]}")
                time.sleep(0.02)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
