import threading

import pytest
from imaginary_heat import ImaginaryContext, ImaginaryHeat

from magnum.conf.default import Default
from magnum.conf.settings import Settings
from magnum.drivers.heat.desired import Desired, Group
from magnum.drivers.heat.stacks import Stacks
from magnum.drivers.heat.watch import StackWatch, open_watch
from magnum.model.outcomes import Done
from magnum.openstack.errors import NotAllowed, Unanswered
from magnum.openstack.heat import Heat, Stack

INTERVAL = 2.0


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def wanted(context):
    return Desired(
        name=f"web-{context.cluster.uuid}",
        cluster_uuid=context.cluster.uuid,
        operation="operation",
        parameters={},
        workers=Group(),
    )


def test_a_hundred_clusters_cost_one_list_in_an_interval():
    heat, clock = ImaginaryHeat(), Clock()
    stacks = Stacks(heat, StackWatch(monotonic=clock, interval=INTERVAL))
    contexts = [ImaginaryContext(f"cluster-{number}") for number in range(100)]
    for context in contexts:
        stacks.converge(context, wanted(context), dict)
    made = len(heat.calls)
    intervals = 10
    for _ in range(intervals * 10):
        clock.now += INTERVAL / 10
        for context in contexts:
            stacks.converge(context, wanted(context), dict)
    assert {(method, path) for method, path, _ in heat.calls[made:]} == {("GET", "/stacks")}
    assert len(heat.calls) - made <= intervals
    for stack in list(heat.stacks):
        heat.settle(stack)
    clock.now += INTERVAL
    assert {stacks.converge(context, wanted(context), dict) for context in contexts} == {Done()}


def test_what_was_listed_before_a_change_is_not_told_after_it():
    heat, clock = ImaginaryHeat(), Clock()
    watch = StackWatch(monotonic=clock, interval=INTERVAL)
    assert watch.look("one", "web", lambda: Heat(heat)) is None
    changed = Stack("id", "web", "CREATE_IN_PROGRESS")
    watch.changed("one", changed)
    assert (watch.look("one", "web", pytest.fail), watch.look("one", "other", pytest.fail)) == (changed, None)
    clock.now = INTERVAL
    assert watch.look("one", "web", lambda: Heat(heat)) is None


def test_each_project_has_a_list_of_its_own():
    heat, clock = ImaginaryHeat(), Clock()
    watch = StackWatch(monotonic=clock, interval=INTERVAL)
    for _ in range(5):
        for project in ("one", "two"):
            watch.look(project, "web", lambda: Heat(heat))
    assert heat.lists() == 2


def test_one_list_serves_all_projects_if_we_may_see_them():
    heat, clock = ImaginaryHeat(), Clock()
    watch = StackWatch(monotonic=clock, interval=INTERVAL, everywhere=lambda: Heat(heat))
    for project in ("one", "two"):
        heat.stacks[project] = {
            "id": project,
            "name": "web",
            "status": "CREATE_COMPLETE",
            "reason": "",
            "project": project,
            "body": {"tags": "magnum"},
        }
    assert [watch.look(project, "web", pytest.fail).id for project in ("one", "two")] == ["one", "two"]
    assert watch.look("three", "web", pytest.fail) is None
    assert heat.calls == [("GET", "/stacks", {"tags": "magnum", "global_tenant": "true"})]


@pytest.mark.parametrize(("option", "query"), [(False, {}), (True, {"global_tenant": "true"})])
def test_the_operator_says_whether_all_projects_are_listed_at_once(option, query):
    heat = ImaginaryHeat()
    settings = Settings(default=Default(periodic_global_stack_list=option))
    open_watch(settings, heat).look("one", "web", lambda: Heat(heat))
    assert heat.calls == [("GET", "/stacks", {"tags": "magnum"} | query)]


def test_a_heat_that_is_down_is_asked_by_one_alone():
    heat, clock = ImaginaryHeat(), Clock()
    watch = StackWatch(monotonic=clock, interval=INTERVAL)
    heat.error = Unanswered("Heat is down")
    for _ in range(10):
        with pytest.raises(Unanswered):
            watch.look("one", "web", lambda: Heat(heat))
    assert heat.lists() == 1
    heat.error, clock.now = None, INTERVAL
    assert watch.look("one", "web", lambda: Heat(heat)) is None


def test_who_is_not_let_in_is_so_alone():
    heat, ended, clock = ImaginaryHeat(), ImaginaryHeat(), Clock()
    ended.error = NotAllowed("the trust has ended")
    watch = StackWatch(monotonic=clock, interval=INTERVAL)
    with pytest.raises(NotAllowed):
        watch.look("one", "web", lambda: Heat(ended))
    assert watch.look("one", "web", lambda: Heat(heat)) is None


def test_threads_that_ask_together_share_the_answer():
    heat, clock = ImaginaryHeat(), Clock()
    watch = StackWatch(monotonic=clock, interval=INTERVAL)
    together = threading.Barrier(8)
    failed = []

    def ask():
        together.wait(timeout=30)
        try:
            assert watch.look("one", "web", lambda: Heat(heat)) is None
        except BaseException as error:  # noqa: BLE001  told by the test
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert (failed, heat.lists()) == ([], 1)
