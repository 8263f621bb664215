"""Our programs and the unmodified `openstack` command, as tests use them: real processes, started and ended."""

import contextlib
import io
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pytest
import urllib3
import yaml
from installation import free_port

from magnum.drivers.local.names import HostNames
from magnum.standalone.state import StateDirectory

with warnings.catch_warnings():  # the client's warnings are not ours to mend
    warnings.simplefilter("ignore")
    from openstackclient import shell
    from osc_lib.clientmanager import ClientManager

COMMANDS = Path(sys.executable).parent
SECONDS = 120


def start(*command: str | Path, ready: str, **environment: str) -> subprocess.Popen[str]:
    """Start a program and wait for a line that says `ready`."""
    process = subprocess.Popen(
        [COMMANDS / command[0], *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | environment,
    )
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if ready in line:
            return process
    pytest.fail(f"{command[0]} ended with {process.wait(SECONDS)}: {''.join(said)}")


def end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail("It did not stop on SIGTERM.")
    return process.returncode


class Openstack:
    """The command, in this process: it is the same code without the second that Python takes to load it."""

    def __init__(self, clouds: Path) -> None:
        self.environment = {"OS_CLIENT_CONFIG_FILE": str(clouds), "OS_CLOUD": "magnum", "SHELL": "/bin/sh"}

    def __call__(self, *arguments: str) -> str:
        code, out, err = self.run(arguments)
        assert code == 0, err
        return out

    def show(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-f", "json"))

    def refused(self, *arguments: str) -> str:
        code, _, err = self.run(arguments)
        assert code == 1
        return err

    def run(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, value in self.environment.items():
                patch.setenv(name, value)
            if kept := vars(ClientManager).get("container_infra"):
                kept._handle = None  # the command expects one cloud in the life of a process
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    code = shell.main(list(arguments))
                finally:
                    root.handlers[:], root.level = handlers, level
        return code, out.getvalue(), err.getvalue()

    def until(self, cluster: str, *final: str) -> dict[str, Any]:
        """Look at a cluster until its status is one of the final ones. Bounded."""
        for _ in range(200):
            shown: dict[str, Any] = self.show("coe", "cluster", "show", cluster)
            if shown["status"] in final:
                return shown
            assert not shown["status"].endswith("_FAILED"), shown["status_reason"]
        pytest.fail(f"{cluster} is still {shown['status']}: {shown['status_reason']}")

    def until_gone(self, cluster: str) -> None:
        for _ in range(200):
            if cluster not in [item["name"] for item in self.show("coe", "cluster", "list")]:
                return
        pytest.fail(f"{cluster} is still there")


class Standalone:
    """A `magnum-standalone` of its own on loopback, with machines if this host can have them; gone with all it made."""

    def __init__(self, path: Path, configuration: str = "") -> None:
        self.state = StateDirectory(path)
        self.port = free_port()
        self.node_port = free_port()
        with self.state.held():
            self.state.prepare(host="127.0.0.1", port=self.port)
        with self.state.configuration.open("a") as file:
            file.write(f"\n[local]\nnode_port = {self.node_port}\n{configuration}")
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.openstack = Openstack(self.state.clouds)
        self.names_prefix = HostNames(path.absolute() / "machines").bridge_alias_prefix

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        subprocess.run(
            [COMMANDS / "magnum-standalone", "--state-dir", self.state.path, "clean"],
            check=True,
            capture_output=True,
            timeout=120,
        )

    def start(self) -> None:
        self.process = start("magnum-standalone", "--state-dir", self.state.path, ready="is ready")

    def kill(self) -> None:
        """As the power would."""
        self.process.kill()
        self.process.communicate()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def password(self) -> str:
        return str(yaml.safe_load(self.state.clouds.read_text())["clouds"]["magnum"]["auth"]["password"])

    @property
    def encryption_key(self) -> bytes:
        return self.state.encryption_key.read_bytes().strip()

    def get(self, path: str) -> Any:
        answer = urllib3.request("GET", self.url + path, headers=self.login(), timeout=SECONDS, retries=False)
        assert answer.status == 200, answer.data
        return answer.json()

    def login(self) -> dict[str, str]:
        return urllib3.make_headers(basic_auth=f"admin:{self.password}")

    def named(self, cluster: str) -> dict[str, Any] | None:
        return next((item for item in self.get("/clusters/detail")["clusters"] if item["name"] == cluster), None)

    def until(self, cluster: str, *final: str, seconds: float) -> dict[str, Any]:
        """Look at a cluster until its status is one of the final ones."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = self.named(cluster)
            assert shown, f"{cluster} is gone"
            if shown["status"] in final:
                return self.get(f"/clusters/{shown['uuid']}")
            assert not shown["status"].endswith("_FAILED"), shown["status_reason"]
            time.sleep(0.2)
        pytest.fail(f"{cluster} is {shown['status']} after {seconds} s: {shown['status_reason']}")

    def until_gone(self, cluster: str, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (shown := self.named(cluster)) is not None:
            assert time.monotonic() < deadline, f"{cluster} is {shown['status']}: {shown['status_reason']}"
            time.sleep(0.2)

    def machine_folders(self, cluster_uuid: str) -> list[Path]:
        folder = self.state.path / "machines/clusters" / cluster_uuid
        return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def everything_stored(self) -> bytes:
        """Give the whole database as text: what is written down of events, errors and all else."""
        with contextlib.closing(sqlite3.connect(self.state.path / "magnum.sqlite")) as connection:
            return "\n".join(connection.iterdump()).encode()


class Docker:
    """Docker's own command with the files that `coe cluster config` wrote, towards any of the cluster's engines."""

    def __init__(self, certificates: Path, manager: str) -> None:
        self.certificates = certificates
        self.manager = manager

    @classmethod
    def configured(cls, openstack: Openstack, cluster: dict[str, Any], folder: Path) -> Self:
        config = ("config", cluster["name"], "--dir", str(folder), "--force", "--output-certs")
        openstack("coe", "cluster", *config)
        return cls(folder, cluster["master_addresses"][0])

    def __call__(self, *arguments: str, engine: str | None = None, stdin: bytes | None = None) -> str:
        done = self.run(*arguments, engine=engine, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def run(
        self, *arguments: str, engine: str | None = None, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        files = {"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
        options = [f"--{option}={self.certificates / file}" for option, file in files.items()]
        command = ["docker", "--tlsverify", *options, "-H", f"tcp://{engine or self.manager}:2376", *arguments]
        # Without the variables of whoever runs the tests, who may have a docker of their own.
        return subprocess.run(
            command, input=stdin, capture_output=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]}
        )

    def nodes(self) -> dict[str, str]:
        """Give status by host name."""
        lines = self("node", "ls", "--format", "{{.Hostname}} {{.Status}}").splitlines()
        return dict(line.split() for line in lines)


class Kubectl:
    """Kubernetes' own command with the files that `coe cluster config` wrote, or with some of a test's making."""

    def __init__(self, configuration: Path) -> None:
        self.configuration = configuration

    @classmethod
    def configured(cls, openstack: Openstack, cluster: str, folder: Path) -> Self:
        openstack("coe", "cluster", "config", cluster, "--dir", str(folder), "--force", "--output-certs")
        return cls(folder / "config")

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["kubectl", "--kubeconfig", self.configuration, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "--output", "json"))

    def nodes(self) -> dict[str, bool]:
        """Say of each node, by name, whether it is Ready."""
        return {
            node["metadata"]["name"]: any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node["status"]["conditions"]
            )
            for node in self.get("nodes")["items"]
        }


def inside(machine: str, *command: str, stdin: bytes = b"") -> str:
    """Run a command in a machine, as its root."""
    done = run_inside(machine, *command, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def run_inside(machine: str, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    entering = ["nsenter", "--all", "--target", str(first_process(machine)), "--", *command]
    return subprocess.run(entering, input=stdin, capture_output=True, timeout=120, check=False)


def first_process(machine: str) -> int:
    """Find the process that is number 1 in the machine: the child of what supervises it."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = entry.read_bytes().decode().split("\0")
            if words[0].endswith("systemd-nspawn") and f"--hostname={machine}" in words:
                children = entry.with_name("task") / entry.parent.name / "children"
                return int(children.read_text().split()[0])
    pytest.fail(f"no machine {machine} runs")
