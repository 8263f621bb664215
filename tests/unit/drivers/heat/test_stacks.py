import pytest
from imaginary_heat import ImaginaryContext, ImaginaryHeat

from magnum.drivers.heat.desired import Desired, Group, Machine, UserData
from magnum.drivers.heat.stacks import CALL_LIMIT, STACK, Stacks
from magnum.drivers.heat.watch import StackWatch
from magnum.model.failures import Code, Fatal, Retry
from magnum.model.ledger import ResourceState
from magnum.model.outcomes import Done, Wait
from magnum.openstack.errors import NotAllowed, Refused, Unanswered

NAME = "web-abc"
MACHINE = Machine("web-0", "image", "flavor", "edition", "instance")


def desired(operation="operation", *, name=NAME, cluster="5d12f6fd-a196-4bf0-ae4c-1f639a523a52", servers=None):
    return Desired(
        name=name,
        cluster_uuid=cluster,
        operation=operation,
        parameters={"fixed_subnet_cidr": "10.0.0.0/24"},
        masters=Group(places={0: "web-0"}, servers=servers or {}),
        workers=Group(),
    )


class Bench:
    """Stacks on an imaginary Heat, and a clock to turn."""

    def __init__(self):
        self.heat = ImaginaryHeat()
        self.now = 0.0
        self.context = ImaginaryContext()
        self.stacks = Stacks(self.heat, StackWatch(monotonic=lambda: self.now, interval=2.0))
        self.made = 0

    def converge(self, wanted=None):
        self.now += 2
        return self.stacks.converge(self.context, wanted or desired(), self.user_data)

    def user_data(self):
        self.made += 1
        return {"master": UserData(head="head", own={0: "own"}, signal="$URL", tail="tail")}

    def complete(self, wanted=None):
        while not isinstance(outcome := self.converge(wanted), Done):
            assert isinstance(outcome, Wait)
            for name, stack in self.heat.stacks.items():
                if stack["status"].endswith("IN_PROGRESS"):
                    self.heat.settle(name)


@pytest.fixture
def bench():
    return Bench()


def test_a_stack_is_made_once_and_waited_for(bench):
    assert isinstance(bench.converge(), Wait)
    row = bench.context.rows[NAME]
    assert (row.kind, row.state, row.provider_id) == (STACK, ResourceState.PRESENT, bench.heat.stacks[NAME]["id"])
    assert bench.context.guarded == [(f"create stack {NAME}", CALL_LIMIT)]
    for _ in range(3):
        assert bench.converge() == Wait(2.0, f"waiting for Heat: the stack {NAME} is CREATE_IN_PROGRESS")
    bench.heat.settle(NAME)
    assert bench.converge() == Done()
    assert (bench.heat.asked("POST"), bench.heat.asked("PUT"), bench.made) == (["/stacks"], [], 1)


def test_it_is_on_the_ledger_before_heat_is_asked(bench):
    bench.heat.error = Unanswered("Heat does not answer")
    with pytest.raises(Retry) as raised:
        bench.converge()
    assert (raised.value.code, bench.context.rows[NAME].state) == (
        Code.PROVIDER_UNREACHABLE,
        ResourceState.ATTEMPTED,
    )


def test_while_it_waits_it_asks_for_the_list_alone(bench):
    bench.converge()
    before = len(bench.heat.calls)
    for _ in range(5):
        bench.converge()
    assert bench.heat.calls[before:] == [("GET", "/stacks", {"tags": "magnum"})] * 5


def test_what_is_there_already_makes_no_user_data_and_changes_nothing(bench):
    bench.complete()
    made, changes = bench.made, len(bench.context.guarded)
    assert bench.converge() == Done()
    assert (bench.made, len(bench.context.guarded)) == (made, changes)


def test_something_else_wanted_is_an_update_with_the_whole(bench):
    bench.complete()
    bench.complete(desired(servers={0: MACHINE}))
    [(_, _, body)] = [call for call in bench.heat.calls if call[0] == "PUT"]
    assert body["parameters"]["master_servers"] == {
        "0": {"name": "web-0", "image": "image", "flavor": "flavor", "edition": "edition", "instance": "instance"}
    }
    assert body["parameters"]["master_own_user_data"] == {"0": "own"}
    assert {"cluster_uuid", "operation", "content"} < body["parameters"].keys()
    assert "server.yaml" in body["files"]
    assert (body["tags"], body["disable_rollback"], "existing" in body) == ("magnum", True, False)


def test_a_failure_of_this_very_operation_fails_it(bench):
    bench.converge()
    bench.heat.settle(NAME, "FAILED", "Resource CREATE failed: something")
    with pytest.raises(Fatal) as raised:
        bench.converge()
    assert raised.value.text == f"Heat: the stack {NAME} is CREATE_FAILED: Resource CREATE failed: something."


def test_what_heat_called_off_is_asked_for_again(bench):
    bench.converge()
    bench.heat.settle(NAME, "FAILED", "Resource CREATE failed: cancelled")
    bench.heat.found = [
        {"resource_name": "network", "resource_type": "network.yaml", "resource_status": "CREATE_FAILED"}
        | {"resource_status_reason": "CREATE aborted (user triggered cancel)"}
    ]
    bench.complete()
    assert len(bench.heat.asked("PUT")) == 1


