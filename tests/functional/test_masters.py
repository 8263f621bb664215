"""Another number of masters: where the driver can do it, behind a load balancer, and so many as the driver makes."""

import msgspec
import pytest

from magnum.drivers.base import Feature, Problem
from magnum.drivers.fake.spec import SPEC
from magnum.drivers.registry import Registry

pytestmark = pytest.mark.in_process


@pytest.fixture
def cluster(world, ann) -> str:
    ann.make_template()
    uuid = ann.make_cluster("swarm", name="web", master_lb_enabled=True)
    world.set_status(uuid, "CREATE_COMPLETE")
    return uuid


def resize(who, count, **more):
    return who.post("/clusters/web/actions/resize", {"node_count": count, "nodegroup": "default-master", **more})


def title(answer) -> str:
    return answer.json["errors"][0]["detail"]


def test_the_number_of_masters_is_changed_like_any_other(world, ann, cluster):
    answer = resize(ann, 3)
    assert (answer.status_code, answer.json) == (202, {"uuid": cluster})
    shown = ann.get("/clusters/web").json
    assert (shown["status"], shown["master_count"], shown["node_count"]) == ("UPDATE_IN_PROGRESS", 3, 1)
    arguments = world.operations(cluster)[0].arguments
    assert (arguments.node_count, arguments.previous) == (3, 1)
    plan = ann.post("/clusters/web/actions/plan", {"resize": {"node_count": 5, "nodegroup": "default-master"}}).json
    assert plan["accepted"]


def test_there_is_always_one(ann, cluster):
    answer = resize(ann, 0)
    assert (answer.status_code, "needs one at least" in title(answer)) == (400, True)


@pytest.mark.parametrize(("count", "more"), [(3, {}), (1, {"nodes_to_remove": ["web-master-1"]})])
def test_without_a_load_balancer_it_keeps_its_one(world, ann, cluster, count, more):
    uuid = ann.make_cluster("swarm", name="alone")
    world.set_status(uuid, "CREATE_COMPLETE")
    body = {"node_count": count, "nodegroup": "default-master", **more}
    answer = ann.post("/clusters/alone/actions/resize", body)
    assert answer.status_code == 400
    assert title(answer) == (
        f"The cluster {uuid} was made without a load balancer (master_lb_enabled), "
        "so it keeps the one master that it has."
    )


def test_what_a_driver_does_not_make_is_refused(ann, cluster, monkeypatch):
    def problems(_spec, request):
        return [Problem("master_count", "1, 3 or 5.")] if request.master_count == 2 else []

    monkeypatch.setattr(type(SPEC), "problems", problems)
    answer = resize(ann, 2)
    assert (answer.status_code, title(answer)) == (400, "master_count: 1, 3 or 5.")
    assert resize(ann, 3).status_code == 202


def test_a_driver_that_cannot_says_so(world, ann, cluster):
    world.change(drivers=Registry([msgspec.structs.replace(SPEC, features=SPEC.features - {Feature.MASTER_RESIZE})]))
    answer = resize(ann, 3)
    assert answer.status_code == 400
    assert title(answer) == "The driver fake does not support a change of the number of masters."
