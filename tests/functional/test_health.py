"""The health of a cluster, as its owner sees it: when it was observed, and what it reads as when that is long ago."""

import pytest

from magnum.conf.kubernetes import Kubernetes
from magnum.db import clusters, operations
from magnum.db.health import Look, seen

REASON = {"web-1.Ready": "True", "api": "ok"}
OBSERVED = "Health-Observed-At"


@pytest.fixture
def cluster(world, ann) -> str:
    ann.make_template()
    uuid = ann.make_cluster("swarm", name="web")
    world.set_status(uuid, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    return uuid


@pytest.fixture
def observed(world, cluster) -> str:
    """A conductor has looked at it."""

    def store(tx) -> None:
        clusters.update(tx, cluster, health_status="HEALTHY", health_status_reason=REASON)
        operations.touch(tx, cluster)
        seen(tx, Look(cluster, world.clock.now(), 0, 0), due_at=0)

    world.write(store)
    return cluster


def health_of(ann, path: str = "/clusters/web", **more):
    answer = ann.get(path, **more)
    shown = answer.json
    return shown["health_status"], shown.get("health_status_reason"), answer.headers.get(OBSERVED)


def test_nothing_is_said_of_a_cluster_that_nobody_has_looked_at(ann, cluster):
    assert health_of(ann) == (None, {}, None)


def test_the_time_of_the_look_is_told_beside_the_answer(ann, observed):
    assert health_of(ann) == ("HEALTHY", REASON, "2027-01-15T08:00:00+00:00")
    assert health_of(ann, version="1.1") == ("HEALTHY", REASON, "2027-01-15T08:00:00+00:00")


def test_what_is_older_than_three_intervals_is_unknown_wherever_it_is_shown(world, ann, observed):
    world.clock.turn(180)
    tag = ann.get("/clusters/web").headers["ETag"]
    assert health_of(ann)[0] == "HEALTHY"
    world.clock.turn(1)
    since = "2027-01-15T08:00:00+00:00"
    reason = {"api": f"The cluster has not been looked at since {since}; it was HEALTHY then."}
    assert health_of(ann) == ("UNKNOWN", reason, since)
    assert ann.get("/clusters").json["clusters"][0]["health_status"] == "UNKNOWN"
    detail = ann.get("/clusters/detail").json["clusters"][0]
    assert (detail["health_status"], detail["health_status_reason"]) == ("UNKNOWN", reason)
    assert ann.get("/clusters/web", headers={"If-None-Match": tag}).status_code == 200
    change = [{"op": "replace", "path": "/node_count", "value": 2}]
    assert ann.patch("/clusters/web", change, headers={"If-Match": tag}).status_code == 412
    assert ann.patch("/clusters/web", change).status_code == 202


def test_the_operator_says_how_long_an_interval_is(world, ann, observed):
    world.configure(kubernetes=Kubernetes(health_polling_interval=10))
    world.clock.turn(30)
    assert health_of(ann)[0] == "HEALTHY"
    world.clock.turn(1)
    assert health_of(ann)[0] == "UNKNOWN"


def test_what_somebody_else_reports_stands_until_it_is_reported_anew(world, ann, observed):
    report = [{"op": "replace", "path": "/health_status", "value": "UNHEALTHY"}]
    assert ann.patch("/clusters/web", report).status_code == 202
    world.clock.turn(3600)
    assert health_of(ann) == ("UNHEALTHY", REASON, None)