def test_one_that_failed_under_another_operation_is_brought_on(bench):
    bench.converge()
    bench.heat.settle(NAME, "FAILED", "too bad")
    bench.complete(desired("another operation"))
    assert bench.heat.parameters(NAME)["operation"] == "another operation"


def test_a_create_whose_answer_was_lost_is_found(bench):
    bench.complete()
    bench.context.rows.clear()
    assert bench.converge() == Done()
    assert bench.context.rows[NAME].provider_id == bench.heat.stacks[NAME]["id"]


def test_one_that_lost_its_tag_is_found_and_gets_it_again(bench):
    bench.complete()
    bench.heat.stacks[NAME]["body"]["tags"] = None
    assert bench.converge() == Done()
    bench.complete(desired(servers={0: MACHINE}))
    assert bench.heat.stacks[NAME]["body"]["tags"] == "magnum"
    assert len(bench.heat.asked("POST")) == 1


def test_one_of_somebody_else_is_not_touched(bench):
    bench.stacks.converge(ImaginaryContext("another"), desired(cluster="another"), bench.user_data)
    bench.heat.settle(NAME)
    with pytest.raises(Fatal, match="not this cluster's"):
        bench.converge()
    bench.context.attempt(STACK, NAME)
    assert bench.stacks.delete(bench.context) == Done()
    assert bench.heat.asked("DELETE") == []


def test_one_that_somebody_deleted_is_not_made_anew_unasked(bench):
    bench.complete()
    bench.heat.stacks.clear()
    with pytest.raises(Fatal, match="not by Magnum"):
        bench.converge(desired(servers={0: MACHINE}))
    bench.complete(desired("retry", servers={0: MACHINE}))
    assert len(bench.heat.asked("POST")) == 2


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (NotAllowed("Heat refuses: no"), Fatal),
        (Refused("Heat: no such flavor", 400), Fatal),
        (Refused("Heat: busy", 409), Retry),
        (Unanswered("Heat is silent"), Retry),
    ],
)
def test_failures_of_calls_end_or_are_tried_again(bench, error, failure):
    bench.heat.error = error
    with pytest.raises(failure, match=str(error)):
        bench.converge()


def test_what_heat_says_is_read(bench):
    bench.complete()
    bench.heat.outputs = {"api_address": "192.0.2.7"}
    seen = bench.stacks.see(bench.context, NAME)
    assert (seen.api_address, seen.cidr, seen.operation) == ("192.0.2.7", "10.0.0.0/24", "operation")
    assert bench.stacks.see(bench.context, "other") is None


class TestDelete:
    def test_the_stacks_of_node_groups_go_first(self, bench):
        bench.complete()
        bench.complete(desired(name="web-extra-def"))
        outcomes = []
        while not isinstance(outcome := self.delete(bench), Done):
            outcomes.append(sorted((stack["name"], stack["status"]) for stack in bench.heat.stacks.values()))
            for name in [name for name, stack in bench.heat.stacks.items() if stack["status"].startswith("DELETE")]:
                bench.heat.settle(name)
        assert outcomes == [
            [(NAME, "CREATE_COMPLETE"), ("web-extra-def", "DELETE_IN_PROGRESS")],
            [(NAME, "DELETE_IN_PROGRESS")],
        ]
        assert {row.state for row in bench.context.rows.values()} == {ResourceState.GONE}
        assert outcome == Done()

    def test_that_of_a_node_group_alone(self, bench):
        bench.complete()
        bench.complete(desired(name="web-extra-def"))
        assert isinstance(bench.stacks.delete_one(bench.context, "web-extra-def"), Wait)
        bench.heat.settle("web-extra-def")
        bench.now += 2
        assert bench.stacks.delete_one(bench.context, "web-extra-def") == Done()
        assert bench.stacks.delete_one(bench.context, "web-extra-def") == Done()
        assert list(bench.heat.stacks) == [NAME]

    def test_it_is_asked_for_once(self, bench):
        bench.complete()
        for _ in range(4):
            assert isinstance(self.delete(bench), Wait)
        assert len(bench.heat.asked("DELETE")) == 1

    def test_one_that_somebody_deleted_is_fine(self, bench):
        bench.complete()
        bench.heat.stacks.clear()
        assert self.delete(bench) == Done()

    def test_a_failed_one_is_told_of_and_asked_for_again(self, bench):
        bench.complete()
        self.delete(bench)
        bench.heat.settle(NAME, "FAILED", "Resource DELETE failed: port in use")
        with pytest.raises(Retry, match="port in use"):
            self.delete(bench)
        assert bench.heat.stacks[NAME]["status"] == "DELETE_IN_PROGRESS"

    def test_names_of_the_ledger_are_looked_for_again(self, bench):
        bench.complete()
        bench.context.gone(bench.context.rows[NAME])
        assert [row.name for row in bench.stacks.linger(bench.context)] == [NAME]
        bench.heat.stacks.clear()
        assert bench.stacks.linger(bench.context) == []

    @staticmethod
    def delete(bench):
        bench.now += 2
        return bench.stacks.delete(bench.context)
