"""The whole control plane: what is done, in which order, to have it; and to be rid of it."""

import hashlib
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3
from openstack.exceptions import SDKException

from magnum.drivers.local import preflight
from magnum.drivers.local.settings import default_cache_dir

from . import address, identity, mariadb, resources
from .clouds import connect, write_clouds
from .configuration import files_of, write_all
from .container_images import Sources
from .guests import runner as all_guests
from .processes import Process, last_lines, written_down
from .registry import Registry, RegistryError
from .services import GUESTS, HTTP, TCP, Service, environment, infrastructure, services
from .settings import Lab, LabError
from .tasks import Task, do_all

AT_ONCE = 6
"""Tasks; most of them wait for a server."""
PEOPLE = "people and catalogue"
ADDRESS = "address"
BETWEEN_LOOKS = 0.2
TABLES_SECONDS = 600
AGENTS_SECONDS = 300


class ControlPlane:
    def __init__(self, lab: Lab, say: Callable[[str], None]) -> None:
        self._lab = lab
        self._say = say
        self._environment = environment(lab)

    def start(self) -> bool:
        """Start all that does not run and make all that is missing; say whether there was anything to do."""
        for obstacle in self._obstacles:
            self._say(f"Servers will be ACTIVE and not run. {obstacle}")
        write_all(self._lab)
        write_clouds(self._lab)
        programs = self._lab.folder / "bin"
        programs.unlink(missing_ok=True)
        programs.symlink_to(self._lab.environment / "bin")
        return do_all(self.tasks(), at_once=AT_ONCE, say=self._say)

    @cached_property
    def _obstacles(self) -> list[str]:
        """Say why guests cannot run, a sentence for each reason."""
        if not self._lab.has_guests:
            return ["The lab was made by somebody who is not root. To have them: make lab-clean and make lab, as root."]
        return preflight.missing()

    def stop(self, *, gently: bool = True) -> None:
        """End all processes: the services together, then what they all stand on."""
        ground = {service.name for service in infrastructure(self._lab)}
        running = [name for name in written_down(self._lab.folder / "run") if name != GUESTS]
        if self._lab.has_guests:
            self._process(GUESTS).end(gently=gently)
            all_guests.stop_all(self._lab) if gently else all_guests.remove_all(self._lab)
        for names in ([name for name in running if name not in ground], [name for name in running if name in ground]):
            tasks = [Task(f"ended {name}", (), self._ender(name, gently=gently)) for name in names]
            do_all(tasks, at_once=max(1, len(tasks)), say=self._say)
        if self._lab.has_guests:
            address.give_back(self._lab)

    # -- tasks -------------------------------------------------------------------------------------------------------

    def tasks(self) -> list[Task]:
        lab = self._lab
        running = [service for service in services(lab) if service.name != GUESTS or not self._obstacles]
        tables = mariadb.migrations(lab)
        everything = tuple(service.name for service in running)
        return [
            Task(ADDRESS, (), self._take_address),
            Task("root file system", (), self._make_root),
            self._commands_task("database files", (), mariadb.initialisation(lab), version="1"),
            Task("databases", ("mariadb",), lambda: mariadb.make_databases(lab)),
            *(
                self._commands_task(f"{service} tables", ("databases",), commands, version=lab.environment.name)
                for service, commands in tables.items()
            ),
            *(Task(service.name, (*service.needs, ADDRESS), self._starter(service)) for service in running),
            self._once(
                self._asking_task(PEOPLE, "keystone", identity.make_people_and_catalogue),
                version=identity.version(),
            ),
            self._asking_task("images", "glance", resources.make_images),
            self._asking_task("flavors", "nova", resources.make_flavors),
            self._asking_task("key pairs", "nova", resources.make_key_pairs),
            self._asking_task("networks", "neutron", resources.make_networks),
            self._asking_task("volume type", "cinder", resources.make_volume_type),
            self._container_images_task(),
            Task("agents", (*everything, PEOPLE), self._await_agents),
            self._commands_task("compute host", ("agents",), self._discovery(), version="1"),
        ]

    def _take_address(self) -> bool:
        return self._lab.has_guests and address.take(self._lab)

    def _make_root(self) -> bool:
        """See that there is what guests are made of."""
        return not self._obstacles and all_guests.make_root(self._say)

    def _once(self, task: Task, *, version: str) -> Task:
        """Do a task until it has been done to its end for this version of what it makes."""
        file = self._lab.folder / "done" / task.name

        def act() -> bool:
            if file.exists() and file.read_text() == version:
                return False
            task.act()
            file.write_text(version)
            return True

        return task._replace(act=act)

    def _commands_task(
        self, name: str, needs: tuple[str, ...], commands: Sequence[Sequence[str]], *, version: str
    ) -> Task:
        """Run commands, one after another."""

        def act() -> bool:
            for command in commands:
                self._run(name.replace(" ", "-"), command)
            return True

        return self._once(Task(name, needs, act), version=version)

    def _asking_task(self, name: str, service: str, make: Callable[[Lab], bool]) -> Task:
        """Make what a service is asked for; if it refuses, its log says why."""

        def act() -> bool:
            try:
                return make(self._lab)
            except SDKException as error:
                raise LabError(f"{service} does not make the {name}: {error}\n{self._end_of_log(service)}") from error

        return Task(name, (service,) if service == "keystone" else (service, PEOPLE), act)

    def _container_images_task(self) -> Task:
        """Fill the container registry with what this host can make images of."""
        registry = Registry(f"{self._lab.address}:{self._lab.port('registry')}")

        def push(sources: Sources) -> bool:
            try:
                return sources.push(registry)
            except RegistryError as error:
                raise LabError(f"{error}\n{self._end_of_log('registry')}") from error

        def act() -> bool:
            sources = Sources.found(default_cache_dir())
            return self._once(Task("container images", (), lambda: push(sources)), version=sources.version()).act()

        return Task("container images", ("registry", "root file system"), act)

    def _starter(self, service: Service) -> Callable[[], bool]:
        return lambda: self._ensure(service)

    # -- commands ------------------------------------------------------------------------------------------------------

    def _run(self, name: str, command: Sequence[str]) -> None:
        with (self._lab.logs / f"{name}.log").open("ab") as output:
            done = subprocess.run(
                command,
                check=False,
                cwd=self._lab.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=TABLES_SECONDS,
            )
        if done.returncode != 0:
            raise LabError(f"{Path(command[0]).name} has failed.\n{self._end_of_log(name)}")

    # -- processes ---------------------------------------------------------------------------------------------------

    def _process(self, name: str) -> Process:
        return Process(name, self._lab.folder / "run", self._lab.logs)

    def _ender(self, name: str, *, gently: bool) -> Callable[[], bool]:
        return lambda: self._process(name).end(gently=gently)

    def _ensure(self, service: Service) -> bool:
        process = self._process(service.name)
        mark = self._mark(service)
        record = process.record()
        if record and record.mark == mark:
            return False
        if record:
            process.end()
        if service.server and listens(self._lab, service.server):
            raise LabError(
                f"{service.name} needs port {self._lab.port(service.server)}, and somebody else has it. For other "
                "ports: make lab-clean, then make lab LAB_PORT=…"
            )
        process.start(service.command, self._environment, self._lab.folder, mark)
        self._await(service, process)
        return True

    def _mark(self, service: Service) -> str:
        """Give what changes with the command and with every file that it is configured by."""
        files = files_of(self._lab, service.name.partition("-")[0])
        parts = [service.mark, *service.command, *(file.read_text() for file in files)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def _await(self, service: Service, process: Process) -> None:
        deadline = time.monotonic() + service.seconds
        while not is_ready(service, self._lab):
            if not process.running:
                raise LabError(f"{service.name} has ended.\n{self._end_of_log(service.name)}")
            if time.monotonic() > deadline:
                raise LabError(
                    f"{service.name} is not ready after {service.seconds} s.\n{self._end_of_log(service.name)}"
                )
            time.sleep(BETWEEN_LOOKS)

    def _end_of_log(self, name: str) -> str:
        log = self._lab.logs / f"{name}.log"
        return f"The end of {log}:\n{last_lines(log)}"

    # -- who has no port ---------------------------------------------------------------------------------------------

    def _await_agents(self) -> bool:
        """Wait until those who speak by messages only have said that they are there."""
        deadline = time.monotonic() + AGENTS_SECONDS
        connection = connect(self._lab)
        asked = False
        while missing := sorted(AGENTS - present_agents(connection)):
            asked = True
            for name in missing:
                process = self._process(name)
                if not process.running or time.monotonic() > deadline:
                    raise LabError(f"{name} has not come to work.\n{self._end_of_log(name)}")
            time.sleep(BETWEEN_LOOKS)
        return asked

    def _discovery(self) -> Sequence[Sequence[str]]:
        """Give the command that lets Nova use its compute host."""
        files = ("nova/nova.conf", "nova/nova-databases.conf")
        configuration = [word for file in files for word in ("--config-file", str(self._lab.etc / file))]
        return [[self._lab.program("nova-manage"), *configuration, "cell_v2", "discover_hosts"]]


AGENTS = {"nova-conductor", "nova-scheduler", "nova-compute", "cinder-scheduler", "cinder-volume", "heat-engine"}


def present_agents(connection: Any) -> set[str]:
    """Give those that are up in the eyes of their own API."""
    up = [service.binary for service in connection.compute.services() if service.state == "up"]
    up += [service.binary for service in connection.block_storage.services() if service.state == "up"]
    engines = connection.orchestration.get("/services").json()["services"]
    return {*up, *(engine["binary"] for engine in engines if engine["status"] == "up")}


def is_ready(service: Service, lab: Lab) -> bool:
    if service.server is None:
        return True
    if service.speaks == TCP:
        return listens(lab, service.server)
    assert service.speaks == HTTP
    try:
        answer = urllib3.request("GET", f"{lab.url(service.server)}/", timeout=10, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status < 500


def listens(lab: Lab, server: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((lab.host(server), lab.port(server))) == 0
