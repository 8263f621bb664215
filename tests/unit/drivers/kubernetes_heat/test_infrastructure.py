"""Stacks as what a cluster runs on, with a Heat in memory: its stages, and what happens when they are interrupted."""

from ipaddress import IPv4Address, IPv4Network
from types import SimpleNamespace

import msgspec
import pytest
from imaginary_heat import PROJECT, ImaginaryContext, ImaginaryHeat

from magnum.conf.settings import Settings
from magnum.drivers.heat.desired import UserData
from magnum.drivers.heat.names import nodegroup_stack_name, stack_name
from magnum.drivers.heat.stacks import Stacks
from magnum.drivers.heat.watch import StackWatch
from magnum.drivers.kubernetes.infrastructure import Place, Server
from magnum.drivers.kubernetes_heat.infrastructure import HeatInfrastructure
from magnum.drivers.kubernetes_heat.sight import Sight
from magnum.model.clusters import Cluster
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.failures import Fatal, Retry
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.operations import CreateCluster, CreateNodeGroup, DeleteNodeGroup
from magnum.model.outcomes import Done, Wait

UUID = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
COMMON = {"uuid": UUID, "name": "web", "project_id": PROJECT, "user_id": "u"}
STACK = stack_name("web", UUID)
MORE = nodegroup_stack_name("web", "more", "more")


class Cloud(ImaginaryHeat):
    """Heat that gives every place an address and every server an id, and tells when it was last asked."""

    def put(self, path, body):
        super().put(path, body)
        stack = self._find(path)
        stack["updated"] = stack.get("updated", 0) + 1

    def get(self, path, *, params=None):
        name = path.split("/")[2] if path.count("/") > 1 else None
        if name in self.stacks:
            self.outputs = outputs(self.stacks[name]["body"]["parameters"])
        return super().get(path, params=params)

    @staticmethod
    def _line(stack):
        updated = stack.get("updated")
        return ImaginaryHeat._line(stack) | {"updated_time": updated and f"2026-11-20T00:00:{updated:02}Z"}


def outputs(parameters):
    found = {
        "api_address": "172.24.0.2",
        "api_private_address": "10.0.0.2",
        "fixed_network": "network",
        "fixed_subnet": "subnet",
        "secgroup_kube_minion": "group",
    }
    for role, host in (("master", 10), ("worker", 100)):
        places = parameters.get(f"{role}_places") or {}
        found[f"{role}_places"] = {
            number: {
                "port": "p",
                "address": f"10.0.0.{host + int(number)}",
                "floating_address": f"172.24.0.{host + int(number)}",
                "etcd_volume": "",
                "docker_volume": "",
            }
            for number in places
        }
        found[f"{role}_refs_map"] = {
            number: f"{role} {number} {machine['instance']}"
            for number, machine in (parameters.get(f"{role}_servers") or {}).items()
        }
    return found


class Context(ImaginaryContext):
    def __init__(self, *numbers, masters=1, arguments=None, operation="operation"):
        super().__init__(UUID, operation)
        self.cluster = Cluster(
            **COMMON,
            cluster_template_id="t",
            status=None,
            trust_id="trust",
            master_lb_enabled=True,
            floating_ip_enabled=True,
        )
        self.template = ClusterTemplate(
            **COMMON, coe="kubernetes", image_id="debian", cluster_distro="debian", external_network_id="public"
        )
        group = {"cluster_id": UUID, "project_id": PROJECT}
        self.nodegroups = (
            NodeGroup(uuid="masters", name="default-master", role="master", node_count=1, is_default=True, **group),
            NodeGroup(uuid="workers", name="default-worker", role="worker", node_count=1, is_default=True, **group),
        )
        rows = [("masters", "master", number) for number in range(1, masters + 1)]
        rows += [("workers", "worker", number) for number in numbers]
        self.known = {}
        for group_uuid, role, number in rows:
            self.add(group_uuid, role, number)
        self.ask(arguments or CreateCluster(), operation)
        self.told = []
        self.clock = SimpleNamespace(now=lambda: 0)

    def ask(self, arguments, uuid):
        about = getattr(arguments, "nodegroup_uuid", None)
        self.operation = SimpleNamespace(uuid=uuid, arguments=arguments, nodegroup_uuid=about, deadline=None)

    def add(self, group, role, number):
        name = f"{role[0]}-{number}"
        self.known[name] = Node(uuid=name, cluster_uuid=UUID, nodegroup_uuid=group, number=number, name=name, role=role)

    def change(self, name, **changes):
        self.known[name] = msgspec.structs.replace(self.known[name], **changes)

    @property
    def nodes(self):
        return tuple(self.known.values())

    @property
    def changing(self):
        about = self.operation.nodegroup_uuid
        return tuple(node for node in self.nodes if about in (None, node.nodegroup_uuid))

    def save_node(self, node):
        self.known[node.name] = node

    def remove_node(self, node):
        del self.known[node.name]

    def update_cluster(self, **changes):
        self.cluster = msgspec.structs.replace(self.cluster, **changes)

    def update_nodegroup(self, nodegroup, *, stack_id):
        self.nodegroups = tuple(
            msgspec.structs.replace(group, stack_id=stack_id) if group.uuid == nodegroup.uuid else group
            for group in self.nodegroups
        )

    def set_up(self):
        """All nodes have said that they are well, and are members."""
        for node in self.nodes:
            if node.state is NodeState.PLANNED:
                self.change(node.name, state=NodeState.JOINED)


