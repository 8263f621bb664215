"""ETags and conditional requests: who changes what has changed meanwhile is told so, and nothing is done."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.live

CLUSTER, TEMPLATE, FEDERATION = "/clusters/web", "/clustertemplates/swarm", "/federations/all"
GROUP = f"{CLUSTER}/nodegroups/default-worker"
ITEMS = [CLUSTER, TEMPLATE, GROUP, FEDERATION]
LOST = "It has been changed since you looked, so nothing was done"


def replace(name: str, value: object) -> list[dict]:
    return [{"op": "replace", "path": f"/{name}", "value": value}]


CHANGES = {
    CLUSTER: [replace("node_count", count) for count in (2, 3)],
    TEMPLATE: [replace("tags", tag) for tag in ("a", "b")],
    GROUP: [replace("max_node_count", count) for count in (8, 9)],
    FEDERATION: [replace("properties", {"dns-zone": zone}) for zone in ("a.org", "b.org")],
}


def tag(answer) -> str:
    return answer.headers["ETag"]


def title(answer) -> str:
    return answer.json["errors"][0]["title"]


@pytest.fixture
def cluster(world, ann) -> str:
    """A cluster at rest, with its template, and a federation of it."""
    ann.make_template(labels={"a": "1"})
    uuid = ann.make_cluster("swarm", name="web")
    world.set_status(uuid, "CREATE_COMPLETE", api_address="tcp://192.0.2.1:2376")
    body = {"name": "all", "hostcluster_id": "web", "properties": {"dns-zone": "example.org"}}
    assert ann.post("/federations", body).status_code == 202
    return uuid


@pytest.mark.parametrize("path", ITEMS)
def test_what_is_as_it_was_has_its_tag(ann, cluster, path):
    shown = ann.get(path)
    assert tag(shown).startswith('"')
    assert tag(shown).endswith('"')
    assert tag(ann.get(path)) == tag(shown)
    for known in (tag(shown), f'"x", W/{tag(shown)}', "*"):
        again = ann.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, tag(again)) == (304, b"", tag(shown))
    other = ann.get(path, headers={"If-None-Match": '"x"'})
    assert (other.status_code, other.content) == (200, shown.content)


@pytest.mark.parametrize("path", ITEMS)
def test_who_knows_it_may_change_it_and_nobody_else(ann, cluster, path):
    known = {"If-Match": tag(ann.get(path))}
    first, second = CHANGES[path]
    assert ann.patch(path, first, headers=known).status_code < 300
    shown = ann.get(path)
    lost = ann.patch(path, second, headers=known)
    assert (lost.status_code, title(lost)) == (412, LOST)
    assert ann.delete(path, headers=known).status_code == 412
    assert ann.get(path).content == shown.content


@pytest.mark.parametrize("path", ITEMS)
@pytest.mark.parametrize("given", ["W/{tag}", '"x"', '"x", W/"y"', '""'])
def test_other_and_weak_tags_never_match(ann, cluster, path, given):
    known = {"If-Match": given.format(tag=tag(ann.get(path)))}
    for change in ([], CHANGES[path][0]) if path != FEDERATION else (CHANGES[path][0],):
        assert ann.patch(path, change, headers=known).status_code == 412
    assert ann.get(path, headers=known).status_code == 412


@pytest.mark.parametrize("path", ITEMS)
def test_one_of_several_and_the_asterisk_match(ann, cluster, path):
    first, second = CHANGES[path]
    assert ann.patch(path, first, headers={"If-Match": f', "x",{tag(ann.get(path))} ,'}).status_code < 300
    if path in (CLUSTER, GROUP):
        second = []  # it is being changed
    assert ann.patch(path, second, headers={"If-Match": "*"}).status_code < 300


@pytest.mark.parametrize("given", ["x", "", '"x', '"x" "y"', '*, "x"', 'w/"x"', '"a b"', ","])
@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_what_is_no_tag_is_refused(ann, cluster, header, given):
    for answer in (
        ann.get(CLUSTER, headers={header: given}),
        ann.patch(CLUSTER, CHANGES[CLUSTER][0], headers={header: given}),
    ):
        assert (answer.status_code, title(answer)[:20]) == (400, f"The header {header} m"[:20])


def test_a_change_can_depend_on_its_not_being_there(ann, cluster):
    refused = ann.patch(TEMPLATE, CHANGES[TEMPLATE][0], headers={"If-None-Match": "*"})
    assert refused.status_code == 412
    assert ann.patch(TEMPLATE, CHANGES[TEMPLATE][0], headers={"If-None-Match": '"x"'}).status_code == 200


def test_nobody_learns_by_a_condition_what_is_there(ann, eve, cluster):
    for given in ("*", tag(ann.get(CLUSTER))):
        assert eve.patch(CLUSTER, CHANGES[CLUSTER][0], headers={"If-Match": given}).status_code == 404


def test_answers_that_show_the_whole_carry_the_tag_that_it_has_then(ann, world, cluster):
    made = ann.post("/clustertemplates", {"name": "b", "coe": "swarm-mode", "image_id": "fake"})
    assert tag(made) == tag(ann.get("/clustertemplates/b"))
    assert tag(ann.patch(TEMPLATE, CHANGES[TEMPLATE][0])) == tag(ann.get(TEMPLATE))
    group = ann.post(f"{CLUSTER}/nodegroups", {"name": "more"})
    assert tag(group) == tag(ann.get(f"{CLUSTER}/nodegroups/more"))
    assert tag(ann.patch(GROUP, CHANGES[GROUP][0])) == tag(ann.get(GROUP))
    for answer in (ann.get("/clusters"), ann.patch(CLUSTER, []), ann.get("/stats")):
        assert "ETag" not in answer.headers


def test_a_cluster_s_tag_says_of_all_that_is_shown_that_it_is_the_same(world, ann, cluster):
    """Much of it comes from elsewhere: node groups, the template's labels, what conductors find out."""
    seen = {tag(ann.get(CLUSTER))}

    def has_new_tag() -> bool:
        before = len(seen)
        seen.add(tag(ann.get(CLUSTER)))
        return len(seen) > before

    assert not has_new_tag()
    from magnum.db import clusters, clustertemplates, nodegroups

    template = ann.get(TEMPLATE).json["uuid"]
    worker = ann.get(GROUP).json["uuid"]
    for change in (
        lambda tx: clusters.update(tx, cluster, health_status="UNHEALTHY"),
        lambda tx: clustertemplates.update(tx, template, labels={"a": "2"}),
        lambda tx: nodegroups.update(tx, worker, node_count=7),
        lambda tx: nodegroups.update(tx, worker, node_addresses=("192.0.2.7",)),
        lambda tx: clusters.update(tx, cluster, status="UPDATE_FAILED", status_reason="Why?"),
        lambda tx: nodegroups.update(tx, worker, status="UPDATE_FAILED", status_reason="So."),
    ):
        world.write(change)
        assert has_new_tag()
    assert tag(ann.get(CLUSTER, version="1.12")) not in seen


