"""Auto-healing: what two looks in a row have not found Ready is replaced, unless that could do harm."""

import pytest
from simulation import OFFERS

from magnum.conductor.drivers import Drivers
from magnum.conductor.health import HealthChecks
from magnum.core import clusters as core
from magnum.db import clusters
from magnum.model.health import Health
from magnum.model.nodes import NodeState
from magnum.model.statuses import HealthStatus, Status

INTERVAL = 60
HEALED = {"auto_healing_enabled": "true"}


@pytest.fixture
def look(world):
    """Let a conductor look at what is due, once an interval has passed."""
    services = world.services()
    checks = HealthChecks(services, Drivers(services.registry, services.driver_services))

    def look(seconds=INTERVAL):
        world.clock.turn(seconds)
        for one in checks.claim(8):
            checks.check(one)

    return look


@pytest.fixture
def make(world):
    def make(masters=1, nodes=3, **labels):
        uuid = world.create(masters=masters, nodes=nodes, labels=HEALED | labels)
        world.settle()
        return uuid

    return make


def kill(world, uuid, *ends, member=False):
    """Let machines be out of sight, by how their names end."""
    dead = [node.name for node in world.nodes(uuid) if node.name.endswith(ends)]
    assert len(dead) == len(ends)
    for name in dead:
        world.cloud.set_member(uuid, name, member=member)
    return dead


def kinds(world, uuid):
    return [operation.kind for operation in world.operations(uuid)]


def told(world, uuid):
    return [one.text for one in world.events(uuid) if one.kind == "cluster.heal"]


def test_what_has_died_is_replaced_and_the_cluster_is_well_again(world, make, look):
    uuid = make()
    look()
    (dead,) = kill(world, uuid, "worker-2")
    look()
    assert kinds(world, uuid) == ["create"]
    assert world.cluster(uuid).health_status == "UNHEALTHY"
    look()
    assert kinds(world, uuid) == ["create", "heal"]
    row = world.cluster(uuid)
    assert (row.status, row.status_reason) == (Status.UPDATE_IN_PROGRESS, None)
    assert told(world, uuid) == [f"{dead} has died and is replaced."]
    look()
    assert kinds(world, uuid) == ["create", "heal"]
    world.settle()
    assert world.cluster(uuid).status == Status.UPDATE_COMPLETE
    assert sorted(node.name.rpartition("-worker-")[2] for node in world.nodes(uuid) if node.role == "worker") == [
        *("1", "3", "4")
    ]
    assert dead not in world.machines(uuid)
    assert {node.state for node in world.nodes(uuid)} == {NodeState.JOINED}
    workers = world.groups(uuid)["default-worker"]
    assert (workers.status, workers.node_count, len(workers.node_addresses)) == (Status.CREATE_COMPLETE, 3, 3)
    look()
    look()
    assert world.cluster(uuid).health_status == "HEALTHY"
    assert kinds(world, uuid) == ["create", "heal"]


def test_by_the_fault_of_the_simulated_provider_too(world, make, look):
    uuid = make(fake_faults="die:worker-1")
    look()
    look()
    world.settle()
    look()
    assert world.cluster(uuid).health_status == "HEALTHY"
    assert kinds(world, uuid) == ["create", "heal"]


def test_one_that_comes_back_in_time_stays(world, make, look):
    uuid = make()
    kill(world, uuid, "worker-2")
    look()
    kill(world, uuid, "worker-2", member=True)
    look()
    kill(world, uuid, "worker-2")
    look()
    assert kinds(world, uuid) == ["create"]


def test_two_looks_that_are_far_apart_say_nothing(world, make, look):
    """Nobody has looked for a while: what has happened in between is not known."""
    uuid = make()
    kill(world, uuid, "worker-2")
    look()
    look(10 * INTERVAL)
    assert kinds(world, uuid) == ["create"]
    look()
    assert kinds(world, uuid) == ["create", "heal"]


def test_what_somebody_has_reported_is_no_look(world, make, look):
    uuid = make()
    (dead,) = kill(world, uuid, "worker-2")
    health = {"health_status": "UNHEALTHY", "health_status_reason": {f"{dead}.Ready": "False", "api": "ok"}}
    core.update(world.core, None, world.cluster(uuid), OFFERS, health=health, resize=None)
    look()
    assert kinds(world, uuid) == ["create"]


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"auto_healing_enabled": "false"},
        {"auto_healing_enabled": "true", "auto_healing_controller": "magnum-auto-healer"},
    ],
)
def test_nobody_is_replaced_whose_owner_does_not_want_it_or_has_somebody_else_for_it(world, look, labels):
    uuid = world.create(nodes=3, labels=labels)
    world.settle()
    kill(world, uuid, "worker-2")
    look()
    look()
    assert kinds(world, uuid) == ["create"]
    assert told(world, uuid) == []


def test_most_nodes_at_once_are_left_alone_and_that_is_told_once(world, make, look):
    uuid = make(nodes=3)
    dead = kill(world, uuid, "worker-1", "worker-2", "worker-3")
    for _ in range(4):
        look()
    assert kinds(world, uuid) == ["create"]
    (text,) = told(world, uuid)
    assert text == (
        f"{', '.join(dead)} have died and are not replaced: "
        "3 of 4 nodes are gone at once, which may be the network rather than the machines."
    )


