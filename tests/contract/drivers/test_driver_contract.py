"""The rules of docs/driver-contract.md that can be tried from outside, on any driver. Each test names its rules."""

import itertools
import subprocess
import sys
import time
import uuid

import pytest
from simulation import AtPoint, Crash, SimulatedConductor

from magnum.conductor.context import StepContext
from magnum.conductor.lease import Lease
from magnum.conductor.rows import read_rows
from magnum.conductor.worker import Worker
from magnum.drivers.base import HEALTH_LIMIT, Feature, Heals, TellsHealth, Upgrades
from magnum.model.label_registry import problems
from magnum.model.ledger import ResourceState
from magnum.model.outcomes import Done
from magnum.model.statuses import HealthStatus, Status

RESERVED = {"certificates", "nodes", "look again", "remove certificates"}


def ask_create(world):
    return world.create(masters=1, nodes=2)


def ask_resize_up(world):
    cluster = world.create(masters=1, nodes=1)
    world.settle()
    world.resize(cluster, 3)
    return cluster


def ask_resize_down(world):
    cluster = world.create(masters=1, nodes=3)
    world.settle()
    world.resize(cluster, 1)
    return cluster


def ask_delete(world):
    cluster = world.create(masters=1, nodes=2)
    world.settle()
    world.delete(cluster)
    return cluster


def ask_add_group(world):
    cluster = world.create(masters=1, nodes=1)
    world.settle()
    world.add_group(cluster, node_count=2)
    return cluster


def ask_remove_group(world):
    cluster = world.create(masters=1, nodes=1)
    world.settle()
    world.add_group(cluster, node_count=2)
    world.settle()
    world.remove_group(cluster)
    return cluster


def ask_masters_up(world):
    cluster = world.create(masters=1, nodes=1)
    world.settle()
    world.resize(cluster, 3, nodegroup="default-master")
    return cluster


def ask_masters_down(world):
    cluster = world.create(masters=3, nodes=1)
    world.settle()
    world.resize(cluster, 1, nodegroup="default-master")
    return cluster


def ask_heal(world):
    cluster = world.create(masters=1, nodes=2)
    world.settle()
    (dead,) = (node.name for node in world.nodes(cluster) if node.name.endswith("worker-1"))
    world.heal(cluster, dead)
    return cluster


CHANGES = {
    "create": ask_create,
    "resize up": ask_resize_up,
    "resize down": ask_resize_down,
    "add a node group": ask_add_group,
    "remove a node group": ask_remove_group,
}
OPERATIONS = CHANGES | {"delete": ask_delete}


def has_master_resize(spec, _driver):
    return Feature.MASTER_RESIZE in spec.features


def heals(_spec, driver):
    return isinstance(driver, Heals)


OF_SOME = {
    "masters up": (ask_masters_up, has_master_resize),
    "masters down": (ask_masters_down, has_master_resize),
    "heal": (ask_heal, heals),
}
"""What only some drivers can do, and how to see whether one can."""


@pytest.fixture(params=[*OPERATIONS, *OF_SOME])
def ask(request, rig, driver):
    if request.param not in OF_SOME:
        return OPERATIONS[request.param]
    asking, is_able = OF_SOME[request.param]
    return asking if is_able(rig.spec, driver) else ask_create


@pytest.fixture
def driver(rig):
    services = rig.world.services()
    return services.registry.build(rig.spec, services.driver_services)


class Observer:
    """Gives contexts that may look and nothing else."""

    def __init__(self, rig, cluster):
        self._rig = rig
        self._cluster = cluster

    def context(self):
        operation = self._rig.world.operations(self._cluster)[-1]
        rows = self._rig.world.database.read(lambda tx: read_rows(tx, operation.uuid))
        return StepContext(self._rig.world.services(), NoLease(), rows, look_only=True)


class NoLease:
    def write(self, _):
        raise AssertionError("a driver that observes has written something")


class TestSpec:
    def test_it_is_complete(self, rig):
        """Rules 1, 2, 5."""
        assert rig.spec.name
        assert rig.spec.provides
        assert 0 < rig.spec.longest_call <= 600

    def test_it_loads_without_the_other_half(self, rig):
        """Rule 3: what the API loads does no I/O and drags nothing along that does."""
        module, _, _ = rig.spec.driver_path.partition(":")
        spec_module = type(rig.spec).__module__
        program = f"import sys, {spec_module}; sys.exit({module!r} in sys.modules)"
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    def test_its_labels_have_defaults_that_are_good_values(self, rig):
        """Rule 41."""
        assert problems(dict(rig.spec.labels)) == []