def test_what_went_to_and_fro_has_changed(ann, cluster, world):
    """As what is shown may be the same again, the generation is in the tag."""
    known = tag(ann.get(CLUSTER))
    for status in ("HEALTHY", "UNHEALTHY", "HEALTHY"):
        assert ann.patch(CLUSTER, [{"op": "add", "path": "/health_status", "value": status}]).status_code in (202, 400)
        ann.patch(CLUSTER, [{"op": "remove", "path": "/health_status"}])
    assert ann.delete(CLUSTER, headers={"If-Match": known}).status_code == 412


@pytest.mark.parametrize("action", ["resize", "retry", "upgrade"])
def test_actions_depend_on_the_cluster(world, ann, cluster, action):
    body = {"resize": {"node_count": 2}, "retry": None, "upgrade": {"cluster_template": "swarm"}}[action]
    if action == "retry":
        world.set_status(cluster, "DELETE_FAILED")
    path = f"{CLUSTER}/actions/{action}"
    assert ann.post(path, body, headers={"If-Match": '"x"'}).status_code == 412
    assert ann.post(path, body, headers={"If-Match": tag(ann.get(CLUSTER))}).status_code != 412


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/clusters", {"cluster_template_id": "swarm"}),
        ("PATCH", "/certificates/web", None),
        ("PATCH", "/quotas/fishers/Cluster", {"hard_limit": 3}),
        ("POST", "/clusters/web/actions/plan", {"resize": {"node_count": 2}}),
    ],
)
def test_where_there_is_no_tag_none_can_match(root, cluster, method, path, body):
    answer = root.call(method, path, body, headers={"If-Match": '"x"'})
    assert (answer.status_code, title(answer)[:25]) == (412, "If-Match cannot be met: w")
    assert root.call(method, path, body, headers={"If-Match": "*"}).status_code != 412


@pytest.mark.parametrize("path", ITEMS)
def test_of_two_at_once_one_loses(world, ann, cluster, path):
    """Two threads that have seen the same ask for different changes: one is done, and the other one is told."""
    known = {"If-Match": tag(ann.get(path))}
    start = threading.Barrier(2)
    people = [world.person("ann", "fishers"), world.person("bob", "fishers")]

    def ask(number: int) -> int:
        start.wait()
        return people[number].patch(path, CHANGES[path][number], headers=known).status_code

    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(ask, range(2)))
    assert statuses[0] < 300
    assert statuses[1] == 412


@pytest.mark.in_process
@pytest.mark.parametrize("path", ITEMS)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_there_is_no_moment_between_the_look_and_the_write(world, ann, bob, cluster, path, method, monkeypatch):  # noqa: PLR0917
    """Somebody else comes right before the transaction that writes, after everything has been looked at."""
    known = {"If-Match": tag(ann.get(path))}
    first, second = CHANGES[path]
    write = world.database.write

    def be_late(function):
        monkeypatch.undo()
        assert bob.patch(path, first).status_code < 300
        return write(function)

    monkeypatch.setattr(world.database, "write", be_late)
    answer = ann.call(method, path, second if method == "PATCH" else None, headers=known)
    assert (answer.status_code, title(answer)) == (412, LOST)


@pytest.mark.in_process
@pytest.mark.parametrize("path", ITEMS)
def test_a_tag_costs_no_statement(ann, cluster, statements, path):
    ann.get(path)
    alone = len(statements)
    ann.get(path, headers={"If-None-Match": '"x"', "If-Match": "*"})
    assert len(statements) == 2 * alone
