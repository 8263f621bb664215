"""Plans: what a change would do and why it would be refused. A plan never changes anything."""

from uuid import uuid4

import msgspec
import pytest

from magnum.db import credentials, nodegroups, nodes, operations
from magnum.model.credentials import NodeCredential
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import OperationState
from magnum.model.signing import NodeLimits

pytestmark = pytest.mark.live

WORKER = "default-worker"


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture
def template(ann) -> dict:
    return ann.make_template()


@pytest.fixture
def cluster(world, ann, template) -> str:
    """Complete, with three workers that are members."""
    uuid = ann.make_cluster("swarm", name="web", node_count=3)
    (claim,) = world.write(lambda tx: operations.claim(tx, owner=lambda: "worker", limit=1, lease=10))
    world.write(lambda tx: operations.finish(tx, claim, state=OperationState.COMPLETE))
    world.set_status(uuid, "CREATE_COMPLETE")
    for number in (1, 2, 3):
        add_node(world, uuid, number, NodeState.JOINED)
    return uuid


def add_node(world, cluster: str, number: int, state: NodeState) -> Node:
    group = next(group for group in world.groups(cluster) if group.name == WORKER)
    node = Node(
        uuid=str(uuid4()),
        cluster_uuid=cluster,
        nodegroup_uuid=group.uuid,
        number=number,
        name=f"web-{number}",
        role="worker",
        state=state,
        address=f"10.0.0.{number}",
    )
    world.write(lambda tx: nodes.insert(tx, node))
    return node


def plan(who, **resize):
    answer = who.post("/clusters/web/actions/plan", {"resize": resize})
    assert answer.status_code == 200, answer.text
    return answer.json


def everything(world, ann) -> list:
    shown = [ann.get(path).json for path in ("/clusters/detail", "/clustertemplates")]
    return [*shown, *(ann.get(f"/clusters/{one['uuid']}/events").json for one in shown[0]["clusters"])]


# ---- create


def test_a_new_cluster(world, ann, root, template):
    root.post("/quotas", {"project_id": "fishers", "hard_limit": 3})
    ann.make_cluster("swarm")
    before = everything(world, ann)
    body = {
        "cluster_template_id": "swarm",
        "name": "web",
        "node_count": 2,
        "master_count": 3,
        "master_lb_enabled": True,
    }
    answer = ann.post("/clusters/actions/plan", body)
    assert answer.status_code == 200
    assert answer.json == {
        "change": "create",
        "accepted": True,
        "refusals": [],
        "warnings": [],
        "waits_for": [],
        "driver": "fake",
        "nodegroups": [
            group(name="default-master", role="master", wanted=3, added=3),
            group(name="default-worker", role="worker", wanted=2, added=2),
        ],
        "quota": {"limit": 3, "used": 1, "headroom_after": 1},
    }
    assert everything(world, ann) == before
    assert ann.post("/clusters", body).status_code == 202


def group(**said) -> dict:
    usual = {"current": 0, "added": 0, "replaced": [], "removed": [], "undecided": 0, "upgraded": [], "labels": {}}
    return usual | said


def test_labels_that_do_nothing_are_named(ann, template):
    labels = {"kube_tga": "v1.20.2", "kube_tag": "v1.20.2", "fake_version": "2"}
    said = ann.post("/clusters/actions/plan", {"cluster_template_id": "swarm", "labels": labels}).json
    assert said["accepted"]
    assert said["warnings"] == [
        "No label is called kube_tga: it has no effect. Did you mean kube_tag?",
        "The label kube_tag has no effect on clusters of the driver fake.",
    ]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"cluster_template_id": "none"}, "There is no cluster template none"),
        ({"flavor_id": "huge"}, "huge"),
        ({"master_count": 3}, "master_lb_enabled"),
        ({"labels": {"fake_latencies": "x:y"}}, "fake_latencies"),
    ],
)
def test_a_new_cluster_that_would_be_refused(ann, template, more, word):
    body = {"cluster_template_id": "swarm"} | more
    said = ann.post("/clusters/actions/plan", body).json
    assert not said["accepted"]
    (refusal,) = said["refusals"]
    assert word in refusal
    assert ann.post("/clusters", body).json["errors"][0]["detail"] == refusal


