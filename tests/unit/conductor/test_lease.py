"""How long a claim is surely ours, and when it is renewed."""

import pytest
from simulation import SECOND

from magnum.conductor.lease import Lease, StepOverdue
from magnum.db import operations
from magnum.db.errors import LeaseLost


@pytest.fixture
def lease(world):
    world.create()
    services = world.services()
    (claim,) = world.conductor().worker.claim(lambda: "me", 1)
    return Lease(services, claim)


def lease_until(world, lease):
    state = world.database.read(lambda tx: operations.lock(tx, lease.claim.operation.cluster_uuid))
    return (state.lease_until - world.clock.now()) / SECOND


def test_it_ends_for_its_owner_before_it_ends_for_others(world, lease):
    assert lease.remaining() == 8.0
    world.clock.turn(9)
    assert lease.remaining() < 0 < lease_until(world, lease)


def test_it_is_renewed_while_a_step_runs(world, lease):
    lease.begin_step(60)
    world.clock.turn(3)
    lease.keep()
    assert (lease.remaining(), lease_until(world, lease)) == (8.0, 10.0)


def test_it_is_not_renewed_beyond_the_time_limit_of_the_step(world, lease):
    lease.begin_step(4)
    world.clock.turn(5)
    lease.keep()
    assert lease.overdue
    assert lease_until(world, lease) == 5.0


def test_a_long_call_gets_a_long_lease_and_a_renewal_does_not_shorten_it(world, lease):
    lease.begin_step(60)
    lease.outlast(30)
    assert lease.remaining() >= 30
    world.clock.turn(3)
    lease.keep()
    assert lease_until(world, lease) == 31.0


def test_nothing_is_written_when_it_lasts_long_enough(world, lease):
    lease.begin_step(60)
    world.clock.turn(2)
    lease.outlast(5)
    assert lease_until(world, lease) == 8.0


def test_a_call_is_not_begun_when_the_step_is_overdue(world, lease):
    lease.begin_step(4)
    world.clock.turn(5)
    with pytest.raises(StepOverdue):
        lease.outlast(1)


def test_a_step_that_is_cut_short_begins_no_other_call(lease):
    lease.begin_step(60)
    lease.cut_short()
    lease._clock.turn(0.1)
    with pytest.raises(StepOverdue):
        lease.outlast(1)


def test_once_lost_it_stays_lost_and_is_not_asked_for_again(world, lease):
    world.clock.turn(11)
    (other,) = world.conductor().worker.claim(lambda: "other", 1)
    lease.begin_step(60)
    with pytest.raises(LeaseLost):
        lease.keep()
    lease.keep()
    with pytest.raises(LeaseLost):
        lease.write(lambda _: None)
    assert other.epoch > lease.claim.epoch
