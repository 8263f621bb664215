"""What happened to a cluster, and what is being done to it."""

import pytest

from magnum.conf.api import Api
from magnum.db import operations

pytestmark = pytest.mark.live

UNKNOWN = "99999999-9999-4999-8999-999999999999"


@pytest.fixture
def cluster(ann) -> str:
    ann.make_template()
    return ann.make_cluster("swarm", name="web", node_count=2)


@pytest.fixture
def resized(world, ann, cluster) -> str:
    """A cluster that is complete, with a resize that runs and a second one of another group that waits."""
    finish(world, cluster)
    world.set_status(cluster, "CREATE_COMPLETE")
    for count in (3, 4, 5):
        world.clock.turn(1)
        assert ann.post("/clusters/web/actions/resize", {"node_count": count}).status_code == 202
        claim(world)
    return cluster


def claim(world):
    return world.write(
        lambda tx: operations.claim(tx, owner=lambda: f"worker-{world.clock.elapsed}", limit=1, lease=10)
    )


def finish(world, _cluster) -> None:
    (held,) = claim(world)
    world.write(lambda tx: operations.finish(tx, held, state="COMPLETE"))


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


# ---- events


@pytest.mark.in_process
@pytest.mark.parametrize("version", ["1.1", "latest", None])
def test_events_say_what_happened_when_and_why(world, ann, cluster, version):
    for ident in ("web", cluster):
        (event,) = ann.get(f"/clusters/{ident}/events", version=version).json["events"]
        assert event == {
            "id": event["id"],
            "created_at": "2027-01-15T08:00:00.000+00:00",
            "kind": "cluster.create",
            "level": "info",
            "text": "The cluster was asked for, with master_count 1 and node_count 2.",
            "operation_uuid": world.operations(cluster)[0].uuid,
            "request_id": event["request_id"],
        }
        assert event["request_id"].startswith("req-")


@pytest.mark.in_process
def test_events_come_in_pages(world, ann, resized):
    everything = ann.get("/clusters/web/events").json
    assert set(everything) == {"events"}
    numbers = [event["id"] for event in everything["events"]]
    assert len(numbers) == 4
    assert numbers == sorted(numbers)
    seen, path = [], f"/clusters/{resized}/events?limit=3"
    while path:
        path, _, query = path.partition("?")
        page = ann.get(path, query_string=query, headers={"Host": "api"}).json
        seen += [event["id"] for event in page["events"]]
        path = page.get("next", "").removeprefix("http://api/v1")
    assert seen == numbers
    newest = ann.get("/clusters/web/events", params={"sort_dir": "desc", "limit": "1"}).json
    assert [event["id"] for event in newest["events"]] == numbers[-1:]
    before = ann.get("/clusters/web/events", params={"sort_dir": "desc", "marker": str(numbers[1])}).json
    assert [event["id"] for event in before["events"]] == numbers[:1]
    world.configure(api=Api(max_limit=2))
    assert len(ann.get("/clusters/web/events").json["events"]) == 2


@pytest.mark.in_process
def test_who_goes_on_after_the_last_event_sees_only_newer_ones(ann, resized):
    last = ann.get("/clusters/web/events").json["events"][-1]["id"]
    assert ann.get("/clusters/web/events", params={"marker": str(last)}).json == {"events": []}
    assert ann.post("/clusters/web/actions/resize", {"node_count": 1}).status_code == 202
    (newer,) = ann.get("/clusters/web/events", params={"marker": str(last)}).json["events"]
    assert "is to have 1 nodes" in newer["text"]


# ---- operations


@pytest.mark.in_process
def test_operations_say_how_far_they_are(world, ann, cluster):
    (held,) = claim(world)
    due = world.clock.now() + 7_000_000
    world.write(
        lambda tx: operations.save_step(
            tx,
            held,
            step="node set-up",
            step_number=4,
            steps_total=7,
            attempts=2,
            reason="waiting for the report of web-1",
            next_attempt=due,
            release=True,
        )
    )
    (shown,) = ann.get("/clusters/web/operations").json["operations"]
    assert shown == {
        "uuid": held.operation.uuid,
        "kind": "create",
        "arguments": {"again": False},
        "state": "ACTIVE",
        "step": "node set-up",
        "steps_done": 3,
        "steps_total": 7,
        "attempts": 2,
        "next_attempt_at": "2027-01-15T08:00:07.000+00:00",
        "blocked_by": "waiting for the report of web-1",
        "reason": "waiting for the report of web-1",
        "error_code": None,
        "deadline_at": "2027-01-15T09:00:00.000+00:00",
        "created_at": "2027-01-15T08:00:00.000+00:00",
        "finished_at": None,
        "request_id": shown["request_id"],
    }


