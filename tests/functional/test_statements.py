"""How many SQL statements a request takes: the same for one cluster and for a thousand."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from magnum.conf.quotas import Quotas
from magnum.db.engine import open_database
from magnum.db.migrate import create_all


@pytest.fixture
def clusters(world, ann) -> list[str]:
    """Seven clusters of three templates."""
    for name in ("a", "b", "c"):
        ann.make_template(name=name)
    made = [ann.make_cluster("abcabca"[number], name=f"c{number}") for number in range(7)]
    for uuid in made[2:4]:
        world.set_status(uuid, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    ann.post("/clusters/c3/nodegroups", {"name": "x"})
    return made


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v1", 0),
        ("/clusters", 1),
        ("/clusters/detail", 1),
        ("/clusters/c1", 1),
        ("/clustertemplates", 1),
        ("/clustertemplates/a", 1),
        ("/certificates/c1", 1),
        ("/clusters/c1/nodegroups", 2),
        ("/clusters/c1/nodegroups/default-worker", 2),
        ("/quotas/fishers/Cluster", 1),
        ("/stats", 1),
        ("/clusters/c1?wait=0", 1),
        ("/clusters/c1/events", 2),
        ("/clusters/c1/operations", 3),
    ],
)
def test_reading_takes_the_same_few_statements(ann, clusters, statements, path, most):
    ann.get(path if path != "/v1" else "")
    assert len(statements) == most


def test_a_page_after_a_marker_takes_one_more(ann, clusters, statements):
    ann.get("/clusters", params={"marker": clusters[2], "limit": "2"})
    assert len(statements) == 2


def test_a_refused_request_writes_nothing(ann, clusters, statements):
    assert ann.post("/clusters", {"cluster_template_id": "a", "node_count": -1}).status_code == 400
    assert statements == []
    assert ann.post("/clusters", {"cluster_template_id": "a", "flavor_id": "huge"}).status_code == 400
    assert statements.writes() == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "most"),
    [
        ("POST", "/clustertemplates", {"coe": "swarm", "image_id": "fake"}, 3),
        ("POST", "/clusters", {"cluster_template_id": "a"}, 20),
        ("PATCH", "/clusters/c1", [{"op": "add", "path": "/health_status", "value": "HEALTHY"}], 7),
        ("DELETE", "/clusters/c1", None, 18),
        ("POST", "/clusters/c2/nodegroups", {"name": "x"}, 15),
        (
            "PATCH",
            "/clusters/c2/nodegroups/default-worker",
            [{"op": "replace", "path": "/max_node_count", "value": 9}],
            18,
        ),
        ("DELETE", "/clusters/c3/nodegroups/x", None, 16),
    ],
)
def test_writing_takes_few_statements(ann, clusters, statements, method, path, body, most):  # noqa: PLR0917
    assert ann.call(method, path, body).status_code < 300
    assert len(statements) <= most, Counter(statements)


def test_the_quota_holds_against_many_at_once(world, ann, tmp_path):
    """Sixteen threads ask for clusters of one project on a database in a file; exactly the quota is made."""
    database = open_database(f"sqlite:///{tmp_path}/magnum.sqlite", clock=world.clock, pool_size=16)
    create_all(database)
    world.change(database=database)
    world.configure(quotas=Quotas(max_clusters_per_project=10))
    ann.make_template()
    start = threading.Barrier(16)

    def ask(_number: int) -> list[int]:
        start.wait()
        return [ann.post("/clusters", {"cluster_template_id": "swarm"}).status_code for _ in range(2)]

    with ThreadPoolExecutor(16) as pool:
        statuses = Counter(status for pair in pool.map(ask, range(16)) for status in pair)
    assert statuses == {202: 10, 403: 22}
    assert len(ann.get("/clusters").json["clusters"]) == 10
    database.dispose()
