"""Health: each cluster is looked at once in an interval, by one conductor, and only what is true is written."""

import logging
import threading
from types import SimpleNamespace

import pytest
from simulation import OFFERS, SECOND
from sqlalchemy import event

from magnum.conductor.drivers import Drivers
from magnum.conductor.health import HealthChecks, HealthPoller
from magnum.conf.kubernetes import Kubernetes
from magnum.core import clusters as core
from magnum.db import clusters, health
from magnum.db.tables import cluster_state
from magnum.drivers.base import HEALTH_LIMIT
from magnum.model.failures import Code, Retry
from magnum.model.health import Health
from magnum.model.requesters import EVERYTHING
from magnum.model.statuses import HealthStatus

INTERVAL = 60


@pytest.fixture
def cluster(world):
    uuid = world.create(masters=1, nodes=2)
    world.settle()
    return uuid


def conductor(world):
    services = world.services()
    return HealthChecks(services, Drivers(services.registry, services.driver_services))


def poll(*conductors, limit=8):
    """Let each conductor look once; give how many clusters each has asked."""
    asked = []
    for checks in conductors:
        looks = checks.claim(limit)
        for look in looks:
            checks.check(look)
        asked.append(len(looks))
    return asked


def told(world, uuid):
    return [(one.level, one.text) for one in world.events(uuid) if one.kind == "cluster.health"]


def break_machine(world, uuid, *, member=False):
    machine = next(node.name for node in world.nodes(uuid) if node.role == "worker")
    world.cloud.set_member(uuid, machine, member=member)
    return machine


def shown(world, uuid):
    return core.get_full(world.core, uuid, EVERYTHING).summary


def test_a_cluster_that_is_well_is_healthy_and_nothing_is_told(world, cluster):
    generation = shown(world, cluster).generation
    world.clock.turn(5)
    assert poll(conductor(world)) == [1]
    row = world.cluster(cluster)
    assert row.health_status == "HEALTHY"
    assert row.health_status_reason == {f"{node.name}.Ready": "True" for node in world.nodes(cluster)} | {"api": "ok"}
    assert told(world, cluster) == []
    assert shown(world, cluster).generation == generation + 1
    assert shown(world, cluster).health_observed_at == world.clock.now()


def test_two_conductors_share_and_each_cluster_is_asked_once_in_an_interval(world):
    uuids = [world.create(name=f"c{number}") for number in range(5)]
    world.settle()
    one, other = conductor(world), conductor(world)
    assert poll(one, other, limit=3) == [3, 2]
    assert {world.cluster(uuid).health_status for uuid in uuids} == {"HEALTHY"}
    assert poll(one, other) == [0, 0]
    world.clock.turn(INTERVAL - 1)
    assert poll(one, other) == [0, 0]
    world.clock.turn(1)
    assert poll(one, other) == [5, 0]


def test_of_two_that_have_found_the_same_one_gets_it(world, cluster):
    at = world.clock.now()
    found = world.database.read(lambda tx: health.find_due(tx, at, 8))
    (look,) = world.database.write(lambda tx: health.claim(tx, found, at=at, until=at + SECOND))
    assert look.cluster_uuid == cluster
    assert world.database.write(lambda tx: health.claim(tx, found, at=at, until=at + 2 * SECOND)) == []


def test_the_claim_is_one_statement_for_a_cluster(world, cluster):
    said = []
    engine = world.database._engine

    def note(_connection, _cursor, statement, *_more):
        said.append(statement.split()[0])

    event.listen(engine, "before_cursor_execute", note)
    try:
        (look,) = conductor(world).claim(8)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert look.cluster_uuid == cluster
    assert [word for word in said if word not in ("BEGIN", "COMMIT")] == ["SELECT", "UPDATE"]


def test_an_adopted_cluster_is_looked_at_too(world, cluster):
    world.database.write(lambda tx: tx.execute(cluster_state.delete()))
    assert poll(conductor(world), conductor(world)) == [1, 0]
    assert world.cluster(cluster).health_status == "HEALTHY"


