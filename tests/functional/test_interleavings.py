"""Several clients at once, over HTTP, while a conductor gets on a little now and then, also in the middle of its steps.

Whatever the order: the quota holds, names say who is meant, node counts are what was last accepted, and what is at rest
is what was asked for. The machine keeps its own books of what was accepted; that is all it knows of the service.
"""

from collections import Counter

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from databases import empty
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from simulation import SimulatedConductor
from simulation import World as Simulation

from magnum.conf.quotas import Quotas
from magnum.db import clusters, clustertemplates, nodegroups, nodes, operations
from magnum.db.errors import NotFound
from magnum.model.nodes import NodeState
from magnum.model.operations import OPEN
from magnum.model.paging import Page
from magnum.model.requesters import EVERYTHING
from magnum.model.statuses import IN_PROGRESS, RESIZABLE, STEADY

MOST = 2
PATIENCE = 200
PAGE = Page(limit=1000)
LABELS = {"fake_latencies": "boot:4;vanish:3"}
PEOPLE = st.sampled_from(["ann", "ann", "bob", "eve"])
PROJECTS = {"ann": "fishers", "bob": "fishers", "eve": "others"}
NAMES = st.sampled_from("ab")
TEMPLATES = st.sampled_from("tttu")
COUNTS = st.integers(0, 3)
GROUPS = st.sampled_from(["default-worker", "default-worker", "gpu", "default-master"])
REQUESTS = st.sampled_from(
    [
        *("create_cluster", "create_cluster", "resize", "resize", "patch_node_count", "delete_cluster"),
        *("create_group", "create_group", "patch_group", "delete_group"),
        *("create_group", "patch_group", "create_template", "patch_template", "delete_template"),
    ]
)