class Rig:
    def __init__(self):
        self.cloud = Cloud()
        self.seconds = 0.0
        self.version = "v1.20.2"
        self.made_for = []
        watch = StackWatch(monotonic=lambda: self.seconds)
        self.stacks = stacks = Stacks(self.cloud, watch)
        self.sight = Sight(self.cloud, stacks, watch)
        self.infrastructure = HeatInfrastructure(
            settings=Settings(),
            stacks=stacks,
            sight=self.sight,
            nodes=SimpleNamespace(edition=lambda _context, _node: self.version),
            surroundings=SimpleNamespace(
                image=lambda _context, _node: "debian",
                flavor=lambda _context, _node: "m1.small",
                subnet_cidr=lambda _context: None,
            ),
            user_data=SimpleNamespace(make=self.make),
            leftovers=SimpleNamespace(before_stacks=tuple, after_stacks=tuple),
        )

    def make(self, _context, coming):
        self.made_for.append(sorted(node.name for nodes in coming.values() for node in nodes))
        return {role: UserData(own={node.number: "x" for node in nodes}) for role, nodes in coming.items() if nodes}

    def run(self, step, *, most=12):
        """Run a step as a conductor does; Heat is done whenever it is waited for."""
        for _ in range(most):
            outcome = step()
            if outcome == Done():
                return
            assert isinstance(outcome, Wait)
            self.settle()
        pytest.fail(f"it never ends: {outcome.reason}")

    def settle(self, outcome="COMPLETE"):
        self.seconds += 5
        for name, stack in list(self.cloud.stacks.items()):
            if stack["status"].endswith("_IN_PROGRESS"):
                self.cloud.settle(name, outcome)

    def create(self, context):
        steps = self.infrastructure
        self.run(lambda: steps.network(context))
        self.run(lambda: steps.places(context))
        self.run(lambda: steps.start(context, lambda _: True))
        for node in context.nodes:
            context.change(node.name, state=NodeState.REPORTED)
        self.run(lambda: steps.reports(context))
        context.set_up()
        for node in context.nodes:
            context.change(node.name, state=NodeState.JOINED)

    def servers(self, role="worker", stack=STACK):
        return self.cloud.parameters(stack)[f"{role}_servers"]


@pytest.fixture
def rig():
    return Rig()