def test_all_that_stands_against_it_is_said_at_once(ann, root, reader, template):
    root.post("/quotas", {"project_id": "fishers", "hard_limit": 0})
    said = reader.post("/clusters/actions/plan", {"cluster_template_id": "swarm", "flavor_id": "huge"}).json
    assert [word in text for word, text in zip(("cluster:create", "huge", "quota"), said["refusals"], strict=True)] == [
        True
    ] * 3
    assert said["quota"] == {"limit": 0, "used": 0, "headroom_after": 0}


@pytest.mark.in_process
@pytest.mark.parametrize(
    "body", [{}, {"cluster_template_id": "swarm", "node_count": "x"}, {"cluster_template_id": "swarm", "x": 1}, []]
)
def test_a_body_that_would_be_refused_for_its_form(ann, template, body):
    planned, asked = ann.post("/clusters/actions/plan", body), ann.post("/clusters", body)
    assert planned.status_code == asked.status_code == 400
    assert title(planned) == title(asked)


def test_zero_nodes_are_as_new_as_ever(ann, template):
    body = {"cluster_template_id": "swarm", "node_count": 0}
    assert ann.post("/clusters/actions/plan", body, version="1.9").status_code == 400
    assert ann.post("/clusters/actions/plan", body, version="1.10").json["accepted"]


def test_a_cluster_may_still_be_called_actions(ann, template):
    ann.make_cluster("swarm", name="actions")
    assert ann.get("/clusters/actions").json["name"] == "actions"
    assert ann.get("/clusters/actions/events").status_code == 200


# ---- resize


def test_to_grow(world, ann, cluster):
    before = everything(world, ann)
    assert plan(ann, node_count=5) == {
        "change": "resize",
        "accepted": True,
        "refusals": [],
        "warnings": [],
        "waits_for": [],
        "driver": None,
        "nodegroups": [group(name=WORKER, role="worker", current=3, wanted=5, added=2)],
        "quota": {"limit": 20, "used": 1, "headroom_after": 19},
    }
    assert everything(world, ann) == before
    assert len(world.operations(cluster)) == 1


@pytest.mark.parametrize("word", ["web-2", "10.0.0.2"])
def test_to_shrink_by_name(ann, cluster, word):
    (shown,) = plan(ann, node_count=2, nodes_to_remove=[word])["nodegroups"]
    assert (shown["removed"], shown["undecided"], shown["added"]) == (["web-2"], 0, 0)
    (shown,) = plan(ann, node_count=1, nodes_to_remove=[word])["nodegroups"]
    assert (shown["removed"], shown["undecided"]) == (["web-2"], 1)
    (shown,) = plan(ann, node_count=3, nodes_to_remove=[word])["nodegroups"]
    assert (shown["replaced"], shown["removed"], shown["added"]) == (["web-2"], [], 0)


def test_a_name_that_fits_none(ann, cluster):
    said = plan(ann, node_count=2, nodes_to_remove=["nobody"])
    assert said["accepted"]
    assert said["warnings"] == [f"No node of {WORKER} is called nobody; nothing is removed for that."]
    assert said["nodegroups"][0]["undecided"] == 1


@pytest.mark.in_process
def test_nodes_that_are_lost_are_replaced(world, ann, cluster):
    add_node(world, cluster, 4, NodeState.FAILED)
    mute = add_node(world, cluster, 5, NodeState.PLANNED)
    credential = NodeCredential(
        token_hash="0" * 64,
        cluster_uuid=cluster,
        node_uuid=mute.uuid,
        node_name=mute.name,
        limits=NodeLimits(common_name=mute.name),
        expires_at=world.clock.now() + 1,
    )
    world.write(lambda tx: credentials.insert(tx, credential))
    assert plan(ann, node_count=5)["nodegroups"][0]["replaced"] == ["web-4"]
    world.clock.turn(1)
    assert plan(ann, node_count=5)["nodegroups"][0]["replaced"] == ["web-4", "web-5"]
    (shown,) = plan(ann, node_count=4)["nodegroups"]
    assert (shown["replaced"], shown["removed"], shown["added"]) == (["web-4"], ["web-5"], 0)


