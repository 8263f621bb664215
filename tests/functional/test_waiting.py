"""GET of a busy cluster with ?wait=: held until the cluster has come to rest, within bounds that others do not feel."""

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import pytest
import urllib3
from sqlalchemy import event

from magnum.api.waiting import MOST_OF_A_PROJECT
from magnum.conf.api import Api
from magnum.db import clusters, nodegroups
from magnum.db.engine import open_database
from magnum.db.migrate import create_all
from magnum.standalone.listeners import Listener

MANY = 200
ROOM = Api().threads // 4
PATIENCE = 180


@pytest.fixture
def cluster(ann) -> str:
    ann.make_template(public=False)
    return ann.make_cluster("swarm", name="web")


@pytest.fixture
def pool():
    with ThreadPoolExecutor(MANY) as made:
        yield made


def ask(who, seconds="30", ident="web"):
    return who.get(f"/clusters/{ident}", params={"wait": seconds})


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


def until_left(asked: list[Future], count: int) -> list[Future]:
    """Wait until so many are not answered, and give them."""
    left = set(asked)
    while len(left) > count:
        done, left = wait(left, timeout=PATIENCE, return_when=FIRST_COMPLETED)
        assert done, f"{len(left)} are not answered"
    return list(left)


def test_it_is_answered_when_the_cluster_has_come_to_rest(world, ann, pool, cluster):
    asked = [pool.submit(ask, ann) for _ in range(MOST_OF_A_PROJECT + 1)]
    held = until_left(asked, MOST_OF_A_PROJECT)
    world.set_status(cluster, "CREATE_COMPLETE")
    for one in held:
        answer = one.result(PATIENCE)
        assert (answer.status_code, answer.json["status"]) == (200, "CREATE_COMPLETE")
        assert "retry-after" not in answer.headers


def test_who_waits_for_a_deletion_hears_that_it_is_done(world, ann, pool, cluster):
    def remove(tx) -> None:
        for group in nodegroups.of_cluster(tx, cluster):
            nodegroups.delete(tx, group.uuid)
        clusters.delete(tx, cluster)

    assert ann.delete("/clusters/web").status_code == 204
    held = until_left([pool.submit(ask, ann) for _ in range(MOST_OF_A_PROJECT + 1)], MOST_OF_A_PROJECT)
    world.write(remove)
    assert {one.result(PATIENCE).status_code for one in held} == {404}


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "CREATE_FAILED", "DELETE_FAILED", "SOMETHING_NEW"])
def test_a_cluster_at_rest_is_answered_at_once(world, ann, cluster, status):
    world.set_status(cluster, status)
    answer = ask(ann)
    assert (answer.status_code, answer.json["status"]) == (200, status)


def test_no_time_to_wait_is_no_waiting(ann, cluster):
    assert ask(ann, "0").json == ann.get("/clusters/web").json


def test_the_time_ends(ann, cluster):
    answer = ask(ann, "1")
    assert answer.json["status"] == "CREATE_IN_PROGRESS"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("seconds", ["31", "-1", "1.5", "x", "", "1e1", "\u0661", "9" * 5000])
def test_a_bad_time(ann, cluster, seconds):
    answer = ask(ann, seconds)
    assert answer.status_code == 400
    assert "wait must be a whole number from 0 to 30" in title(answer)


def test_nobody_waits_for_what_is_not_theirs(ann, eve, cluster):
    assert ask(eve, ident=cluster).status_code == 404


def test_a_project_has_its_share_and_no_more(world, pool):
    world.configure(api=Api(threads=64))
    asked = {}
    for project in ("fishers", "farmers"):
        person = world.person(f"of {project}", project)
        person.make_template(name=project)
        person.make_cluster(project, name="web")
        asked[project] = [pool.submit(ask, person) for _ in range(10)]
    for project, requests in asked.items():
        held = until_left(requests, MOST_OF_A_PROJECT)
        sent_away = [one.result().headers["retry-after"] for one in requests if one not in held]
        assert sent_away == ["5"] * 6, project
    world.service.ending.set()
    until_left([one for requests in asked.values() for one in requests], 0)


def test_when_the_process_ends_nobody_waits_any_more(world, ann, pool, cluster):
    held = until_left([pool.submit(ask, ann) for _ in range(MOST_OF_A_PROJECT + 1)], MOST_OF_A_PROJECT)
    world.service.ending.set()
    assert {one.result(PATIENCE).json["status"] for one in held} == {"CREATE_IN_PROGRESS"}
    assert ask(ann).headers["retry-after"] == "5"


def test_200_waiters_hold_a_quarter_of_the_threads_no_connection_and_one_look(world, ann, pool, cluster, tmp_path):
    """Two hundred ask at once. All but four are answered, and what the four cost does not grow with their number."""
    database = open_database(f"sqlite:///{tmp_path}/magnum.sqlite", clock=world.clock, pool_size=16)
    create_all(database)
    world.change(database=database)
    ann.make_template()
    cluster = ann.make_cluster("swarm", name="web")
    sent: list[tuple[str, str]] = []
    connections: list[int] = []
    looked = threading.Semaphore(0)

    def note(_connection, _cursor, statement, *_rest) -> None:
        if statement.startswith("SELECT"):
            sent.append((threading.current_thread().name, statement))
            connections.append(database._engine.pool.checkedout())
            looked.release()

    asked = [pool.submit(ask, ann) for _ in range(MANY)]
    held = until_left(asked, ROOM)
    assert [one.result().json["status"] for one in asked if one not in held] == ["CREATE_IN_PROGRESS"] * (MANY - ROOM)
    assert [thread.name for thread in threading.enumerate()].count("waiters") == 1
    event.listen(database._engine, "before_cursor_execute", note)
    for _ in range(5):
        assert looked.acquire(timeout=PATIENCE)
    assert {name for name, _ in sent} == {"waiters"}
    assert len({statement for _, statement in sent}) == 1
    assert set(connections) == {1}  # the looker's own
    assert not [one for one in held if one.done()]
    sent.clear()
    assert ann.get("/clusters").status_code == 200
    assert len([name for name, _ in sent if name != "waiters"]) == 1
    database.write(lambda tx: clusters.update(tx, cluster, status="CREATE_COMPLETE"))
    assert [one.result(PATIENCE).json["status"] for one in held] == ["CREATE_COMPLETE"] * ROOM
    database.dispose()


def test_200_waiters_leave_a_server_its_threads(world, ann, pool, cluster):
    """Over the wire, with eight threads: while two are held, all others are answered, and so is whoever asks else."""
    world.configure(api=Api(threads=8))
    server = Listener(world.app, "127.0.0.1", 0, threads=8, longest_body=1024, tls=None)
    server.start()
    url = f"http://127.0.0.1:{server._server.bind_addr[1]}/v1/clusters"

    def fetch(path: str) -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager() as client:
            return client.request("GET", url + path, headers=ann.identity, timeout=PATIENCE, retries=False)

    try:
        asked = [pool.submit(fetch, "/web?wait=30") for _ in range(MANY)]
        held = until_left(asked, 2)
        assert {one.result().headers.get("Retry-After") for one in asked if one not in held} == {"5"}
        others = [fetch("") for _ in range(100)]
        assert {answer.status for answer in others} == {200}
        assert not [one for one in held if one.done()]
        world.set_status(cluster, "CREATE_COMPLETE")
        assert [one.result(PATIENCE).json()["status"] for one in held] == ["CREATE_COMPLETE"] * 2
    finally:
        server.stop()