@pytest.mark.in_process
def test_the_newest_operation_comes_first_and_those_that_wait_say_for_what(ann, resized):
    found = ann.get("/clusters/web/operations").json["operations"]
    assert [(one["kind"], one["state"]) for one in found] == [
        ("resize", "QUEUED"),
        ("resize", "CANCELLED"),
        ("resize", "ACTIVE"),
        ("create", "COMPLETE"),
    ]
    assert found[0]["blocked_by"] == f"It waits for its turn: the operation {found[2]['uuid']} comes first."
    assert found[1]["reason"] == "A newer resize of the same node group replaced it."
    assert [one["blocked_by"] for one in found[1:]] == [None, None, None]
    assert found[3]["finished_at"]
    assert found[3]["next_attempt_at"] is None
    assert found[0]["arguments"]["node_count"] == 5


@pytest.mark.in_process
def test_an_operation_that_nobody_takes_says_so(world, ann, cluster):
    def blocked_by():
        return ann.get("/clusters/web/operations").json["operations"][0]["blocked_by"]

    assert blocked_by() is None
    world.clock.turn(6)
    assert "No conductor has taken it" in blocked_by()
    claim(world)
    assert blocked_by() is None
    world.clock.turn(11)
    assert "gone silent" in blocked_by()


@pytest.mark.in_process
def test_operations_come_in_pages(ann, resized):
    uuids = [one["uuid"] for one in ann.get("/clusters/web/operations").json["operations"]]
    page = ann.get("/clusters/web/operations", params={"limit": "3"}).json
    assert [one["uuid"] for one in page["operations"]] == uuids[:3]
    assert f"marker={uuids[2]}" in page["next"]
    rest = ann.get("/clusters/web/operations", params={"marker": uuids[2]}).json
    assert [one["uuid"] for one in rest["operations"]] == uuids[3:]
    oldest = ann.get("/clusters/web/operations", params={"sort_dir": "asc", "limit": "1"}).json
    assert [one["uuid"] for one in oldest["operations"]] == uuids[-1:]


# ---- both


@pytest.mark.parametrize("what", ["events", "operations"])
def test_who_may_read_a_cluster_may_read_this(world, ann, reader, root, eve, cluster, what):  # noqa: PLR0917
    path = f"/clusters/{cluster}/{what}"
    expected = ann.get(path).json
    assert reader.get(path).json == root.get(path).json == expected
    assert world.person("nora", "fishers", "other").get(path).status_code == 403
    refused = eve.get(path)
    assert refused.status_code == 404
    assert refused.json == eve.get(f"/clusters/{UNKNOWN}/{what}").json | {"errors": refused.json["errors"]}
    assert title(refused) == title(eve.get(f"/clusters/{cluster}"))


@pytest.mark.in_process
@pytest.mark.parametrize("what", ["events", "operations"])
@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("marker=x", "marker"),
        ("marker=%00", "marker"),
        ("marker=-1", "marker"),
        (f"marker={'9' * 30}", "marker"),
        ("sort_dir=up", "sort_dir"),
        ("sort_key=text", "sort_key"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_bad_parameters(ann, cluster, what, query, word):
    answer = ann.get(f"/clusters/web/{what}", query_string=query)
    assert answer.status_code == 400
    assert word in title(answer)


def test_a_marker_of_another_cluster(world, ann, cluster):
    other = ann.make_cluster("swarm", name="other")
    marker = world.operations(other)[0].uuid
    assert ann.get("/clusters/web/operations", params={"marker": marker}).status_code == 404


@pytest.mark.parametrize("what", ["events", "operations", "config"])
def test_other_methods(ann, cluster, what):
    for method in ("PATCH", "DELETE", "PUT"):
        assert ann.call(method, f"/clusters/web/{what}").status_code == 405