class TestComing:
    def test_places_come_first_and_all_servers_at_once_after_them(self, rig):
        context = Context(1, 2, masters=3)
        steps = rig.infrastructure
        rig.run(lambda: steps.network(context))
        assert rig.servers() == rig.servers("master") == {}
        assert rig.made_for == [[]]
        rig.run(lambda: steps.places(context))
        assert [node.address for node in context.nodes] == [f"10.0.0.{n}" for n in (11, 12, 13, 101, 102)]
        assert context.known["m-1"].reached_at == "172.24.0.11"
        assert isinstance(steps.start(context, lambda _: True), Wait)
        assert rig.made_for[-1] == ["m-1", "m-2", "m-3", "w-1", "w-2"]
        assert steps.start(context, lambda _: True) == Done(), "they are begun, and nobody waits for their boot"
        assert len(rig.cloud.asked("POST")) == len(rig.cloud.asked("PUT")) == 1

    def test_rows_say_which_stack_and_which_server_is_theirs(self, rig):
        context = Context(1)
        rig.create(context)
        identity = rig.cloud.stacks[STACK]["id"]
        assert context.cluster.stack_id == identity
        assert {group.stack_id for group in context.nodegroups} == {identity}
        assert context.known["w-1"].server_id == "worker 1 w-1"

    def test_steps_that_are_run_again_ask_for_nothing(self, rig):
        context = Context(1)
        rig.create(context)
        calls = [call for call in rig.cloud.calls if call[0] != "GET"]
        for step in (rig.infrastructure.network, rig.infrastructure.places, rig.infrastructure.reports):
            rig.run(lambda step=step: step(context))
        rig.run(lambda: rig.infrastructure.start(context, lambda _: True))
        assert [call for call in rig.cloud.calls if call[0] != "GET"] == calls

    def test_some_come_later_and_what_runs_is_left_as_it_is(self, rig):
        context = Context(1)
        rig.create(context)
        before = rig.servers()["1"]
        rig.version = "v1.21.0"
        context.add("workers", "worker", 2)
        context.ask(CreateNodeGroup("workers"), "second")
        rig.run(lambda: rig.infrastructure.places(context))
        rig.run(lambda: rig.infrastructure.start(context, lambda node: node.number == 2))
        assert rig.servers()["1"] == before
        assert rig.servers()["2"]["edition"] == "v1.21.0 debian"
        assert rig.made_for[-1] == ["w-2"]

    def test_a_group_of_its_own_has_a_stack_in_the_clusters_network(self, rig):
        context = Context(1)
        rig.create(context)
        group = NodeGroup(uuid="more", name="more", cluster_id=UUID, project_id=PROJECT, role="worker", node_count=1)
        context.nodegroups += (group,)
        context.add("more", "worker", 7)
        context.ask(CreateNodeGroup("more"), "second")
        rig.run(lambda: rig.infrastructure.places(context))
        rig.run(lambda: rig.infrastructure.start(context, lambda _: True))
        assert rig.cloud.parameters(MORE)["existing_security_group"] == "group"
        assert rig.cloud.parameters(MORE)["fixed_network"] == "network"
        assert list(rig.servers(stack=MORE)) == ["7"]
        assert context.nodegroups[2].stack_id == rig.cloud.stacks[MORE]["id"]

    def test_a_node_that_says_it_failed_ends_the_wait(self, rig):
        context = Context(1)
        rig.run(lambda: rig.infrastructure.network(context))
        context.change("w-1", state=NodeState.FAILED, failed_step="docker", report="no space")
        with pytest.raises(Fatal, match="w-1: step docker failed: no space"):
            rig.infrastructure.reports(context)

    def test_what_heat_could_not_bring_up_is_told_and_made_anew_by_the_next_operation(self, rig, monkeypatch):
        context = Context(1)
        steps = rig.infrastructure
        rig.run(lambda: steps.network(context))
        rig.run(lambda: steps.places(context))
        steps.start(context, lambda _: True)
        rig.settle("FAILED")
        monkeypatch.setattr(rig.stacks, "failed_nodes", lambda _context, _name: (frozenset(), frozenset({1})))
        with pytest.raises(Fatal, match="UPDATE_FAILED"):
            rig.run(lambda: steps.reports(context))
        context.ask(CreateCluster(again=True), "second")
        rig.run(lambda: steps.places(context))
        rig.run(lambda: steps.start(context, lambda _: True))
        assert rig.made_for[-2:] == [[], ["w-1"]], "it makes way first, and is brought up once more"


