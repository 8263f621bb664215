"""Two clients of one project really at once, each with a hundred requests of all kinds, on every database.

What each of them is answered cannot be told beforehand. What is left behind must be right.
"""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from magnum.model.operations import ResizeNodeGroup

pytestmark = pytest.mark.live

MOST = 2
REQUESTS = 60
NAMES = ("a", "b")
GROUPS = ("default-worker", "gpu")


def requests(choose: random.Random):
    """Make up what a client asks for, one after the other."""
    for _ in range(REQUESTS):
        name, group, count = choose.choice(NAMES), choose.choice(GROUPS), choose.randrange(4)
        cluster, counts = f"/clusters/{name}", [{"op": "replace", "path": "/node_count", "value": count}]
        most = [{"op": "replace", "path": "/max_node_count", "value": 4 + count}]
        yield choose.choice(
            [
                ("POST", "/clusters", {"name": name, "cluster_template_id": "swarm", "node_count": count}),
                ("POST", "/clusters", {"name": name, "cluster_template_id": "swarm", "node_count": count}),
                ("POST", f"{cluster}/actions/resize", {"node_count": count, "nodegroup": group}),
                ("POST", f"{cluster}/nodegroups", {"name": "gpu", "node_count": count}),
                ("PATCH", cluster, counts),
                ("PATCH", f"{cluster}/nodegroups/{group}", most),
                ("DELETE", f"{cluster}/nodegroups/gpu", None),
                ("PATCH", "/clustertemplates/spare", [{"op": "replace", "path": "/tags", "value": str(count)}]),
            ]
        )


def test_what_two_clients_leave_behind_is_right(world, ann, bob, root):
    ann.make_template(name="swarm")
    ann.make_template(name="spare")
    assert root.post("/quotas", {"project_id": "fishers", "hard_limit": MOST}).status_code == 201
    first = ann.make_cluster("swarm", name="a")
    world.set_status(first, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    start = threading.Barrier(2)

    def ask(who) -> Counter:
        start.wait()
        choose = random.Random(who.identity["X-User-Id"])
        return Counter(who.call(method, path, body).status_code for method, path, body in requests(choose))

    with ThreadPoolExecutor(2) as pool:
        answers = sum(pool.map(ask, (ann, bob)), Counter())
    assert set(answers) <= {200, 202, 204, 400, 403, 404, 409}
    assert {202, 403} <= set(answers)

    shown = ann.get("/clusters/detail").json["clusters"]
    assert len(shown) == MOST
    for cluster in shown:
        groups = world.groups(cluster["uuid"])
        assert len({group.name for group in groups}) == len(groups)
        assert cluster["node_count"] == sum(group.node_count for group in groups if not group.is_master)
        resizes = [one.arguments for one in world.operations(cluster["uuid"]) if one.kind == "resize"]
        for group in groups:
            newest = next(
                (one for one in resizes if isinstance(one, ResizeNodeGroup) and one.nodegroup_uuid == group.uuid), None
            )
            assert newest is None or newest.node_count == group.node_count
    stats = ann.get("/stats").json
    assert stats == {"clusters": MOST, "nodes": sum(one["node_count"] + one["master_count"] for one in shown)}
