"""A real Keystone, our service behind it or behind a file of users, and the unmodified clients of several years."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import bcrypt
import yaml
from programs import COMMANDS, SECONDS, end, free_port, start

from magnum.openstack.catalogue import SHIPPED
from magnum.standalone.state import StateDirectory

HERE = Path(__file__).parent
TOOLS = HERE.parents[2] / "tools"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "magnum"
VERSIONS = ("5.0.0", "4.11.0", "4.9.0")
"""Of python-magnumclient: the newest, which has another syntax for updates, the one before it, and an old one."""
PASSWORD = "secret"
ADMIN = "admin"
TRUSTEES = "trustees"
"""The domain of the users that clusters of earlier releases have of their own."""
PEOPLE = {
    "amy": ("fishers", "member"),
    "max": ("fishers", "manager"),
    "rita": ("fishers", "reader"),
    "eve": ("others", "member"),
    ADMIN: (ADMIN, ADMIN),
}
"""Who there is, in Keystone and in files of users: project and role. keystone_process.py makes those of Keystone."""
BETWEEN_LOOKS = 0.1
"""Seconds; the service needs the processor, too."""
NO_MACHINES = "\n[drivers]\ndisabled_drivers = local_swarm\n"
NO_GLANCE = f"\n[local]\ncatalogue = {SHIPPED}\n"
"""There is no service but Keystone to ask."""


def environment(name: str) -> Path:
    """Give the Python of an environment of tools/environments."""
    made = subprocess.run([TOOLS / "environments.sh", name], check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    return Path(made.stdout.strip()) / "bin/python"


class Keystone:
    """A Keystone of its own on loopback."""

    def __init__(self, folder: Path, magnum_url: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}/v3"
        self._folder = folder
        self._magnum_url = magnum_url

    def __enter__(self) -> Self:
        python, program = environment("keystone"), HERE / "keystone_process.py"
        shutil.copytree(prepared(python, program), self._folder)
        port = self.url.rpartition(":")[2].partition("/")[0]
        self.process = start(python, program, "serve", self._folder, port, self._magnum_url, ready="is ready")
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)

    def cloud(self, user: str, **scope: str) -> dict[str, Any]:
        """Give the entry of clouds.yaml for a user, of the own project if nothing else is said."""
        who = {"username": user, "password": PASSWORD, "user_domain_id": "default", "auth_url": self.url}
        scope = scope or {"project_name": PEOPLE[user][0], "project_domain_id": "default"}
        return {"auth": who | scope, "region_name": "RegionOne"}


def prepared(python: Path, program: Path) -> Path:
    """Give the folder of a Keystone with all its people, made once for each version of it."""
    version = hashlib.sha256(str(python).encode() + program.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"keystone-{version}"
    with (CACHE / "keystone.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(half := folder.with_suffix(".half"), ignore_errors=True)
            half.mkdir(mode=0o700)
            subprocess.run([python, program, "prepare", half], check=True, timeout=300)
            half.rename(folder)
    return folder


class Programs:
    """The commands of one version of the client, in one process: to load them takes longer than to run them."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._process = subprocess.Popen(
            [environment(f"magnumclient-{version}"), HERE / "client_process.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("OS_")},
        )
        assert self._process.stdout
        self.commands = set(json.loads(self._process.stdout.readline()))

    def run(self, program: str, arguments: Sequence[str], clouds: Path) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        settings = {"OS_CLIENT_CONFIG_FILE": str(clouds), "SHELL": "/bin/sh"}
        asked = {"program": program, "arguments": arguments, "environment": settings}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        self._process.communicate(timeout=SECONDS)


class Client:
    """One version of the client, and the cloud that it talks to."""

    def __init__(self, programs: Programs, clouds: Path) -> None:
        self.version = programs.version
        self.commands = programs.commands
        self.used: set[str] = set()
        self._programs = programs
        self._clouds = clouds

    def person(self, user: str) -> "Person":
        return Person(self, user)

    def run(self, program: str, *arguments: str) -> dict[str, Any]:
        return self._programs.run(program, arguments, self._clouds)