def test_each_change_is_told_once_and_why(world, cluster):
    checks = conductor(world)
    poll(checks)
    machine = break_machine(world, cluster)
    for _ in range(3):
        world.clock.turn(INTERVAL)
        poll(checks)
    assert world.cluster(cluster).health_status == "UNHEALTHY"
    assert world.cluster(cluster).health_status_reason[f"{machine}.Ready"] == "False"
    break_machine(world, cluster, member=True)
    for _ in range(2):
        world.clock.turn(INTERVAL)
        poll(checks)
    assert told(world, cluster) == [
        ("warning", f"The cluster is UNHEALTHY; it was HEALTHY: {machine}.Ready: False."),
        ("info", "The cluster is HEALTHY; it was UNHEALTHY: all is well."),
    ]


def test_a_cluster_that_does_not_answer_is_unhealthy(world):
    uuid = world.create(labels={"fake_faults": "unreachable:health:1"})
    world.settle()
    checks = conductor(world)
    poll(checks)
    assert world.cluster(uuid).health_status_reason == {"api": "The provider does not answer."}
    assert told(world, uuid) == [("warning", "The cluster is UNHEALTHY: api: The provider does not answer.")]
    world.clock.turn(INTERVAL)
    poll(checks)
    assert world.cluster(uuid).health_status == "HEALTHY"


def test_versions_are_read_from_the_cluster_and_written_when_they_differ(world, cluster):
    checks = conductor(world)
    poll(checks)
    before = world.cluster(cluster)
    master = next(node.name for node in world.nodes(cluster) if node.role == "master")
    world.cloud.mark(cluster, master, "version", "2.0-fake")
    world.clock.turn(INTERVAL)
    poll(checks)
    row = world.cluster(cluster)
    assert (before.coe_version, row.coe_version, row.container_version) == ("1.0-fake", "2.0-fake", "2.0-fake")
    generation = shown(world, cluster).generation
    world.clock.turn(INTERVAL)
    poll(checks)
    assert world.cluster(cluster) == row
    assert shown(world, cluster).generation == generation


def test_what_is_in_progress_or_has_no_address_is_left_alone(world, cluster):
    world.resize(cluster, 3)
    coming = world.create(name="coming")
    assert poll(conductor(world)) == [0]
    world.settle()
    world.database.write(lambda tx: clusters.update(tx, coming, api_address=None))
    assert poll(conductor(world)) == [1]


def lose(world, cluster, meanwhile):
    """Let something happen while the cluster is being asked."""
    checks = conductor(world)
    (look,) = checks.claim(8)
    break_machine(world, cluster)
    meanwhile()
    checks.check(look)


def test_a_cluster_that_is_being_deleted_or_gone_is_not_written(world, cluster):
    lose(world, cluster, lambda: world.delete(cluster))
    assert world.cluster(cluster).health_status is None
    world.settle(until=lambda: not world.exists(cluster))
    other = world.create()
    world.settle(until=lambda: world.exists(other) and world.cluster(other).status == "CREATE_COMPLETE")

    def remove():
        world.delete(other)
        world.settle()

    lose(world, other, remove)
    assert not world.exists(other)
    assert told(world, other) == []


def test_what_somebody_reported_meanwhile_stays(world, cluster):
    def report():
        core.update(world.core, None, world.cluster(cluster), OFFERS, health={"health_status": "HEALTHY"}, resize=None)

    lose(world, cluster, report)
    assert world.cluster(cluster).health_status == "HEALTHY"
    assert shown(world, cluster).health_observed_at is None
    world.clock.turn(10 * INTERVAL)
    assert shown(world, cluster).cluster.health_status == "HEALTHY"


def test_a_late_answer_does_not_undo_a_newer_one(world, cluster):
    slow, quick = conductor(world), conductor(world)
    (look,) = slow.claim(8)
    world.clock.turn(HEALTH_LIMIT)
    assert poll(quick) == [1]
    break_machine(world, cluster)
    slow.check(look)
    assert world.cluster(cluster).health_status == "HEALTHY"


def test_who_dies_over_a_cluster_leaves_it_to_another(world, cluster):
    assert len(conductor(world).claim(8)) == 1
    other = conductor(world)
    world.clock.turn(HEALTH_LIMIT - 1)
    assert poll(other) == [0]
    world.clock.turn(1)
    assert poll(other) == [1]