@pytest.mark.parametrize(
    ("resize", "word"),
    [
        ({"node_count": 2, "nodegroup": "default-master"}, "load balancer"),
        ({"node_count": 2, "nodegroup": "none"}, "none could not be found"),
        ({"node_count": 9}, "at most 4"),
        ({"node_count": 0}, "at least 1"),
    ],
)
def test_a_resize_that_would_be_refused(world, ann, cluster, resize, word):
    uuid = next(group.uuid for group in world.groups(cluster) if group.name == WORKER)
    world.write(lambda tx: nodegroups.update(tx, uuid, min_node_count=1, max_node_count=4))
    said = plan(ann, **resize)
    assert not said["accepted"]
    assert word in said["refusals"][0]
    refused = ann.post("/clusters/web/actions/resize", resize)
    assert refused.status_code >= 400
    assert refused.json["errors"][0]["detail"] == said["refusals"][0]


def test_what_comes_first_is_named(world, ann, cluster):
    assert ann.post("/clusters/web/actions/resize", {"node_count": 4}).status_code == 202
    said = plan(ann, node_count=5)
    assert said["accepted"]
    assert said["waits_for"] == [world.operations(cluster)[0].uuid]


def test_a_cluster_that_cannot_be_resized_now(world, ann, cluster):
    world.set_status(cluster, "DELETE_IN_PROGRESS")
    refusals = plan(ann, node_count=4)["refusals"]
    assert len(refusals) == 2
    assert all("DELETE_IN_PROGRESS" in refusal for refusal in refusals)


# ---- upgrade


@pytest.fixture
def newer(ann) -> dict:
    return ann.make_template(name="newer")


def plan_upgrade(who, **upgrade):
    answer = who.post("/clusters/web/actions/plan", {"upgrade": upgrade})
    assert answer.status_code == 200, answer.text
    return answer.json


def test_of_an_upgrade(world, ann, cluster, newer):
    before = everything(world, ann)
    said = plan_upgrade(ann, cluster_template="newer", max_batch_size=2)
    assert said == {
        "change": "upgrade",
        "accepted": True,
        "refusals": [],
        "warnings": [],
        "waits_for": [],
        "driver": None,
        "nodegroups": [
            group(name="default-master", role="master", current=1, wanted=1),
            group(name=WORKER, role="worker", current=3, wanted=3, upgraded=["web-1", "web-2", "web-3"]),
        ],
        "quota": {"limit": 20, "used": 1, "headroom_after": 19},
    }
    assert everything(world, ann) == before
    assert ann.post("/clusters/web/actions/upgrade", {"cluster_template": "newer"}).status_code == 202
    said = plan_upgrade(ann, cluster_template="newer")
    assert (said["accepted"], said["waits_for"]) == (False, [world.operations(cluster)[0].uuid])


