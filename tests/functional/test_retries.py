"""POST …/actions/retry as its users see it; what conductors make of it is in tests/unit/conductor."""

import pytest

from magnum.db import operations
from magnum.model.operations import CreateCluster

pytestmark = pytest.mark.live


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture
def failed(world, ann) -> str:
    ann.make_template()
    uuid = ann.make_cluster("swarm", name="web")
    fail_current(world, "web-1: step docker failed: no space left")
    world.set_status(uuid, "CREATE_FAILED", status_reason="no space left")
    return uuid


def fail_current(world, reason: str) -> None:
    (claim,) = world.write(lambda tx: operations.claim(tx, owner=lambda: "worker", limit=1, lease=10))
    world.write(lambda tx: operations.finish(tx, claim, state="FAILED", reason=reason))


@pytest.mark.parametrize("version", ["1.1", "latest"])
@pytest.mark.parametrize("body", [None, {}])
def test_it_is_accepted_and_in_progress_at_once(world, ann, failed, version, body):
    answer = ann.post("/clusters/web/actions/retry", body, version=version)
    assert answer.status_code == 202
    newest, first = world.operations(failed)
    assert answer.json == {"uuid": failed, "operations": [newest.uuid]}
    assert (newest.arguments, first.state) == (CreateCluster(again=True), "FAILED")
    assert newest.deadline - newest.created_at == 3600 * 1_000_000
    shown = ann.get("/clusters/web").json
    assert (shown["status"], shown["status_reason"]) == ("CREATE_IN_PROGRESS", None)
    (told,) = [event for event in world.events(failed) if event.kind == "cluster.retry"]
    assert "no space left" in told.text
    assert told.request_id == newest.request_id


def test_twice_is_once(world, ann, failed):
    assert ann.post("/clusters/web/actions/retry").status_code == 202
    answer = ann.post("/clusters/web/actions/retry")
    assert answer.status_code == 409
    assert "nothing to retry until that ends" in title(answer)
    assert len(world.operations(failed)) == 2


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_IN_PROGRESS", "SOMETHING_NEW"])
def test_where_nothing_has_failed(world, ann, failed, status):
    world.set_status(failed, status)
    answer = ann.post("/clusters/web/actions/retry")
    assert answer.status_code == 409
    assert f"is {status}" in title(answer)
    assert "nothing to retry" in title(answer)
    assert len(world.operations(failed)) == 1


def test_who_may(world, ann, bob, reader, root, eve, failed):  # noqa: PLR0917
    assert reader.post("/clusters/web/actions/retry").status_code == 403
    assert eve.post(f"/clusters/{failed}/actions/retry").status_code == 404
    assert len(world.operations(failed)) == 1
    assert bob.post("/clusters/web/actions/retry").status_code == 202
    fail_current(world, "again")
    world.set_status(failed, "CREATE_FAILED")
    assert root.post(f"/clusters/{failed}/actions/retry").status_code == 202


@pytest.mark.in_process
@pytest.mark.parametrize("body", [{"node_count": 3}, [], 3, "text", None])
def test_it_takes_no_arguments(world, ann, failed, body):
    data = b"null" if body is None else None
    answer = (
        ann.client.simulate_request("POST", "/v1/clusters/web/actions/retry", body=data, headers=ann.identity | JSON)
        if data
        else ann.post("/clusters/web/actions/retry", body)
    )
    assert answer.status_code == 400
    assert "takes no arguments" in title(answer)
    assert ann.post("/clusters/web/actions/retry", query_string="x=1").status_code == 400
    assert len(world.operations(failed)) == 1


JSON = {"Content-Type": "application/json"}


@pytest.mark.in_process
@pytest.mark.parametrize("action", ["retries", "Retry", "plan/x"])
def test_an_action_that_is_none(ann, failed, action):
    assert ann.post(f"/clusters/web/actions/{action}").status_code in (404, 405)
