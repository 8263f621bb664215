"""What is told of machines that do not report, and what is done about those that stop."""

import contextlib
from ipaddress import IPv4Address, IPv4Network
from types import SimpleNamespace

import pytest

from magnum.drivers.base import NodeAccess
from magnum.drivers.local.machines import MachineStatus
from magnum.drivers.local.networks import Network
from magnum.drivers.local.steps import MOST_STARTS, USUAL_SECONDS, LocalSteps, MachinePlan
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.ledger import CloudResource, ResourceState
from magnum.model.nodegroups import NodeGroup
from magnum.model.nodes import Node, NodeState
from magnum.model.outcomes import Done, Wait
from magnum.openstack.catalogue import load_catalogue

CLUSTER = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52"
SAID = "Welcome!\nthis init was broken by a test"


class Context:
    """As much of a driver's context as this uses, with one node that is awaited."""

    def __init__(self):
        self.seconds = 1.0
        self.clock = SimpleNamespace(now=lambda: 0)
        self.operation = SimpleNamespace(seconds_in_step=lambda _now: self.seconds)
        self.cluster = SimpleNamespace(uuid=CLUSTER)
        self.template = SimpleNamespace(image_id="debian-12")
        group = {"name": "default-worker", "cluster_id": CLUSTER, "project_id": "p", "role": "worker", "node_count": 1}
        self.nodegroups = (NodeGroup(uuid="group", **group),)
        node = {"uuid": "node", "cluster_uuid": CLUSTER, "nodegroup_uuid": "group", "number": 1, "role": "worker"}
        self.nodes = self.changing = (Node(name="w-1", address="10.77.5.10", state=NodeState.PLANNED, **node),)

    @contextlib.contextmanager
    def provider_call(self, _what, *, timeout):
        assert timeout > 0
        yield

    def attempt(self, kind, name):
        return CloudResource(
            id=1, cluster_uuid=CLUSTER, kind=kind, name=name, state=ResourceState.PRESENT, attempted_at=1
        )

    def confirm(self, _resource, _provider_id):
        pass

    def new_node_token(self, _node, _limits):
        return "token"


class Host:
    def __init__(self):
        self.started = []
        self.machine = MachineStatus(name="w-1", address=IPv4Address("10.77.5.10"), running=True, starts=1, said=SAID)

    def machines(self, _cluster):
        return () if self.machine is None else (self.machine,)

    def find_network(self, uuid):
        return Network.of(uuid, IPv4Network("10.77.5.0/24"))

    def start_machine(self, spec):
        self.started.append(spec.name)


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def steps(host):
    listeners = SimpleNamespace(
        access=lambda _cluster, _address: NodeAccess(url="https://10.77.5.1:9512/v1", pin="pin")
    )
    plan = MachinePlan(limits=lambda _context, _node: None, user_data=lambda *_: "#cloud-config")
    return LocalSteps(host, listeners, load_catalogue(None), plan)


def stopped(starts):
    return MachineStatus(
        name="w-1", address=None, running=False, starts=starts, said=SAID, reason=f"its console says: {SAID}"
    )


def test_a_node_is_waited_for(steps, context):
    assert steps.reports(context) == Wait(0.2, "waiting for the report of w-1")


def test_one_that_takes_long_is_told_of_with_the_last_line_of_its_console(steps, context):
    context.seconds = USUAL_SECONDS + 1
    outcome = steps.reports(context)
    assert outcome.reason == ("waiting for the report of w-1 (its console ends with: this init was broken by a test)")


def test_one_that_stops_is_started_again(steps, host, context):
    host.machine = stopped(MOST_STARTS - 1)
    with pytest.raises(Retry, match=r"w-1 stopped before it reported(?s:.*)broken by a test") as raised:
        steps.reports(context)
    assert raised.value.code is Code.NODE_DEAD
    assert host.started == ["w-1"]


def test_one_that_is_gone_is_made_again(steps, host, context):
    host.machine = None
    with pytest.raises(Retry, match="w-1 stopped before it reported"):
        steps.reports(context)
    assert host.started == ["w-1"]


def test_one_that_does_nothing_but_stop_fails_the_operation(steps, host, context):
    host.machine = stopped(MOST_STARTS)
    with pytest.raises(Fatal, match=r"w-1 was started 3 times(?s:.*)broken by a test(?s:.*)retry") as raised:
        steps.reports(context)
    assert raised.value.code is Code.NODE_DEAD
    assert host.started == []


def test_nobody_is_awaited(steps, context):
    context.changing = ()
    assert steps.reports(context) == Done()
