"""Heat is away, or its answer is: what was begun is found and brought to its end, once."""

import secrets

import pytest
from cloud import until
from imaginary_heat import ImaginaryContext
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session

from magnum.conf.settings import Settings
from magnum.drivers.heat.desired import Desired, Group
from magnum.drivers.heat.mappings import evaluate
from magnum.drivers.heat.parameters import NODEGROUP, Facts
from magnum.drivers.heat.stacks import STACK, Stacks
from magnum.drivers.heat.watch import StackWatch
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.ledger import ResourceState
from magnum.model.outcomes import Done
from magnum.openstack.calls import CloudService
from magnum.openstack.clouds import Cloud as OwnCloud
from magnum.openstack.errors import Unanswered

OWNER = "other"
NOBODY_LISTENS = "http://127.0.0.1:1"


class Answerless:
    """A service that does what it is asked to, and whose answer to one kind of call is lost."""

    def __init__(self, service, method):
        self._service = service
        self._method = method

    def __getattr__(self, name):
        def call(*arguments, **named):
            answer = getattr(self._service, name)(*arguments, **named)
            if name == self._method:
                raise Unanswered("Heat does not answer as it should: the connection broke")
            return answer

        return call


class Bench:
    """A small stack of its owner, and a Heat that a test makes fail."""

    def __init__(self, cloud):
        auth = Password(**cloud.clouds[OWNER]["auth"])
        self.real = OwnCloud(Settings(), auth).heat()
        self.down = CloudService("Heat", Adapter(Session(auth), endpoint_override=NOBODY_LISTENS))
        self.service = self.real
        self.context = ImaginaryContext()
        self.context.cluster.uuid = secrets.token_hex(16)
        self.wanted = Desired(
            name=f"fault-{secrets.token_hex(4)}",
            cluster_uuid=self.context.cluster.uuid,
            operation="operation",
            parameters=evaluate(NODEGROUP, Facts(external_network="public", network_name="")),
            workers=Group(),
        )

    # As Clouds, and as Cloud

    def trusted(self, _):
        return self

    def deleting(self, *_):
        return self

    def heat(self):
        return self.service

    # As a test

    def converge(self, wanted=None):
        """Ask as a conductor does that has just been started: it remembers no list."""
        return Stacks(self, StackWatch(monotonic=lambda: 0.0)).converge(self.context, wanted or self.wanted, dict)

    def delete(self):
        return Stacks(self, StackWatch(monotonic=lambda: 0.0)).delete(self.context)

    def stacks(self):
        found = self.real.get("/stacks")["stacks"]
        return [stack["stack_status"] for stack in found if stack["stack_name"] == self.wanted.name]


def is_done(ask):
    return lambda: isinstance(ask(), Done)


@pytest.fixture
def bench(cloud):
    bench = Bench(cloud)
    yield bench
    bench.service = bench.real
    bench.context.attempt(STACK, bench.wanted.name)
    until("the stack is gone", is_done(bench.delete))
    assert bench.stacks() == []


def test_a_heat_that_is_away_is_asked_again(bench):
    bench.service = bench.down
    with pytest.raises(Retry, match="Heat does not answer") as raised:
        bench.converge()
    assert raised.value.code == Code.PROVIDER_UNREACHABLE
    assert bench.context.rows[bench.wanted.name].state is ResourceState.ATTEMPTED
    bench.service = bench.real
    until("the stack is there", is_done(bench.converge))


def test_a_create_whose_answer_was_lost_is_not_made_twice(bench):
    bench.service = Answerless(bench.real, "post")
    with pytest.raises(Retry):
        bench.converge()
    bench.service = bench.real
    until("the stack is there", is_done(bench.converge))
    assert bench.stacks() == ["CREATE_COMPLETE"]
    assert bench.context.rows[bench.wanted.name].state is ResourceState.PRESENT


def test_a_delete_whose_answer_was_lost_comes_to_its_end(bench):
    until("the stack is there", is_done(bench.converge))
    bench.service = Answerless(bench.real, "delete")
    with pytest.raises(Retry):
        bench.delete()
    bench.service = bench.down
    with pytest.raises(Retry):
        bench.delete()
    bench.service = bench.real
    until("the stack is gone", is_done(bench.delete))
    assert bench.context.rows[bench.wanted.name].state is ResourceState.GONE


def test_a_stack_that_was_deleted_by_another_is_told_of_and_made_anew_when_asked(bench):
    until("the stack is there", is_done(bench.converge))
    identity = bench.context.rows[bench.wanted.name].provider_id
    bench.real.delete(f"/stacks/{bench.wanted.name}/{identity}")
    until("it is gone", lambda: bench.stacks() == [])
    with pytest.raises(Fatal, match="not by Magnum"):
        bench.converge()
    until("the stack is there again", is_done(bench.converge))
    assert bench.context.rows[bench.wanted.name].provider_id != identity
