"""The databases that the contract of `magnum.db` is tried on, and makers of rows."""

import contextlib
import itertools
import uuid

import pytest
from databases import KINDS, empty
from desk import Desk

from magnum.db import clusters, migrate, nodegroups, operations
from magnum.db.engine import open_database
from magnum.model.clusters import Cluster
from magnum.model.nodegroups import NodeGroup
from magnum.model.operations import CreateCluster, Operation, OperationState
from magnum.model.statuses import Status

SECOND = 1_000_000
START = 1_800_000_000 * SECOND


class TurnedClock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.elapsed = 0.0

    def now(self):
        return START + int(self.elapsed * SECOND)

    def monotonic(self):
        return self.elapsed

    def advance(self, seconds):
        self.elapsed += seconds


class Make:
    """Rows as short as a test wants them, and the names that it need not think of."""

    def __init__(self, clock):
        self._clock = clock
        self._numbers = itertools.count(1)

    @staticmethod
    def uuid():
        return str(uuid.uuid4())

    def owner(self):
        return f"owner-{next(self._numbers)}"

    def cluster(self, tx, *, counts=(1, 1), state=True, **fields):
        given = {
            "uuid": self.uuid(),
            "name": "seafood",
            "project_id": "fishers",
            "user_id": "ann",
            "cluster_template_id": "template",
            "status": Status.CREATE_IN_PROGRESS,
        }
        new = Cluster(**given | fields)
        clusters.insert(tx, new)
        for role, count in zip(("master", "worker"), counts, strict=False):
            self.nodegroup(tx, new.uuid, name=f"default-{role}", role=role, node_count=count, is_default=True)
        if state:
            operations.create_state(tx, new.uuid)
        return new.uuid

    def nodegroup(self, tx, cluster_uuid, **fields):
        given = {
            "uuid": self.uuid(),
            "name": "extra",
            "cluster_id": cluster_uuid,
            "project_id": "fishers",
            "role": "worker",
            "node_count": 1,
        }
        new = NodeGroup(**given | fields)
        nodegroups.insert(tx, new)
        return new

    def operation(self, cluster_uuid, arguments=None, **fields):
        given = {
            "uuid": self.uuid(),
            "cluster_uuid": cluster_uuid,
            "arguments": arguments or CreateCluster(),
            "state": OperationState.QUEUED,
            "next_attempt": self._clock.now(),
            "created_at": self._clock.now(),
        }
        return Operation(**given | fields)


@pytest.fixture(scope="session")
def server_url(database_servers):
    """Give a function from the name of a server to the URL of the database that all tests on it share."""
    with contextlib.ExitStack() as until:
        urls = {}

        def find(name):
            if name not in urls:
                urls[name] = until.enter_context(database_servers[name].database())
            return urls[name]

        yield find


@pytest.fixture(params=["sqlite-file", "sqlite-memory", *KINDS])
def database_url(request, tmp_path_factory, server_url):
    """The URL of the database that all tests on its kind share."""
    if request.param in KINDS:
        return server_url(request.param)
    folder = tmp_path_factory.getbasetemp()
    return "sqlite://" if request.param == "sqlite-memory" else f"sqlite:///{folder}/magnum.sqlite"


@pytest.fixture(scope="session")
def kept_database():
    """Give a function from a URL to the database, which is opened once, and the clock that it goes by."""
    opened = {}

    def find(url):
        if url not in opened:
            clock = TurnedClock()
            opened[url] = open_database(url, clock=clock, server_time=False), clock
            migrate.create_all(opened[url][0])
        return opened[url]

    yield find
    for database, _ in opened.values():
        database.dispose()


@pytest.fixture
def new_world(database_url, kept_database):
    """Give a function that empties the database and gives it with the clock set back and a maker of its own."""

    def begin():
        database, clock = kept_database(database_url)
        clock.elapsed = 0.0
        empty(database)
        return database, Make(clock), clock

    return begin


@pytest.fixture
def world(new_world):
    return new_world()


@pytest.fixture
def database(world):
    """An empty database whose time is the turned clock's."""
    return world[0]


@pytest.fixture
def make(world):
    return world[1]


@pytest.fixture
def clock(world):
    return world[2]


@pytest.fixture
def desk(database, make, clock):
    return Desk(database, make, clock)


@pytest.fixture(params=["sqlite", *KINDS])
def url(request, tmp_path, database_servers):
    """Give the URL of a database that is empty, or of a file that is not there yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/magnum.sqlite"
    else:
        with database_servers[request.param].database() as url:
            yield url