class TestSteps:
    def test_their_names_are_their_own_and_always_the_same(self, rig, driver, ask):
        """Rules 10, 11: the operation is found again by the name of its step."""
        cluster = ask(rig.world)
        seen = [self._names(rig, driver, cluster)]
        rig.world.settle(
            lambda point: seen.append(self._names(rig, driver, cluster)) if point.startswith("call") else None
        )
        assert all(names == seen[0] for names in seen)
        for names in seen[0]:
            assert len(set(names)) == len(names)
            assert not set(names) & RESERVED

    @staticmethod
    def _names(rig, driver, cluster):
        context = Observer(rig, cluster).context()
        healing = [driver.heal_steps] if isinstance(driver, Heals) else []
        return [
            [step.name for step in steps(context)]
            for steps in (driver.create_steps, driver.resize_steps, driver.delete_steps, *healing)
        ]

    def test_run_again_they_change_nothing(self, rig, ask, monkeypatch):
        """Rules 12, 13: a step whose goal is reached looks, finds it so, and calls nobody."""
        again = []
        original = Worker._run_step

        def twice(worker, context, lease, recipe):
            position, outcome = original(worker, context, lease, recipe)
            if outcome == Done():
                before = rig.census(context.cluster.uuid)
                rows = rig.world.database.read(lambda tx: read_rows(tx, context.operation.uuid))
                looking = StepContext(context.services, lease, rows, look_only=True)
                if position.step not in RESERVED:
                    assert original(worker, looking, lease, recipe) == (position, Done()), position
                    assert rig.census(context.cluster.uuid) == before, position
                    again.append(position.step)
            return position, outcome

        monkeypatch.setattr(Worker, "_run_step", twice)
        ask(rig.world)
        rig.world.settle()
        assert again

    def test_they_change_the_provider_inside_guarded_calls_only(self, rig, ask):
        """Rule 14: outside `provider_call` nothing comes and nothing goes."""
        cluster = ask(rig.world)
        seen = [rig.census(cluster)]

        def watch(point):
            if point.startswith("called: "):
                seen.append(rig.census(cluster))
            else:
                assert rig.census(cluster) == seen[-1], f"before {point}"

        rig.world.settle(watch)
        assert any(one != other for one, other in itertools.pairwise(seen))

    def test_only_what_is_gone_is_called_gone(self, rig):
        """Rule 19, where the provider takes its time to remove things."""
        world = rig.world
        cluster = world.create(nodes=1, labels=rig.slow_removal)
        world.settle()
        world.delete(cluster)
        gone = set()

        def watch(_):
            gone.update((row.kind, row.name) for row in world.ledger(cluster) if row.state is ResourceState.GONE)
            assert not gone & {(kind, name) for kind, name, *_ in rig.census(cluster)}

        world.settle(watch)
        assert len(gone) >= 3

    def test_no_call_is_longer_than_announced(self, rig, ask, monkeypatch):
        """Rules 5, 15: a delete waits for calls under way, so it must know how long."""
        announced = []
        original = StepContext.provider_call

        def timed(context, what, *, timeout):
            if context.operation.step not in RESERVED:
                announced.append((what, timeout))
            return original(context, what, timeout=timeout)

        monkeypatch.setattr(StepContext, "provider_call", timed)
        ask(rig.world)
        rig.world.settle()
        assert announced
        assert [call for call in announced if call[1] > rig.spec.longest_call] == []