class TestRebuilding:
    def test_a_server_makes_way_for_another_one_in_its_place(self, rig):
        context = Context(1)
        rig.create(context)
        steps, place = rig.infrastructure, dict(rig.cloud.parameters(STACK)["worker_places"])
        context.ask(CreateCluster(), "second")
        rig.version = "v1.21.0"
        node = context.known["w-1"]
        assert isinstance(steps.rebuild(context, node), Wait)
        assert context.known["w-1"].state is NodeState.PLANNED
        assert rig.servers() == {}
        assert isinstance(steps.rebuild(context, context.known["w-1"]), Wait), "Heat is busy"
        rig.settle()
        assert steps.rebuild(context, context.known["w-1"]) == Done()
        rig.settle()
        assert rig.servers()["1"]["instance"] == "w-1/second"
        assert rig.cloud.parameters(STACK)["worker_places"] == place
        assert rig.made_for[-1] == ["w-1"]
        assert steps.servers(context)["w-1"] == Server(
            running=True, edition="v1.21.0 debian", instance=steps.rebuilt_as(context, node)
        )

    def test_one_that_heat_cannot_bring_up_does_not_run(self, rig):
        context = Context(1)
        rig.create(context)
        context.ask(CreateCluster(), "second")
        rig.infrastructure.rebuild(context, context.known["w-1"])
        rig.settle()
        rig.infrastructure.rebuild(context, context.known["w-1"])
        rig.settle("FAILED")
        servers = rig.infrastructure.servers(context)
        assert (servers["w-1"].running, servers["m-1"].running) == (False, True)
        assert isinstance(rig.infrastructure.revived(context, context.known["w-1"]), Fatal)


class TestGoing:
    def test_named_nodes_go_and_are_forgotten(self, rig):
        context = Context(1, 2, 3)
        rig.create(context)
        context.ask(CreateNodeGroup("workers"), "second")
        context.change("w-2", state=NodeState.REMOVING)
        rig.run(lambda: rig.infrastructure.remove(context))
        assert list(rig.servers()) == ["1", "3"]
        assert list(rig.cloud.parameters(STACK)["worker_places"]) == ["1", "3"]
        assert [node.name for node in context.nodes] == ["m-1", "w-1", "w-3"]

    def test_the_dead_are_cut_off_and_keep_their_place_until_they_are_forgotten(self, rig):
        context = Context(1, 2)
        rig.create(context)
        context.ask(CreateNodeGroup("workers"), "second")
        context.change("w-2", state=NodeState.REMOVING)
        rig.run(lambda: rig.infrastructure.cut_off(context))
        assert list(rig.servers()) == ["1"]
        assert list(rig.cloud.parameters(STACK)["worker_places"]) == ["1", "2"]
        assert "w-2" in context.known

    def test_a_group_that_goes_takes_its_stack_along(self, rig):
        context = Context(1)
        rig.create(context)
        group = NodeGroup(uuid="more", name="more", cluster_id=UUID, project_id=PROJECT, role="worker", node_count=1)
        context.nodegroups += (group,)
        context.add("more", "worker", 7)
        context.ask(CreateNodeGroup("more"), "second")
        rig.run(lambda: rig.infrastructure.places(context))
        context.ask(DeleteNodeGroup("more"), "third")
        context.change("w-7", state=NodeState.REMOVING)
        rig.run(lambda: rig.infrastructure.remove(context))
        assert list(rig.cloud.stacks) == [STACK]
        assert "w-7" not in context.known


class TestSight:
    def test_around_the_nodes_is_their_network_and_a_load_balancer(self, rig):
        context = Context(1)
        with pytest.raises(Retry, match="not there yet"):
            rig.sight.site(context)
        rig.create(context)
        site = rig.sight.site(context)
        assert site.network == IPv4Network("10.0.0.0/24")
        assert site.api == Place(IPv4Address("10.0.0.2"), IPv4Address("172.24.0.2"))
        assert site.default_route
        calls = len(rig.cloud.calls)
        rig.seconds += 100
        assert rig.sight.site(context) == site
        assert len(rig.cloud.calls) == calls, "it never changes"

    def test_one_list_tells_that_nothing_has_changed(self, rig):
        context = Context(1)
        rig.create(context)
        first = rig.sight.seen(context, STACK)
        rig.seconds += 5
        calls = len(rig.cloud.calls)
        assert rig.sight.seen(context, STACK) == first
        assert len(rig.cloud.calls) == calls + 1
        rig.cloud.stacks[STACK]["updated"] += 1
        rig.seconds += 5
        rig.sight.seen(context, STACK)
        assert len(rig.cloud.calls) > calls + 2
