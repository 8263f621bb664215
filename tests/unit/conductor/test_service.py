"""The conductor with its real threads, on real time, with a provider that takes none."""

import dataclasses
import threading
import time

import pytest
from cryptography import x509
from simulation import KEYRING, SECOND, FakeRegistry, World, make_csr

from magnum.certificates.encryption import Keyring, MissingKeyError
from magnum.conductor.operations import certificates
from magnum.conductor.secrets import check_keys
from magnum.conductor.service import Conductor
from magnum.conf.conductor import Conductor as ConductorSettings
from magnum.core import certificates as core_certificates
from magnum.db import operations, services
from magnum.drivers.base import Step
from magnum.drivers.fake.driver import FakeDriver
from magnum.model.clocks import SystemClock
from magnum.model.outcomes import Done
from magnum.model.signing import CaType
from magnum.model.statuses import Status

PATIENCE = 20.0


@pytest.fixture
def make_world(tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "STORE_TIMEOUT", 0.1)  # a call that may take longer than the lease prolongs it
    made = []

    def make(**options):
        settings = {"workers": 2, "lease_seconds": 0.5, "renew_seconds": 0.05, "quiet_period": 0.0} | options
        world = World(
            tmp_path,
            clock=SystemClock(),
            registry=FakeRegistry(sleep=time.sleep, call_timeout=0.1),
            conductor=ConductorSettings(**settings),
        )
        conductor = Conductor(world.services())
        world.core = dataclasses.replace(world.core, wake=conductor.wake, sign_wake=conductor.wake_signing)
        made.append((world, conductor))
        return world, conductor

    yield make
    for world, conductor in made:
        conductor.stop(PATIENCE)
        world.close()


def wait_for(condition):
    patience = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < patience, "it takes too long"
        threading.Event().wait(0.005)


def status(world, cluster):
    return world.cluster(cluster).status