class Clients(RuleBasedStateMachine):
    """`wanted` are node counts by cluster and node group, as they were accepted."""

    def __init__(self, world, simulation):
        super().__init__()
        empty(world.database)
        self.world, self.simulation = world, simulation
        self.people = {name: world.person(name, project) for name, project in PROJECTS.items()}
        self.wanted = {}
        for who in ("ann", "eve"):
            self.people[who].make_template(name="t", labels=LABELS)
        uuid = self.people["ann"].make_cluster("t", name="a")
        self.wanted[uuid] = {"default-master": 1, "default-worker": 1}
        self.settle()

    # ---- what is there

    def project_clusters(self, who, name=None):
        known = self.world.read(lambda tx: [clusters.read(tx, uuid) for uuid in self.wanted if exists(tx, uuid)])
        return [one for one in known if one.project_id == PROJECTS[who] and name in (None, one.name)]

    def templates(self, who, name):
        found = self.world.read(lambda tx: clustertemplates.list_page(tx, EVERYTHING, PAGE))
        return [one for one in found if one.project_id == PROJECTS[who] and one.name == name]

    def group(self, cluster, name):
        return next((group for group in self.world.groups(cluster.uuid) if group.name == name), None)

    # ---- what clients do

    def call(self, who, method, path, body=None):
        answer = self.people[who].call(method, path, body)
        assert answer.status_code < 500, answer.text
        return answer

    def on_one(self, who, name, method, path, body=None):
        """Ask something of the cluster of this name; gives it and the answer, or None when it is not the only one."""
        found = self.project_clusters(who, name)
        answer = self.call(who, method, f"/clusters/{name}{path}", body)
        if len(found) == 1:
            return found[0], answer
        assert answer.status_code == (409 if found else 404)
        return None, answer

    def create_cluster(self, data, who):
        name, template, count = data.draw(NAMES), data.draw(TEMPLATES), data.draw(COUNTS)
        templates, used = self.templates(who, template), len(self.project_clusters(who))
        body = {"name": name, "cluster_template_id": template, "node_count": count}
        answer = self.call(who, "POST", "/clusters", body)
        if len(templates) != 1:
            assert answer.status_code == (409 if templates else 404)
        elif used >= MOST:
            assert answer.status_code == 403
        else:
            assert answer.status_code == 202
            self.wanted[answer.json["uuid"]] = {"default-master": 1, "default-worker": count}

    def delete_cluster(self, data, who):
        cluster, answer = self.on_one(who, data.draw(NAMES), "DELETE", "")
        assert cluster is None or answer.status_code == 204

    def resize(self, data, who):
        count, group = data.draw(COUNTS), data.draw(GROUPS)
        body = {"node_count": count, "nodegroup": group}
        cluster, answer = self.on_one(who, data.draw(NAMES), "POST", "/actions/resize", body)
        if cluster is not None:
            before = self.group(cluster, group)
            if cluster.status in RESIZABLE and before is None:
                assert answer.status_code == 404
            else:
                self.count_changed(answer, cluster, before, count, may=cluster.status in RESIZABLE)

    def patch_node_count(self, data, who):
        count = data.draw(COUNTS)
        body = [{"op": "replace", "path": "/node_count", "value": count}]
        cluster, answer = self.on_one(who, data.draw(NAMES), "PATCH", "", body)
        if cluster is not None:
            before = self.group(cluster, "default-worker")
            self.count_changed(answer, cluster, before, count, may=cluster.status in STEADY)

    def count_changed(self, answer, cluster, group, count, *, may):
        may = may and (count == 1 or not group.is_master) and fits(group, count)  # nobody has a load balancer
        assert answer.status_code == 202 or not may or group.status not in RESIZABLE, answer.text
        assert answer.status_code in {202, 400}
        if answer.status_code == 202:
            assert may
            self.wanted[cluster.uuid][group.name] = count

    def create_group(self, data, who):
        count, least, most = data.draw(COUNTS), data.draw(COUNTS), data.draw(st.none() | COUNTS)
        body = {"name": "gpu", "node_count": count, "min_node_count": least, "max_node_count": most}
        name = data.draw(NAMES)
        there = [self.group(cluster, "gpu") for cluster in self.project_clusters(who, name)]
        cluster, answer = self.on_one(who, name, "POST", "/nodegroups", body)
        if cluster is not None and answer.status_code == 202:
            assert there == [None]
            assert least <= count <= (count if most is None else most)
            self.wanted[cluster.uuid]["gpu"] = count
        else:
            assert answer.status_code in {400, 404, 409}

    def patch_group(self, data, who):
        group, most = data.draw(GROUPS), data.draw(COUNTS)
        body = [{"op": "replace", "path": "/max_node_count", "value": most}]
        cluster, answer = self.on_one(who, data.draw(NAMES), "PATCH", f"/nodegroups/{group}", body)
        if cluster is not None and answer.status_code == 202:
            assert self.wanted[cluster.uuid][group] <= most

    def delete_group(self, data, who):
        group = data.draw(GROUPS)
        cluster, answer = self.on_one(who, data.draw(NAMES), "DELETE", f"/nodegroups/{group}")
        if cluster is not None:
            assert answer.status_code in ({204, 400, 404} if group == "gpu" else {400})

    def create_template(self, data, who):
        body = {"name": data.draw(TEMPLATES), "coe": "swarm-mode", "image_id": "fake", "labels": LABELS}
        assert self.call(who, "POST", "/clustertemplates", body).status_code == 201

    def patch_template(self, data, who):
        body = [{"op": "replace", "path": "/name", "value": data.draw(TEMPLATES)}]
        name = data.draw(TEMPLATES)
        found = self.templates(who, name)
        answer = self.call(who, "PATCH", f"/clustertemplates/{name}", body)
        assert answer.status_code == {0: 404, 1: 200}.get(len(found), 409)

    def delete_template(self, data, who):
        name = data.draw(TEMPLATES)
        found = self.templates(who, name)
        used = {cluster.cluster_template_id for cluster in self.project_clusters(who)}
        answer = self.call(who, "DELETE", f"/clustertemplates/{name}")
        assert answer.status_code == (400 if used & {one.uuid for one in found} else 204) or len(found) != 1
        assert answer.status_code == {0: 404, 1: answer.status_code}.get(len(found), 409)

    # ---- rules

    @rule(data=st.data(), who=PEOPLE, request=REQUESTS, seconds=st.integers(0, 6), point=st.integers(0, 15))
    def ask(self, data, who, request, seconds, point):
        """Let time pass, then let the conductor work; the request comes at this point of that, or after it."""
        self.world.clock.turn(seconds)
        points = Counter()

        def trace(name):
            points["all"] += not name.startswith(("claim", "commit"))  # where it is between two transactions
            if points["all"] == point and not points["asked"]:
                points["asked"] = 1
                getattr(self, request)(data, who)

        if point:
            SimulatedConductor(self.simulation.services(trace)).run_due()
        if not points["asked"]:
            getattr(self, request)(data, who)

    # ---- promises

    @invariant()
    def the_quota_holds(self):
        for who in ("ann", "eve"):
            assert len(self.project_clusters(who)) <= MOST

    @invariant()
    def a_name_finds_the_one_that_has_it(self):
        for who in ("bob", "eve"):
            found = self.project_clusters(who, "a")
            answer = self.call(who, "GET", "/clusters/a")
            assert answer.status_code == {0: 404, 1: 200}.get(len(found), 409)
            assert len(found) != 1 or answer.json["uuid"] == found[0].uuid

    @invariant()
    def node_counts_are_those_that_were_accepted(self):
        for who in ("ann", "eve"):
            for shown in self.call(who, "GET", "/clusters/detail").json["clusters"]:
                self.check_cluster(shown)

    def check_cluster(self, shown):
        uuid = shown["uuid"]
        groups = self.world.groups(uuid)
        assert len({group.name for group in groups}) == len(groups)
        assert {"default-master", "default-worker"} <= {group.name for group in groups}
        assert shown["node_count"] == sum(group.node_count for group in groups if not group.is_master)
        assert shown["master_count"] == sum(group.node_count for group in groups if group.is_master)
        assert self.world.read(lambda tx: clustertemplates.read(tx, shown["cluster_template_id"]))
        for group in groups:
            assert group.node_count == self.wanted[uuid][group.name]
            assert fits(group, group.node_count) or group.is_default
        busy = any(one.state in OPEN for one in self.world.operations(uuid))
        assert busy == (shown["status"] in IN_PROGRESS), shown["status"]
        if not busy:
            self.check_at_rest(uuid, shown["status"], groups)

    def check_at_rest(self, uuid, status, groups):
        assert status.endswith("_COMPLETE")
        present = self.world.read(lambda tx: nodes.of_cluster(tx, uuid))
        assert {node.state for node in present} <= {NodeState.JOINED}
        counts = Counter(node.nodegroup_uuid for node in present)
        assert {group.uuid: counts[group.uuid] for group in groups} == {
            group.uuid: group.node_count for group in groups
        }
        assert sorted(node.name for node in present) == sorted(self.simulation.machines(uuid))

    def teardown(self):
        self.settle()
        self.node_counts_are_those_that_were_accepted()
        for who in ("ann", "eve"):
            for cluster in self.project_clusters(who):
                assert self.call(who, "DELETE", f"/clusters/{cluster.uuid}").status_code == 204
        self.settle()
        assert not [uuid for uuid in self.wanted if self.simulation.cloud.things(uuid)]
        assert self.world.read(lambda tx: clusters.count(tx, EVERYTHING)) == 0
        assert not self.world.read(lambda tx: [uuid for uuid in self.wanted if nodegroups.of_cluster(tx, uuid)])

    def settle(self):
        for _ in range(PATIENCE):
            if not self.simulation.conductor().run_due():
                due = self.world.read(operations.next_due)
                if due is None:
                    return
                self.world.clock.turn(max(0.0, (due - self.world.clock.now()) / 1_000_000))
        raise AssertionError("the conductor does not come to an end")


def exists(tx, uuid):
    try:
        return bool(clusters.read(tx, uuid))
    except NotFound:
        return False


def fits(group, count):
    return group.min_node_count <= count <= (count if group.max_node_count is None else group.max_node_count)


@pytest.fixture
def one_key(monkeypatch):
    """To make keys takes most of the time, and which they are does not matter here."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    monkeypatch.setattr(rsa, "generate_private_key", lambda **_: key)


@pytest.fixture
def simulation(world, tmp_path):
    made = Simulation(tmp_path, clock=world.clock, database=world.database, fresh=False)
    yield made
    made.close()


def test_the_promises_hold_in_any_order_of_requests(world, simulation, one_key):
    world.configure(quotas=Quotas(max_clusters_per_project=MOST))
    run_state_machine_as_test(
        lambda: Clients(world, simulation),
        settings=settings(max_examples=10, stateful_step_count=25),
    )