class TestCrashes:
    def test_whoever_takes_over_comes_to_the_same_end(self, rig, ask):
        """Rules 12, 16, 17: killed on either side of any call, nothing is lost and nothing is there twice."""
        world = rig.world
        undisturbed = ask(world)
        world.settle()
        expected = self._end(rig, undisturbed)
        for cluster, trace in self._crashes(rig, ask):
            world.clock.turn(rig.after_lease)
            world.settle()
            assert self._end(rig, cluster) == expected, trace.point
            if world.exists(cluster):
                world.delete(cluster)
                world.settle()

    @pytest.mark.parametrize("change", CHANGES)
    def test_whatever_is_half_made_can_be_deleted(self, rig, change):
        """Rules 18, 19: delete works through the ledger, from any state."""
        world = rig.world
        for cluster, trace in self._crashes(rig, CHANGES[change]):
            world.delete(cluster)
            world.settle()
            assert not world.exists(cluster), trace.point
            assert rig.census(cluster) == [], trace.point
            assert world.ledger(cluster) == (), trace.point

    @staticmethod
    def _crashes(rig, ask):
        """Kill the conductor on either side of each provider call, or of some of them, evenly spread."""
        ask(rig.world)
        points = []
        rig.world.settle(points.append)
        calls = sum(is_side_of_a_call(point) for point in points)
        assert calls
        stride = max(1, calls // rig.crash_points) if rig.crash_points else 1
        for number in range(1, calls + 1, stride):
            cluster = ask(rig.world)
            trace = AtPoint(number, lambda: trace.die(), counts=is_side_of_a_call)  # noqa: B023, PLW0108  its own
            with pytest.raises(Crash):
                rig.world.settle(trace)
            yield cluster, trace

    @staticmethod
    def _end(rig, cluster):
        world = rig.world
        if not world.exists(cluster):
            return rig.census(cluster)
        standing = [row.kind for row in world.ledger(cluster) if row.state is ResourceState.PRESENT]
        attempted = [row.kind for row in world.ledger(cluster) if row.state is ResourceState.ATTEMPTED]
        nodes = sorted((node.role, node.number, node.state) for node in world.nodes(cluster))
        return world.cluster(cluster).status, standing, attempted, nodes, len(rig.census(cluster))


class TestUpgrades:
    """Rule 35, and with it 10, 12 and 16, of drivers that upgrade."""

    def test_whoever_takes_over_goes_on(self, rig):
        if Feature.UPGRADE not in rig.spec.features:
            return  # it promises nothing
        world = rig.world

        def ask_upgrade(world):
            cluster = world.create(masters=1, nodes=2)
            world.settle()
            world.upgrade(cluster, world.make_template(str(uuid.uuid4()), **rig.newer))
            return cluster

        undisturbed = ask_upgrade(world)
        before = world.cluster(undisturbed).coe_version
        world.settle()
        expected = (TestCrashes._end(rig, undisturbed), world.cluster(undisturbed).coe_version)
        assert expected[1] != before
        for cluster, trace in TestCrashes._crashes(rig, ask_upgrade):
            world.clock.turn(rig.after_lease)
            world.settle()
            assert (TestCrashes._end(rig, cluster), world.cluster(cluster).coe_version) == expected, trace.point

    def test_it_has_the_steps_for_it(self, rig, driver):
        assert isinstance(driver, Upgrades) >= (Feature.UPGRADE in rig.spec.features)


def is_side_of_a_call(point):
    return point.startswith(("call: ", "called: "))


class TestLooking:
    def test_observe_tells_what_is_there_and_changes_nothing(self, rig, driver):
        """Rules 20, 21."""
        world = rig.world
        cluster = world.create(masters=1, nodes=2)
        world.settle()
        assert world.cluster(cluster).status == Status.CREATE_COMPLETE
        began = world.clock.monotonic()
        seen = driver.observe(Observer(rig, cluster).context())
        assert world.clock.monotonic() - began <= rig.observe_limit
        assert seen.nodes_seen == 3
        assert seen.api_address == world.cluster(cluster).api_address != None  # noqa: E711  the chain reads better
        assert seen.coe_version == world.cluster(cluster).coe_version

    def test_observe_answers_for_a_cluster_that_is_not_there_yet(self, rig, driver):
        """Rule 20."""
        cluster = rig.world.create()
        assert driver.observe(Observer(rig, cluster).context()).nodes_seen == 0

    def test_health_is_told_of_every_member_and_changes_nothing(self, rig, driver):
        """Rule 43."""
        if not isinstance(driver, TellsHealth):
            return  # it promises nothing
        world = rig.world
        cluster = world.create(masters=1, nodes=1)
        world.settle()
        before = rig.census(cluster)
        began = time.monotonic()
        health = driver.health(Observer(rig, cluster).context())
        assert time.monotonic() - began <= HEALTH_LIMIT
        assert health.status == HealthStatus.HEALTHY
        assert health.reason == {f"{node.name}.Ready": "True" for node in world.nodes(cluster)} | {"api": "ok"}
        row = world.cluster(cluster)
        assert (health.coe_version, health.container_version) == (row.coe_version, row.container_version)
        assert rig.census(cluster) == before

    def test_a_cluster_whose_machines_are_gone_is_unhealthy(self, rig, driver):
        """Rule 43: that it does not answer says something of it, and is no failure."""
        if not isinstance(driver, TellsHealth):
            return
        world = rig.world
        cluster = world.create()
        world.settle()
        context = Observer(rig, cluster).context()
        context.client_tls()  # it goes from the store with the cluster
        world.delete(cluster)
        world.settle()
        assert driver.health(context).status == HealthStatus.UNHEALTHY

    def test_the_order_of_removal_is_an_order_of_the_given_nodes(self, rig, driver):
        """Rule 22."""
        cluster = rig.world.create(nodes=3)
        rig.world.settle()
        context = Observer(rig, cluster).context()
        workers = [node for node in context.nodes if node.role == "worker"]
        order = driver.removal_order(context, workers)
        assert sorted(node.name for node in order) == sorted(node.name for node in workers)

    def test_linger_gives_what_the_ledger_ever_named_and_is_there(self, rig, driver):
        """Rule 23: also what stands on the ledger as gone."""
        world = rig.world
        cluster = world.create()
        world.settle()
        conductor = SimulatedConductor(world.services())
        world.delete(cluster)
        (claim,) = conductor.worker.claim(lambda: "me", 1)
        lease = Lease(conductor.services, claim)
        rows = world.database.read(lambda tx: read_rows(tx, claim.operation.uuid))
        context = StepContext(conductor.services, lease, rows)
        for resource in context.resources():
            context.gone(resource)
        found = driver.linger(context)
        assert {(row.kind, row.name) for row in found} == {(row.kind, row.name) for row in context.resources()}

    def test_resume_does_no_harm(self, rig, driver):
        """Rule 24."""
        cluster = rig.world.create()
        rig.world.settle()
        before = rig.census(cluster)
        driver.resume()
        driver.resume()
        assert rig.census(cluster) == before
