"""A service in this process, without conductors, and people who talk to it over HTTP.

The whole pipeline of api-paste.ini is in the way of every request. Who asks is said by headers (auth_strategy noauth).
"""

import dataclasses
import random
import warnings
from collections.abc import Callable

import falcon.testing
import msgspec
import pytest
from oslo_config import cfg
from sqlalchemy import event

from magnum.api.app import load_app
from magnum.conf.certificates import Certificates
from magnum.conf.default import Default
from magnum.conf.settings import Settings
from magnum.core.service import Service
from magnum.db import clusters, events, nodegroups, operations
from magnum.db.engine import open_database
from magnum.db.migrate import create_all
from magnum.drivers.fake.spec import SPEC
from magnum.drivers.registry import Registry
from magnum.openstack.catalogue import Catalogue, Flavor, Image

with warnings.catch_warnings():
    # oslo.middleware's rings are made with WebOb, which imports `cgi` once.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    import webob  # noqa: F401

START = 1_800_000_000_000_000
LATEST = "container-infra latest"


class TurnedClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> int:
        return START + round(self.elapsed * 1_000_000)

    def monotonic(self) -> float:
        return self.elapsed

    def turn(self, seconds: float) -> None:
        self.elapsed += seconds


class Person:
    """Somebody with an HTTP client: the answers are JSON, the microversion is the newest unless said otherwise."""

    def __init__(self, world: "World", user: str, project: str, roles: str) -> None:
        def call(environ, start_response):
            """Falcon's client looks at the signature of what it calls, which the rings of WebOb do not have."""
            return world.app(environ, start_response)

        self.client = falcon.testing.TestClient(call)
        self.identity = {"X-User-Id": user, "X-Project-Id": project, "X-Roles": roles}

    def call(self, method: str, path: str, body=None, *, version: str | None = LATEST, headers=None, **more):
        sent = self.identity | {"Accept": "application/json"}
        if version is not None:
            sent["OpenStack-API-Version"] = version if " " in version else f"container-infra {version}"
        if body is not None:
            more["json"] = body
        return self.client.simulate_request(method, f"/v1{path}", headers=sent | (headers or {}), **more)

    def get(self, path: str, **more):
        return self.call("GET", path, **more)

    def post(self, path: str, body=None, **more):
        return self.call("POST", path, body, **more)

    def patch(self, path: str, body=None, **more):
        return self.call("PATCH", path, body, **more)

    def delete(self, path: str, **more):
        return self.call("DELETE", path, **more)

    def make_template(self, **more) -> dict:
        body = {"name": "swarm", "coe": "swarm-mode", "image_id": "fake"} | more
        answer = self.post("/clustertemplates", body)
        assert answer.status_code == 201, answer.text
        return answer.json

    def make_cluster(self, template: str, **more) -> str:
        answer = self.post("/clusters", {"cluster_template_id": template} | more)
        assert answer.status_code == 202, answer.text
        return answer.json["uuid"]


class World:
    """The service behind the HTTP, for what a test has to arrange or to look up without it."""

    def __init__(self, clock: TurnedClock) -> None:
        self.clock = clock
        self.service = make_service(clock)
        self.app = load_app(self.service)

    def change(self, **parts) -> None:
        """Let the service be made of other parts from now on."""
        self.service = dataclasses.replace(self.service, **parts)
        self.app = load_app(self.service)

    def configure(self, **sections) -> None:
        self.change(settings=msgspec.structs.replace(self.service.settings, **sections))

    def person(self, user: str, project: str, roles: str = "member,reader") -> Person:
        return Person(self, user, project, roles)

    def write(self, function: Callable) -> object:
        return self.service.database.write(function)

    def read(self, function: Callable) -> object:
        return self.service.database.read(function)

    def set_status(self, cluster: str, status: str, **more) -> None:
        """Let a cluster and its node groups be in a status, as a conductor would have left them."""

        def run(tx) -> None:
            clusters.update(tx, cluster, status=status, **more)
            for group in nodegroups.of_cluster(tx, cluster):
                nodegroups.update(tx, group.uuid, status=status)

        self.write(run)

    def operations(self, cluster: str) -> list:
        return self.read(lambda tx: operations.of_cluster(tx, cluster))

    def events(self, cluster: str) -> list:
        return self.read(lambda tx: events.of_cluster(tx, cluster))

    def groups(self, cluster: str) -> tuple:
        return self.read(lambda tx: nodegroups.of_cluster(tx, cluster))


def make_settings() -> Settings:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    return Settings(
        oslo=conf,
        default=Default(auth_strategy="noauth"),
        certificates=Certificates(cert_manager_type="x509keypair"),
    )


def make_service(clock: TurnedClock) -> Service:
    database = open_database("sqlite://", clock=clock)
    create_all(database)
    return Service(
        database=database,
        settings=make_settings(),
        clock=clock,
        randomness=random.Random(7),
        drivers=Registry([SPEC]),
        catalogue=CATALOGUE,
        pause=clock.turn,
    )


CATALOGUE = Catalogue(
    images=(
        Image(id="11111111-1111-4111-8111-111111111111", name="fake", os_distro="fake"),
        Image(id="22222222-2222-4222-8222-222222222222", name="bare"),
        Image(id="33333333-3333-4333-8333-333333333333", name="suse", os_distro="suse"),
    ),
    flavors=(
        Flavor(id="1", name="m1.small", memory_mib=1024, vcpus=1, disk_gib=10),
        Flavor(id="2", name="m1.large", memory_mib=4096, vcpus=4, disk_gib=40),
    ),
)


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def world(clock):
    made = World(clock)
    yield made
    made.service.database.dispose()


@pytest.fixture(scope="module")
def shared_world():
    """A service for a whole module of tests."""
    made = World(TurnedClock())
    yield made
    made.service.database.dispose()


class Statements(list[str]):
    """What was sent to the database, without what brackets transactions."""

    def writes(self) -> int:
        return sum(not statement.lstrip().upper().startswith("SELECT") for statement in self)


@pytest.fixture
def statements(world):
    sent = Statements()
    engine = world.service.database._engine

    def note(_connection, _cursor, statement, *_rest) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def ann(world) -> Person:
    return world.person("ann", "fishers")


@pytest.fixture
def bob(world) -> Person:
    """A colleague of Ann's."""
    return world.person("bob", "fishers")


@pytest.fixture
def eve(world) -> Person:
    """Of another project."""
    return world.person("eve", "others")


@pytest.fixture
def root(world) -> Person:
    return world.person("root", "operators", "admin")


@pytest.fixture
def reader(world) -> Person:
    return world.person("rita", "fishers", "reader")