def test_an_upgrade_is_of_the_default_groups_and_of_nodes_that_stay(world, ann, cluster, newer):
    world.set_status(cluster, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    ann.post("/clusters/web/nodegroups", {"name": "gpu"})
    world.set_status(cluster, "UPDATE_COMPLETE")
    add_node(world, cluster, 4, NodeState.REMOVING)
    said = plan_upgrade(ann, cluster_template="newer")["nodegroups"]
    assert [(group["name"], group["upgraded"]) for group in said] == [
        ("default-master", []),
        (WORKER, ["web-1", "web-2", "web-3"]),
    ]


def test_of_an_upgrade_of_another_node_group(world, ann, cluster, newer):
    world.set_status(cluster, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    ann.post("/clusters/web/nodegroups", {"name": "gpu"})
    world.set_status(cluster, "UPDATE_COMPLETE")
    said = plan_upgrade(ann, cluster_template="swarm", nodegroup="gpu")
    assert (said["accepted"], [group["name"] for group in said["nodegroups"]]) == (True, ["gpu"])
    refused = plan_upgrade(ann, cluster_template="newer", nodegroup="gpu")
    assert "own template" in refused["refusals"][0]


@pytest.mark.parametrize(
    ("upgrade", "word"),
    [
        ({"cluster_template": "none"}, "There is no cluster template none"),
        ({"cluster_template": "newer", "nodegroup": "none"}, "none could not be found"),
        ({"cluster_template": "mesos"}, "coe"),
        ({"cluster_template": "wild"}, "fake_faults"),
    ],
)
def test_an_upgrade_that_would_be_refused(ann, cluster, newer, upgrade, word):
    ann.make_template(name="mesos", coe="mesos")
    ann.make_template(name="wild", labels={"fake_faults": "explode"})
    said = plan_upgrade(ann, **upgrade)
    assert not said["accepted"]
    (refusal,) = said["refusals"]
    assert word in refusal
    refused = ann.post("/clusters/web/actions/upgrade", upgrade)
    assert refused.status_code >= 400
    assert refused.json["errors"][0]["detail"] == refusal


def test_all_that_stands_against_an_upgrade_is_said_at_once(world, ann, reader, cluster):
    ann.make_template(name="mesos", coe="mesos")
    world.set_status(cluster, "DELETE_FAILED")
    refusals = plan_upgrade(reader, cluster_template="mesos")["refusals"]
    words = ("cluster:upgrade", "DELETE_FAILED", "coe", f"The node group {WORKER} is DELETE_FAILED")
    assert [word in text for word, text in zip(words, refusals, strict=True)] == [True] * 4


def test_nobody_learns_of_templates_that_are_not_theirs(ann, eve, cluster):
    hers = eve.make_template(name="hers")["uuid"]
    said = plan_upgrade(ann, cluster_template=hers)
    assert said["refusals"] == [f"There is no cluster template {hers}."]


def test_who_may_ask(world, ann, reader, root, eve, cluster):  # noqa: PLR0917
    allowed = plan(ann, node_count=4)
    assert plan(root, node_count=4) == allowed
    said = plan(reader, node_count=4)
    assert said["refusals"] == ["You are not allowed to do this: it needs the policy rule cluster:resize."]
    body = {"resize": {"node_count": 4}}
    assert world.person("nora", "fishers", "other").post("/clusters/web/actions/plan", body).status_code == 403
    assert eve.post(f"/clusters/{cluster}/actions/plan", body).status_code == 404


@pytest.mark.in_process
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "resize"),
        ([], "resize"),
        (3, "resize"),
        ({"resize": None}, "resize"),
        ({"resize": 3}, "resize"),
        ({"resize": {}}, "node_count"),
        ({"resize": {"node_count": -1}}, "node_count"),
        ({"resize": {"node_count": 1, "x": 1}}, "x"),
        ({"resize": {"node_count": 1, "nodes_to_remove": "a"}}, "nodes_to_remove"),
        ({"resize": {"node_count": 1}, "upgrade": {"cluster_template": "swarm"}}, "resize"),
        ({"upgrade": None}, "upgrade"),
        ({"upgrade": {}}, "cluster_template"),
        ({"upgrade": {"cluster_template": "swarm", "max_batch_size": 0}}, "max_batch_size"),
        ({"nonsense": {}}, "resize"),
    ],
)
def test_a_body_that_is_no_plan(ann, cluster, body, word):
    answer = ann.post("/clusters/web/actions/plan", body)
    assert answer.status_code == 400
    assert word in title(answer)


def test_the_words_of_a_plan_are_those_of_the_resize_itself(world, ann, cluster):
    """Judged by the same code: what a plan says of nodes that go is what a conductor would mark."""
    from magnum.core.node_choice import choose_nodes

    own = [node for node in world.read(lambda tx: nodes.of_cluster(tx, cluster)) if node.role == "worker"]
    own[0] = msgspec.structs.replace(own[0], state=NodeState.PLANNED)
    choice = choose_nodes(own, 1)
    assert (choice.removed, choice.undecided, choice.working) == ((own[0],), 1, tuple(own[1:]))
