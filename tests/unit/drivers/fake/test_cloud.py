"""The simulated provider: what exists, when, and what its callers hear."""

import threading

import pytest
from simulation import SECOND, TurnedClock

from magnum.drivers.fake.behaviour import Call, read_behaviour
from magnum.drivers.fake.cloud import MACHINE, Cloud, Provider, QuotaError, RefusedError, UnreachableError


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "cloud.sqlite"


@pytest.fixture
def cloud(path, clock):
    cloud = Cloud(path, clock)
    yield cloud
    cloud.close()


def make(cloud, clock, name="m1", *, cluster="c", after=0.0, ready_in=0.0, broken=None):
    at = clock.now() + round(after * SECOND)
    cloud.create(cluster, MACHINE, name, at=at, ready_in=ready_in, broken=broken)


def names(cloud, cluster="c"):
    return [thing.name for thing in cloud.things(cluster)]


class TestCloud:
    def test_nothing_is_on_disk_before_it_is_needed(self, cloud, path):
        assert not path.parent.exists()
        assert cloud.things("c") == []
        assert path.exists()

    def test_a_name_exists_once_per_cluster(self, cloud, clock):
        make(cloud, clock)
        first = cloud.find("c", MACHINE, "m1")
        make(cloud, clock)
        make(cloud, clock, cluster="d")
        assert cloud.things("c") == [first]
        assert cloud.history("c") == [("made", MACHINE, "m1")]

    def test_what_comes_late_comes_then_unless_its_name_is_taken(self, cloud, clock):
        make(cloud, clock, after=10)
        make(cloud, clock, "m2", after=10)
        assert names(cloud) == []
        make(cloud, clock)
        clock.turn(10)
        assert names(cloud) == ["m1", "m2"]
        assert cloud.history("c") == [("made", MACHINE, "m1"), ("made", MACHINE, "m2")]

    def test_what_is_deleted_goes_at_its_time(self, cloud, clock):
        make(cloud, clock)
        cloud.delete("c", MACHINE, "m1", at=clock.now() + 5 * SECOND)
        cloud.delete("c", MACHINE, "m1", at=clock.now() + 9 * SECOND)
        assert cloud.find("c", MACHINE, "m1").gone_at == clock.now() + 5 * SECOND
        clock.turn(5)
        assert names(cloud) == []
        assert cloud.history("c")[-1] == ("gone", MACHINE, "m1")

    def test_machines_have_addresses_of_their_own(self, cloud, clock):
        for number in range(300):
            make(cloud, clock, f"m{number}")
        addresses = {thing.address for thing in cloud.things("c")}
        assert len(addresses) == 300
        assert all(address.startswith("198.18.") for address in addresses)

    def test_members_are_known(self, cloud, clock):
        make(cloud, clock, ready_in=3, broken=("docker", "no space"))
        cloud.set_member("c", "m1", member=True)
        machine = cloud.find("c", MACHINE, "m1")
        assert (machine.member, machine.broken_step, machine.ready_at) == (True, "docker", clock.now() + 3 * SECOND)

    def test_it_is_one_cloud_for_all_who_open_it(self, cloud, clock, path):
        other = Cloud(path, clock)
        make(cloud, clock)
        assert names(other) == ["m1"]
        assert (cloud.count_call("c", "join"), other.count_call("c", "join")) == (1, 2)
        other.close()
        assert names(other) == ["m1"], "it opens again when it is needed"
        other.close()

    def test_many_threads_may_use_it(self, cloud, clock):
        threads = [
            threading.Thread(target=lambda: [make(cloud, clock, f"m{number}") for number in range(20)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cloud.history("c")) == 20


class TestProvider:
    @pytest.fixture
    def call(self, cloud, clock):
        provider = Provider(cloud, clock, sleep=clock.turn)

        def call(faults, name="m1", call=Call.CREATE_MACHINE):
            behaviour = read_behaviour({"create_machine": 2.0}, (), {"fake_faults": faults})
            return provider.call("c", call, behaviour, lambda at: make_at(cloud, name, at))

        return call

    def test_a_call_takes_its_time_and_is_carried_out(self, cloud, clock, call):
        call("")
        assert (names(cloud), clock.elapsed) == (["m1"], 2.0)

    def test_one_that_is_not_reachable_does_nothing(self, cloud, call):
        with pytest.raises(UnreachableError):
            call("unreachable:create_machine")
        assert names(cloud) == []
        call("unreachable:create_machine")
        assert names(cloud) == ["m1"]

    def test_one_whose_answer_is_lost_has_been_carried_out(self, cloud, call):
        with pytest.raises(UnreachableError):
            call("lost-answer:create_machine")
        assert names(cloud) == ["m1"]

    def test_one_that_is_late_is_carried_out_when_its_caller_has_given_up(self, cloud, clock, call):
        with pytest.raises(UnreachableError):
            call("late:create_machine:30")
        assert names(cloud) == []
        clock.turn(30)
        assert names(cloud) == ["m1"]

    def test_one_that_is_refused_is_refused_with_its_text(self, cloud, call):
        with pytest.raises(RefusedError, match="not on a Sunday"):
            call("refuse:create_machine:not on a Sunday")
        assert names(cloud) == []

    def test_there_is_room_for_so_many_machines_and_no_more(self, cloud, call):
        call("quota:1")
        with pytest.raises(QuotaError, match="1 of 1 are in use"):
            call("quota:1", "m2")
        call("quota:1", "m3", Call.CREATE_NETWORK)
        assert names(cloud) == ["m1", "m3"]


def make_at(cloud, name, at):
    cloud.create("c", MACHINE, name, at=at, ready_in=0.0, broken=None)
