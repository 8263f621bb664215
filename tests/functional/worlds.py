"""The service that stories are told to, and people who talk to it over HTTP.

It is in this process and on SQLite, or it is `magnum-api` on a database server. The whole pipeline of api-paste.ini is
in the way of every request. Who asks is said by headers (auth_strategy noauth).
"""

import contextlib
import dataclasses
import random
import sqlite3
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import falcon.testing
import msgspec
from databases import empty
from live import LiveService
from oslo_config import cfg
from oslo_policy import policy

from magnum.api.app import load_app
from magnum.conf.certificates import Certificates
from magnum.conf.default import Default
from magnum.conf.settings import Settings
from magnum.core.service import Service
from magnum.db import clusters, events, nodegroups, operations
from magnum.db.engine import Database, open_database
from magnum.db.migrate import create_all
from magnum.drivers.fake.spec import SPEC
from magnum.drivers.registry import Registry
from magnum.model.clocks import to_datetime
from magnum.openstack.catalogue import Catalogue
from magnum.openstack.offers import Flavor, Image

with warnings.catch_warnings():
    # oslo.middleware's rings are made with WebOb, which imports `cgi` once.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    import webob  # noqa: F401

START = 1_800_000_000_000_000
SEED = 7
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
        self.world = world
        self.client = world.new_client()
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

    database: Database
    patience: timedelta
    """How long ago something may have been that is said to be now."""

    def now(self) -> datetime:
        return to_datetime(self.database.read(self.database.now))

    def is_now(self, shown: str) -> bool:
        """Tell whether a time that the API shows is written well and now."""
        moment = datetime.fromisoformat(shown)
        return shown == moment.isoformat(timespec="seconds") and timedelta() <= self.now() - moment <= self.patience

    def person(self, user: str, project: str, roles: str = "member,reader") -> Person:
        return Person(self, user, project, roles)

    def write(self, function: Callable) -> object:
        return self.database.write(function)

    def read(self, function: Callable) -> object:
        return self.database.read(function)

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


class InProcess(World):
    """All of it is here, and the clock is turned by the test.

    To make tables, rules and routes takes longer than most stories, and so does it to compile all statements for a new
    engine. So one is kept for many stories, each of which finds it as it was made.
    """

    patience = timedelta()

    def __init__(self, **parts) -> None:
        self.clock = TurnedClock()
        self._made = make_service(self.clock, **parts)
        self._loaded = load_app(self._made)
        self.database = self._made.database
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all that a story has done."""
        self.clock.elapsed = 0.0
        self._made.randomness.seed(SEED)
        self._made.ending.clear()
        self.service, self.app = self._made, self._loaded
        empty(self.database)

    def picture(self) -> sqlite3.Connection:
        """Give a copy of all that is stored."""
        copy = sqlite3.connect(":memory:")
        self._connection.backup(copy)
        return copy

    def go_back(self, picture: sqlite3.Connection) -> None:
        """Be as in the picture, but for the time, and for names that have been given away since."""
        self.service, self.app = self._made, self._loaded
        picture.backup(self._connection)

    @property
    def _connection(self) -> sqlite3.Connection:
        """The one connection that a database in memory is."""
        with contextlib.closing(self.database._engine.raw_connection()) as held:
            return held.driver_connection

    def new_client(self):
        def call(environ, start_response):
            """Falcon's client looks at the signature of what it calls, which the rings of WebOb do not have."""
            return self.app(environ, start_response)

        return falcon.testing.TestClient(call)

    def change(self, **parts) -> None:
        """Let the service be made of other parts from now on."""
        self.service = dataclasses.replace(self.service, **parts)
        self.app = load_app(self.service)

    def configure(self, **sections) -> None:
        self.change(settings=msgspec.structs.replace(self.service.settings, **sections))

    def use_policy_file(self, path: Path) -> None:
        conf = make_settings().oslo  # one of its own, because it is changed in place
        policy.Enforcer(conf)  # which makes the option known
        conf.set_override("policy_file", str(path), "oslo_policy")
        self.configure(oslo=conf)


class Live(World):
    """A server that other stories were told to before; this one finds nothing of them."""

    patience = timedelta(minutes=1)

    def __init__(self, service: LiveService) -> None:
        self.database = service.database
        self.new_client = service.new_client
        empty(self.database)


def make_settings() -> Settings:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    return Settings(
        oslo=conf,
        default=Default(auth_strategy="noauth"),
        certificates=Certificates(cert_manager_type="x509keypair"),
    )


def make_service(clock: TurnedClock, **parts) -> Service:
    database = open_database("sqlite://", clock=clock)
    create_all(database)
    usual = {
        "database": database,
        "settings": make_settings(),
        "clock": clock,
        "randomness": random.Random(SEED),
        "drivers": Registry([SPEC]),
        "catalogue": CATALOGUE,
        "pause": clock.turn,
    }
    return Service(**usual | parts)


CATALOGUE = Catalogue(
    images=(
        Image(id="11111111-1111-4111-8111-111111111111", name="fake", os_distro="fake"),
        Image(id="22222222-2222-4222-8222-222222222222", name="bare"),
        Image(id="33333333-3333-4333-8333-333333333333", name="suse", os_distro="suse"),
    ),
    flavors=(
        Flavor(id="1", name="m1.small", memory_mib=1024, vcpus=1, disk_gib=10),
        Flavor(id="2", name="m1.large", memory_mib=4096, vcpus=4, disk_gib=40),
        Flavor(id="3", name="m1.diskless", memory_mib=1024, vcpus=1, disk_gib=0),
    ),
)
