"""The service's own processes, as its operator sees them."""

import pytest
from sqlalchemy import update

from magnum.db import services
from magnum.db.tables import magnum_service

pytestmark = pytest.mark.live


@pytest.fixture
def conductors(world):
    for host in ("one", "two"):
        world.write(lambda tx, host=host: services.heartbeat(tx, host, "magnum-conductor"))


def states(root) -> list[tuple[str, str]]:
    return [(item["host"], item["state"]) for item in root.get("/mservices").json["mservices"]]


@pytest.mark.in_process
@pytest.mark.parametrize("version", ["1.1", "latest"])
def test_they_are_listed_in_the_order_of_their_ids(root, conductors, version):
    listed = root.get("/mservices", version=version).json["mservices"]
    assert listed[0] == {
        "id": 1,
        "host": "one",
        "binary": "magnum-conductor",
        "state": "up",
        "disabled": False,
        "disabled_reason": None,
        "report_count": 1,
        "created_at": "2027-01-15T08:00:00+00:00",
        "updated_at": "2027-01-15T08:00:00+00:00",
    }
    assert [item["id"] for item in listed] == [1, 2]


@pytest.mark.in_process
def test_one_that_is_silent_for_too_long_is_down(world, root, conductors):
    world.clock.turn(180)
    assert states(root) == [("one", "up"), ("two", "up")]
    world.write(lambda tx: services.heartbeat(tx, "two", "magnum-conductor"))
    world.clock.turn(1)
    assert states(root) == [("one", "down"), ("two", "up")]


def test_one_that_is_forced_down_is_down(world, root, conductors):
    world.write(lambda tx: tx.execute(update(magnum_service).values(forced_down=True, last_seen_up=None)))
    assert states(root) == [("one", "down"), ("two", "down")]


def test_one_that_never_said_when_counts_from_its_beginning(world, root, conductors):
    world.write(lambda tx: tx.execute(update(magnum_service).values(last_seen_up=None, updated_at=None)))
    assert states(root) == [("one", "up"), ("two", "up")]
    world.write(lambda tx: tx.execute(update(magnum_service).values(created_at=None)))
    assert states(root) == [("one", "down"), ("two", "down")]


def test_only_operators_see_them_and_nobody_does_anything_with_them(ann, root, conductors):
    assert ann.get("/mservices").status_code == 403
    for parameter in ("limit=1", "marker=1", "sort_key=id"):
        assert root.get("/mservices", query_string=parameter).status_code == 400
    for method in ("GET", "PATCH", "DELETE"):
        assert root.call(method, "/mservices/1").status_code == 405
    assert root.post("/mservices", {}).status_code == 405