class Person:
    """Somebody at the command line."""

    program = "openstack"

    def __init__(self, client: Client, user: str) -> None:
        self._client = client
        self.who = ["--os-cloud", user]

    def run(self, command: str, *arguments: str) -> dict[str, Any]:
        self._client.used.add(command)
        return self._client.run(self.program, *self.who, *command.split(), *arguments)

    def __call__(self, command: str, *arguments: str) -> str:
        done = self.run(command, *arguments)
        assert done["code"] == 0, done["err"]
        return str(done["out"])

    def show(self, command: str, *arguments: str) -> Any:
        return json.loads(self(command, *arguments, "-f", "json"))

    def refused(self, command: str, *arguments: str) -> str:
        done = self.run(command, *arguments)
        assert done["code"] == 1, done["out"]
        return str(done["err"])

    def until(self, cluster: str, *final: str) -> dict[str, Any]:
        """Look at a cluster until its status is one of the final ones. Bounded."""
        for _ in range(200):
            shown: dict[str, Any] = self.show("coe cluster show", cluster)
            if shown["status"] in final:
                return shown
            assert not shown["status"].endswith("_FAILED"), shown["status_reason"]
            time.sleep(BETWEEN_LOOKS)
        raise AssertionError(f"{cluster} is still {shown['status']}: {shown['status_reason']}")

    def until_gone(self, cluster: str) -> None:
        for _ in range(200):
            if cluster not in [item["name"] for item in self.show("coe cluster list")]:
                return
            time.sleep(BETWEEN_LOOKS)
        raise AssertionError(f"{cluster} is still there")


@contextmanager
def service(folder: Path, *, keystone: bool) -> Iterator[Path]:
    """Run the service with its simulated clusters; gives the clouds.yaml of everybody."""
    state = StateDirectory(folder / "var")
    with state.held():
        state.prepare(host="127.0.0.1", port=(port := free_port()))
    url = f"http://127.0.0.1:{port}/v1"
    with (behind_keystone if keystone else behind_users)(folder, state, url) as clouds:
        file = folder / "clouds.yaml"
        file.write_text(yaml.safe_dump({"clouds": clouds}))
        yield file


@contextmanager
def behind_users(_folder: Path, state: StateDirectory, url: str) -> Iterator[dict[str, Any]]:
    """Run `magnum-standalone` with a file of users."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds=4)).decode()
    state.users.write_text("".join(f"{name}:{hashed}:{project}:{role}\n" for name, (project, role) in PEOPLE.items()))
    with state.configuration.open("a") as file:
        file.write(NO_MACHINES)
    process = start("magnum-standalone", "--state-dir", state.path, ready="is ready")
    yield {
        name: {"auth_type": "http_basic", "auth": {"endpoint": url, "username": name, "password": PASSWORD}}
        for name in PEOPLE
    }
    assert end(process) == 0


@contextmanager
def behind_keystone(folder: Path, state: StateDirectory, url: str) -> Iterator[dict[str, Any]]:
    """Run `magnum-api` and `magnum-conductor`, and a Keystone that the former asks."""
    with Keystone(folder / "keystone", url) as keystone:
        settings = [line for line in state.configuration.read_text().splitlines() if not line.startswith("log_file")]
        text = "\n".join(settings).replace("auth_strategy = http_basic", "auth_strategy = keystone")
        text = text.replace("[api]\n", "[api]\nworkers = 1\n") + NO_MACHINES + NO_GLANCE + keystone_authtoken(keystone)
        state.configuration.write_text(text)
        database = [COMMANDS / "magnum-db-manage", "--config-file", state.configuration, "upgrade"]
        subprocess.run(database, check=True, capture_output=True, timeout=SECONDS)
        api = start("magnum-api", "--config-file", state.configuration, ready="Listening at")
        conductor = start("magnum-conductor", "--config-file", state.configuration, ready="is at work")
        yield {name: keystone.cloud(name) for name in PEOPLE} | {"system": keystone.cloud(ADMIN, system_scope="all")}
        assert end(conductor) == 0
        assert end(api) == 0


def keystone_authtoken(keystone: Keystone) -> str:
    """Give what the installation guides say."""
    return f"""
[keystone_authtoken]
www_authenticate_uri = {keystone.url}
auth_url = {keystone.url}
auth_type = password
username = magnum
password = {PASSWORD}
project_name = service
user_domain_name = Default
project_domain_name = Default
"""
