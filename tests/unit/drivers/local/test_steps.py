"""A machine that is made anew, as a step does it; making machines in the first place is tried with real ones."""

import contextlib
from ipaddress import IPv4Network
from types import SimpleNamespace

import pytest

from magnum.conductor.context import CallForbidden
from magnum.drivers.base import NodeAccess
from magnum.drivers.local.machines import MachineStatus
from magnum.drivers.local.networks import Network
from magnum.drivers.local.steps import LocalSteps, MachinePlan
from magnum.model.ledger import CloudResource, ResourceState
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.openstack.catalogue import load_catalogue

CLUSTER = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"


class Context:
    """As much of a driver's context as this uses."""

    def __init__(self):
        self.cluster = SimpleNamespace(uuid=CLUSTER)
        self.template = SimpleNamespace(image_id="debian-12")
        self.operation = SimpleNamespace(uuid="operation")
        group = {"name": "default-worker", "cluster_id": CLUSTER, "project_id": "p", "role": "worker", "node_count": 1}
        self.nodegroups = (NodeGroup(uuid="group", flavor_id="m1.small", **group),)
        self.nodes = (
            Node(
                uuid="node",
                cluster_uuid=CLUSTER,
                nodegroup_uuid="group",
                number=1,
                name="w-1",
                role="worker",
                state=NodeState.FAILED,
                address="10.77.5.10",
                failed_step="join",
                report="no route",
                reported_at=1,
                member_id="member",
            ),
        )
        self.saved = []
        self.confirmed = []
        self.look_only = False

    @contextlib.contextmanager
    def provider_call(self, what, *, timeout):
        assert (what, timeout) == ("rebuild machine w-1", 30.0)
        if self.look_only:
            raise CallForbidden(what)
        yield

    def attempt(self, kind, name):
        return CloudResource(
            id=1, cluster_uuid=CLUSTER, kind=kind, name=name, state=ResourceState.PRESENT, attempted_at=1
        )

    def confirm(self, resource, provider_id):
        self.confirmed.append((resource.kind, provider_id))

    def new_node_token(self, node, limits):
        return f"token of {node.name} for {limits}"

    def save_node(self, node):
        self.saved.append(node)


class Host:
    def __init__(self):
        self.rebuilt = []

    def find_network(self, uuid):
        return Network.of(uuid, IPv4Network("10.77.5.0/24"))

    def rebuild_machine(self, spec):
        self.rebuilt.append(spec)

    def machines(self, uuid):
        assert uuid == CLUSTER
        return (MachineStatus(name="w-1", address=None, running=True, edition="v1"),)


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def steps(host):
    plan = MachinePlan(
        limits=lambda _context, node: f"limits of {node.name}",
        user_data=lambda _context, _node, access, token: f"{access.url} {token}",
        edition=lambda _context, node: f"{node.role} v2",
    )
    listeners = SimpleNamespace(access=lambda _uuid, address: NodeAccess(url=f"https://{address}/v1"))
    return LocalSteps(host, listeners, load_catalogue(None), plan)


def test_a_node_that_is_made_anew_is_like_a_new_one_and_keeps_its_place(steps, host):
    context = Context()
    steps.rebuild(context, context.nodes[0])
    (spec,) = host.rebuilt
    assert (spec.name, str(spec.address), spec.image) == ("w-1", "10.77.5.10", "debian-12")
    assert (spec.edition, spec.instance_id) == ("worker v2 debian-12", "node/operation")
    assert spec.user_data == "https://10.77.5.1/v1 token of w-1 for limits of w-1"
    (saved,) = context.saved
    assert (saved.state, saved.failed_step, saved.report, saved.reported_at) == (NodeState.PLANNED, None, None, None)
    assert saved.member_id == "member"
    assert context.confirmed == [("machine", "w-1")]


def test_whoever_may_only_look_leaves_the_node_what_it_is(steps, host):
    context = Context()
    context.look_only = True
    with pytest.raises(CallForbidden):
        steps.rebuild(context, context.nodes[0])
    assert (host.rebuilt, context.saved) == ([], [])


def test_what_machines_were_made_from_is_seen(steps):
    context = Context()
    assert steps.machines_of(context)["w-1"].edition == "v1"
    assert steps.edition(context, context.nodes[0]) == "worker v2 debian-12"