def test_what_reports_its_health_itself_is_not_asked(world):
    labels = {"auto_healing_enabled": "true", "auto_healing_controller": "magnum-auto-healer"}
    uuid = world.create(labels=labels)
    world.settle()
    assert poll(conductor(world)) == [1]
    assert world.cluster(uuid).health_status is None
    assert poll(conductor(world)) == [0]


@pytest.mark.parametrize("tells", [True, False])
def test_an_error_that_says_nothing_of_the_cluster_changes_nothing(world, cluster, monkeypatch, caplog, tells):
    def broken(_context):
        raise Retry(Code.SECRET_STORE, "The store does not answer.")

    poll(conductor(world))
    world.clock.turn(INTERVAL)
    monkeypatch.setattr(Drivers, "of", lambda *_: SimpleNamespace(**{"health": broken} if tells else {}))
    assert poll(conductor(world)) == [1]
    assert world.cluster(cluster).health_status == "HEALTHY"
    assert ("The store does not answer." in caplog.text) == tells


def test_what_was_seen_too_long_ago_reads_as_unknown(world, cluster):
    poll(conductor(world))
    seen_at = shown(world, cluster).health_observed_at
    world.clock.turn(3 * INTERVAL)
    assert shown(world, cluster).cluster.health_status == "HEALTHY"
    world.clock.turn(1)
    summary = shown(world, cluster)
    assert (summary.cluster.health_status, summary.health_observed_at) == ("UNKNOWN", seen_at)
    assert summary.cluster.health_status_reason == {
        "api": "The cluster has not been looked at since 2027-01-15T08:00:00+00:00; it was HEALTHY then."
    }
    poll(conductor(world))
    assert shown(world, cluster).cluster.health_status == "HEALTHY"


class Gate:
    """A driver whose answers about one cluster come when a test lets them."""

    def __init__(self, slow):
        self.slow = slow
        self.open = threading.Event()
        self.asked = threading.Semaphore(0)

    def health(self, context):
        if context.cluster.uuid == self.slow:
            assert self.open.wait(30)
        self.asked.release()
        return Health(HealthStatus.HEALTHY, {"api": "ok"})


def test_one_slow_cluster_does_not_stop_the_others(world, monkeypatch):
    uuids = [world.create(name=f"c{number}") for number in range(4)]
    world.settle()
    gate = Gate(uuids[0])
    monkeypatch.setattr(Drivers, "of", lambda *_: gate)
    services = world.services()
    poller = HealthPoller(services, Drivers(services.registry, services.driver_services), workers=2)
    poller.start()
    try:
        for _ in uuids[1:]:
            assert gate.asked.acquire(timeout=30)
        assert world.cluster(uuids[0]).health_status is None
        assert not poller.stop(0.0)
    finally:
        gate.open.set()
        assert poller.stop(30)
    assert {world.cluster(uuid).health_status for uuid in uuids} == {"HEALTHY"}


def test_threads_that_hang_are_not_counted_but_told(world, monkeypatch, caplog):
    """Beyond a bound nothing is begun any more."""
    uuids = [world.create(name=f"c{number}") for number in range(2)]
    world.settle()
    gate = Gate(uuids[0])
    monkeypatch.setattr(Drivers, "of", lambda *_: gate)
    services = world.services()
    poller = HealthPoller(services, Drivers(services.registry, services.driver_services), workers=1)
    try:
        poller._claim()
        assert poller._free_workers() == 0
        world.clock.turn(HEALTH_LIMIT + 1)
        assert poller._free_workers() == 1
        monkeypatch.setattr("magnum.conductor.health._STUCK_PER_WORKER", 1)
        with caplog.at_level(logging.ERROR):
            assert poller._free_workers() == 0
        assert "stuck" in caplog.text
    finally:
        gate.open.set()
        assert poller.stop(30)


@pytest.mark.parametrize(
    ("interval", "looks", "seconds"), [(None, True, 60), (-1, False, 60), (0, True, 1), (7, True, 7)]
)
def test_the_interval(interval, looks, seconds):
    options = Kubernetes(health_polling_interval=interval)
    assert (options.looks_at_health, options.health_seconds) == (looks, seconds)
