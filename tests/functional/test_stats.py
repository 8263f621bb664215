"""Numbers of clusters and nodes."""

import pytest

pytestmark = pytest.mark.live


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture(autouse=True)
def clusters(world, ann, eve):
    """The fishers have two clusters of 1 + 3 and 1 + 0 nodes, and others one of 1 + 1."""
    ann.make_template(public=False)
    ann.make_cluster("swarm", name="a", node_count=3)
    ann.make_cluster("swarm", name="b", node_count=0)
    eve.make_template()
    eve.make_cluster("swarm", name="c")


@pytest.mark.parametrize("version", ["1.1", "latest"])
def test_of_the_own_project(ann, version):
    own = {"clusters": 2, "nodes": 5}
    assert ann.get("/stats", version=version).json == own
    assert ann.get("/stats", params={"project_id": "fishers", "type": "CLUSTER"}, version=version).json == own


def test_an_operator_sees_any_project_and_the_whole(root):
    assert root.get("/stats").json == {"clusters": 3, "nodes": 7}
    assert root.get("/stats", params={"project_id": "others"}).json == {"clusters": 1, "nodes": 2}
    assert root.get("/stats", params={"project_id": "nobody"}).json == {"clusters": 0, "nodes": 0}


def test_others_are_not_counted_for_anybody_else(ann):
    answer = ann.get("/stats", params={"project_id": "others"})
    assert (answer.status_code, "administrators" in title(answer)) == (403, True)


@pytest.mark.in_process
@pytest.mark.parametrize("query", ["type=nodes", "type=", "color=red", "project_id=a&project_id=b", "limit=1"])
def test_questions_that_make_no_sense(ann, query):
    answer = ann.get("/stats", query_string=query)
    assert answer.status_code == 400


@pytest.mark.in_process
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_they_are_only_read(ann, method):
    assert ann.call(method, "/stats").status_code == 405
