"""A service without conductors, and people who talk to it over HTTP.

It is in this process and on SQLite. A module marked `live` is told to `magnum-api` on PostgreSQL and on MariaDB too,
but for the stories marked `in_process`: those that turn the clock or change the service's own parts.
"""

import contextlib

import pytest
from databases import KINDS
from live import LiveServers
from sqlalchemy import event
from worlds import CATALOGUE, InProcess, Live, Person, TurnedClock, World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tell the stories of modules marked `live` in several places."""
    story = metafunc.definition
    if story.get_closest_marker("live") and not story.get_closest_marker("in_process"):
        metafunc.parametrize("place", ["in-process", *KINDS], indirect=True)


@pytest.fixture
def place(request) -> str:
    return getattr(request, "param", "in-process")


@pytest.fixture(scope="session")
def live_servers(database_servers, tmp_path_factory):
    with contextlib.ExitStack() as until:
        yield LiveServers(until, database_servers, tmp_path_factory, catalogue=CATALOGUE)


@pytest.fixture(scope="session")
def kept_world():
    made = InProcess()
    yield made
    made.database.dispose()


@pytest.fixture
def world(request, place) -> World:
    if place in KINDS:
        return Live(request.getfixturevalue("live_servers")[place])
    kept = request.getfixturevalue("kept_world")
    kept.begin_anew()
    return kept


@pytest.fixture
def clock(world) -> TurnedClock:
    return world.clock


@pytest.fixture(scope="module")
def shared_world():
    """A service for a whole module of tests."""
    made = InProcess()
    yield made
    made.database.dispose()


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


@pytest.fixture
def template(ann) -> dict:
    return ann.make_template(labels={"a": "1", "b": "2"}, keypair_id="key", flavor_id="m1.small")


@pytest.fixture
def cluster(world, ann, template) -> str:
    """A cluster of one manager and two workers that is complete."""
    uuid = ann.make_cluster(template["uuid"], name="web", node_count=2)
    world.set_status(uuid, "CREATE_COMPLETE")
    return uuid


@pytest.fixture
def web(world, ann) -> str:
    """A cluster of one manager and two workers that is complete and can be reached."""
    template = ann.make_template(labels={"a": "1", "b": "2"}, flavor_id="m1.small")
    uuid = ann.make_cluster(template["uuid"], name="web", node_count=2)
    world.set_status(uuid, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    return uuid


@pytest.fixture
def gpu(world, ann, web) -> dict:
    """A node group of that cluster, of three nodes and complete."""
    made = ann.post(
        "/clusters/web/nodegroups", {"name": "gpu", "node_count": 3, "role": "gpu", "max_node_count": 9}
    ).json
    world.set_status(web, "UPDATE_COMPLETE")
    return made