class Gate:
    """A step that stays inside until it is let out, and does not hear of anything meanwhile."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.out = threading.Event()

    def step(self, _context):
        self.entered.release()
        assert self.out.wait(PATIENCE)
        return Done()


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    monkeypatch.setattr(FakeDriver, "_network", gate.step)
    yield gate
    gate.out.set()


def test_it_does_the_work_it_is_woken_for_at_once(make_world):
    """Polling alone would take a minute here."""
    world, conductor = make_world(poll_milliseconds=60_000)
    conductor.start()
    cluster = world.create(nodes=2)
    wait_for(lambda: status(world, cluster) == Status.CREATE_COMPLETE)
    world.delete(cluster)
    wait_for(lambda: not world.exists(cluster))
    wait_for(lambda: world.operations(cluster) == [])
    assert conductor.stop(PATIENCE)


def test_it_finds_work_by_itself(make_world):
    world, conductor = make_world(poll_milliseconds=10)
    world.core = dataclasses.replace(world.core, wake=lambda: None)
    conductor.start()
    cluster = world.create()
    wait_for(lambda: status(world, cluster) == Status.CREATE_COMPLETE)


def test_what_waits_is_run_when_it_is_due(make_world):
    world, conductor = make_world(poll_milliseconds=60_000)
    conductor.start()
    cluster = world.create(labels={"fake_latencies": "boot:0.2"})
    wait_for(lambda: status(world, cluster) == Status.CREATE_COMPLETE)


def test_a_worker_that_is_free_takes_what_has_waited_for_it(make_world, monkeypatch):
    """There is one worker, and nothing but its own return can tell that there is more to do."""
    monkeypatch.setattr("magnum.drivers.fake.reading._LONGEST_WAIT", 3600.0)
    world, conductor = make_world(workers=1, poll_milliseconds=3_600_000)
    slow = world.create(name="slow", labels={"fake_latencies": "boot:3600"})
    quick = world.create(name="quick")
    conductor.start()
    wait_for(lambda: status(world, quick) == Status.CREATE_COMPLETE)
    assert status(world, slow) == Status.CREATE_IN_PROGRESS


def test_it_signs_within_the_patience_of_a_request(make_world, key):
    world, conductor = make_world(poll_milliseconds=60_000)
    conductor.start()
    cluster = world.create(nodes=0)
    wait_for(lambda: status(world, cluster) == Status.CREATE_COMPLETE)
    pem = core_certificates.request_signature(world.core, world.cluster(cluster), make_csr(key), CaType.KUBERNETES)
    assert x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string() == "CN=admin"


def test_it_reports_that_it_lives(make_world):
    world, conductor = make_world()
    conductor.start()
    wait_for(lambda: world.database.read(services.list_all))
    (record,) = world.database.read(services.list_all)
    assert (record.host, record.binary) == ("here", "magnum-conductor")
    assert record.report_count >= 1


def test_it_refuses_to_start_without_the_key_of_the_database(make_world):
    world, _ = make_world()
    check_keys(world.database, KEYRING)
    running = threading.active_count()
    keyless = Conductor(dataclasses.replace(world.services(), keyring=Keyring([b"x" * 32])))
    with pytest.raises(MissingKeyError):
        keyless.start()
    assert keyless.stop(0)
    assert threading.active_count() == running


def test_a_lease_is_renewed_while_a_step_takes_its_time(make_world, gate):
    world, conductor = make_world()
    conductor.start()
    cluster = world.create()
    assert gate.entered.acquire(timeout=PATIENCE)
    first = lease_until(world, cluster)
    wait_for(lambda: lease_until(world, cluster) > first)
    gate.out.set()
    wait_for(lambda: status(world, cluster) == Status.CREATE_COMPLETE)


def lease_until(world, cluster):
    return world.database.read(lambda tx: operations.lock(tx, cluster)).lease_until


def test_a_clean_stop_lets_the_step_end_and_gives_the_operation_back(make_world, gate):
    world, conductor = make_world()
    conductor.start()
    cluster = world.create()
    assert gate.entered.acquire(timeout=PATIENCE)
    assert not conductor.stop(0.01), "the step is still running"
    gate.out.set()
    assert conductor.stop(PATIENCE)
    state = world.database.read(lambda tx: operations.lock(tx, cluster))
    assert state.owner is None
    (operation,) = world.operations(cluster)
    assert (operation.step, operation.next_attempt <= world.clock.now()) == ("machines", True)
    world.create()
    assert world.database.read(operations.next_due) <= world.clock.now(), "nothing is claimed any more"


def test_a_stop_does_not_wait_for_all_that_a_long_step_has_to_do(make_world):
    world, conductor = make_world()
    conductor.start()
    cluster = world.create(nodes=200, labels={"fake_latencies": "create_machine:0.05"})
    wait_for(lambda: world.machines(cluster))
    assert conductor.stop(PATIENCE)
    assert len(world.machines(cluster)) < 100
    (operation,) = world.operations(cluster)
    assert (operation.step, operation.next_attempt <= world.clock.now() + SECOND) == ("machines", True)
    assert world.database.read(lambda tx: operations.lock(tx, cluster)).owner is None


def test_threads_that_are_stuck_do_not_keep_others_from_their_work(make_world, gate, monkeypatch):
    """Both workers hang beyond their step's time limit; a third cluster is made all the same."""
    original = FakeDriver.create_steps

    def short(driver, context):
        steps = original(driver, context)
        return tuple(Step(step.name, step.run, 0.2) for step in steps)

    monkeypatch.setattr(FakeDriver, "create_steps", short)
    world, conductor = make_world(poll_milliseconds=20)
    conductor.start()
    stuck = [world.create(name=f"stuck-{number}") for number in range(2)]
    for _ in stuck:
        assert gate.entered.acquire(timeout=PATIENCE)
    monkeypatch.setattr(FakeDriver, "_network", lambda *_: Done())
    monkeypatch.setattr(FakeDriver, "_ready", lambda *_: Done())
    third = world.create(name="third", nodes=0)
    wait_for(lambda: status(world, third) == Status.CREATE_COMPLETE)
    wait_for(lambda: all(status(world, cluster) == Status.CREATE_COMPLETE for cluster in stuck))
    gate.out.set()


def test_it_looks_at_the_health_of_clusters(make_world):
    world, conductor = make_world()
    conductor.start()
    cluster = world.create()
    world.core.wake()
    wait_for(lambda: status(world, cluster) == Status.CREATE_COMPLETE)
    conductor._health._loop.wake()
    wait_for(lambda: world.cluster(cluster).health_status == "HEALTHY")
    assert conductor.stop(PATIENCE)