def test_one_that_dies_meanwhile_is_the_next(world, make, look):
    uuid = make(nodes=3)
    kill(world, uuid, "worker-1")
    look()
    look()
    kill(world, uuid, "worker-2")
    world.settle()
    assert world.cluster(uuid).status == Status.UPDATE_COMPLETE
    look()
    look()
    world.settle()
    assert [node.number for node in world.nodes(uuid) if node.role == "worker"] == [3, 4, 5]


def test_half_of_them_are_replaced(world, make, look):
    uuid = make(nodes=1)
    kill(world, uuid, "worker-1")
    look()
    look()
    assert kinds(world, uuid) == ["create", "heal"]


def test_a_master_is_replaced_while_most_are_there(world, make, look):
    uuid = make(masters=3)
    kill(world, uuid, "master-2")
    look()
    look()
    world.settle()
    assert world.cluster(uuid).status == Status.UPDATE_COMPLETE
    assert [node.number for node in world.nodes(uuid) if node.role == "master"] == [1, 3, 4]


@pytest.mark.parametrize(("masters", "dead"), [(1, ["master-1"]), (3, ["master-1", "master-2"])])
def test_too_few_masters_cannot_take_another_in(world, make, look, masters, dead):
    uuid = make(masters=masters)
    kill(world, uuid, *dead)
    look()
    look()
    assert kinds(world, uuid) == ["create"]
    assert told(world, uuid)[0].endswith("masters are gone, and only most of them could take a new one in.")


def test_an_api_that_is_not_well_says_nothing_of_nodes(world, make, look, monkeypatch):
    uuid = make()
    (dead,) = kill(world, uuid, "worker-2")
    verdict = Health(HealthStatus.UNHEALTHY, {f"{dead}.Ready": "False", "api": "etcd failed"})
    monkeypatch.setattr("magnum.drivers.fake.driver.FakeDriver.health", lambda *_: verdict)
    look()
    look()
    assert kinds(world, uuid) == ["create"]


def test_after_a_failure_its_owner_decides(world, make, look):
    uuid = make()
    world.database.write(lambda tx: clusters.update(tx, uuid, labels=HEALED | {"fake_faults": "refuse:leave:no"}))
    world.resize(uuid, 2)
    world.settle()
    assert world.cluster(uuid).status == Status.UPDATE_FAILED
    (dead,) = kill(world, uuid, "worker-2")
    look()
    look()
    assert kinds(world, uuid) == ["create", "resize"]
    (text,) = told(world, uuid)
    assert text == (
        f"{dead} has died and is not replaced: "
        "the last change of the cluster has failed (UPDATE_FAILED). Retry that, or ask for another one."
    )


def test_one_that_dies_again_and_again_is_left_alone_in_the_end(world, make, look):
    uuid = make(nodes=3)
    for number in (1, 4, 5, 6, 7):
        kill(world, uuid, f"worker-{number}")
        look()
        look()
        world.settle()
    assert kinds(world, uuid) == ["create", *["heal"] * 4]
    assert told(world, uuid)[-1].endswith("4 times in the last hour that has not helped for long.")
    look(3600)
    look()
    assert kinds(world, uuid)[-1] == "heal"
    assert len(kinds(world, uuid)) == 6


class Nobody:
    """What no driver is."""


def test_a_driver_that_cannot_is_not_asked(world, make, look, monkeypatch):
    monkeypatch.setattr("magnum.conductor.health.Heals", Nobody)
    uuid = make()
    kill(world, uuid, "worker-2")
    look()
    look()
    assert kinds(world, uuid) == ["create"]


class TestFailures:
    """What fails can be retried, and what was refused before it began leaves nothing behind."""

    def fail(self, world, uuid, fault, name="worker-2"):
        dead = next(node.name for node in world.nodes(uuid) if node.name.endswith(name))
        world.database.write(lambda tx: clusters.update(tx, uuid, labels=HEALED | {"fake_faults": fault}))
        world.heal(uuid, dead)
        world.settle()
        assert world.cluster(uuid).status == Status.UPDATE_FAILED
        return dead

    def mend(self, world, uuid):
        world.database.write(lambda tx: clusters.update(tx, uuid, labels=HEALED))
        world.retry(uuid)
        world.settle()
        assert world.cluster(uuid).status == Status.UPDATE_COMPLETE
        assert len(world.machines(uuid)) == len(world.nodes(uuid)) == 4

    def test_one_that_was_begun_goes_on(self, world, make):
        uuid = make()
        dead = self.fail(world, uuid, "break:docker@worker-4:no space")
        assert "worker-4: step docker failed: no space" in world.cluster(uuid).status_reason
        assert dead not in world.machines(uuid)
        self.mend(world, uuid)

    def test_one_that_was_refused_leaves_everything_as_it_was(self, world, make):
        uuid = make()
        before = world.nodes(uuid)
        self.fail(world, uuid, "refuse:delete_machine:not allowed")
        assert world.nodes(uuid) == before
        self.mend(world, uuid)

    def test_a_driver_that_cannot_is_told(self, world, make, monkeypatch):
        uuid = make()
        monkeypatch.setattr("magnum.conductor.operations.heal.Heals", Nobody)
        world.heal(uuid, next(node.name for node in world.nodes(uuid) if node.role == "worker"))
        world.settle()
        row = world.cluster(uuid)
        assert row.status == Status.UPDATE_FAILED
        assert "does not support the replacement of dead nodes" in row.status_reason
