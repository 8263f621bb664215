"""How latencies and faults are written, and what of it is refused."""

import pytest

from magnum.conf.settings import Settings
from magnum.drivers.base import ClusterRequest
from magnum.drivers.fake.behaviour import Behaviour, Call, FaultKind, read_behaviour
from magnum.drivers.fake.spec import SPEC
from magnum.model.clustertemplates import ClusterTemplate


def read(faults="", latencies="", *, own_latencies=None, own_faults=()):
    labels = {"fake_faults": faults, "fake_latencies": latencies}
    return read_behaviour(own_latencies or {}, own_faults, labels)


def test_nothing_written_is_a_perfect_provider():
    assert read_behaviour({}, (), {}) == Behaviour()


def test_a_label_adds_to_the_section_and_wins_over_it():
    behaviour = read(
        "quota:3", "boot:2, join:0.5", own_latencies={"boot": 9.0, "vanish": 1.0}, own_faults=("refuse:join:no",)
    )
    assert behaviour.latencies == {"boot": 2.0, "vanish": 1.0, "join": 0.5}
    assert [fault.kind for fault in behaviour.faults] == [FaultKind.QUOTA, FaultKind.REFUSE]


def test_texts_may_hold_what_separates_nothing():
    assert read("refuse:join:no, never: again").fault(Call.JOIN, 1).argument == "no, never: again"


def test_faults_strike_as_often_as_they_are_told():
    behaviour = read("unreachable:create_machine:2;lost-answer:join;late:leave:5;refuse:delete_network:no")
    strikes = {call: [bool(behaviour.fault(call, count)) for count in (1, 2, 3)] for call in Call}
    assert strikes == {
        Call.CREATE_NETWORK: [False] * 3,
        Call.CREATE_MACHINE: [True, True, False],
        Call.JOIN: [True, False, False],
        Call.LEAVE: [True, False, False],
        Call.DELETE_MACHINE: [False] * 3,
        Call.DELETE_NETWORK: [True] * 3,
        **dict.fromkeys((Call.LABEL, Call.UPGRADE, Call.TRUST, Call.RENEW, Call.DROP, Call.HEALTH), [False] * 3),
    }


def test_a_star_is_any_call():
    behaviour = read("unreachable:*:1")
    assert all(behaviour.fault(call, 1) for call in Call)


def test_a_machine_breaks_where_it_is_told_to():
    behaviour = read("break:docker@worker-1:no space left; break:join@master-2")
    assert behaviour.broken_step("web-abc-worker-1") == ("docker", "no space left")
    assert behaviour.broken_step("web-abc-master-2") == ("join", "exit status 1")
    assert behaviour.broken_step("web-abc-worker-11") is None


def test_a_machine_dies_where_it_is_told_to():
    behaviour = read("die:worker-1")
    assert behaviour.is_dead("web-abc-worker-1")
    assert not behaviour.is_dead("web-abc-worker-11")


def test_the_smallest_quota_holds():
    assert read("quota:3;quota:1").quota == 1


WRONG = [
    ("explode:join", "'explode' is no fault; known are unreachable,"),
    ("unreachable:fly:1", "is not of the form unreachable:CALL:TIMES; calls are create_network,"),
    ("lost-answer:join:often", "is not of the form lost-answer:CALL:TIMES"),
    ("late:join:soon", "'soon' is no number of seconds"),
    ("late:join:nan", "'nan' is no number of seconds"),
    ("die:", "is not of the form die:NODE"),
    ("quota:-1", "is not of the form quota:MACHINES"),
    ("break:docker", "is not of the form break:STEP@NODE:TEXT"),
]


@pytest.mark.parametrize(("faults", "sentence"), WRONG)
def test_what_cannot_be_meant_is_refused_with_the_form_that_can(faults, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(faults)


@pytest.mark.parametrize("latency", ["sleep:1", "boot:-1", "boot:5000", "boot:long", "boot"])
def test_a_time_must_be_one_that_is_taken(latency):
    with pytest.raises(ValueError, match=r"takes no time|no number of seconds from 0 to 3600"):
        read(latencies=latency)


def problems(labels):
    template = ClusterTemplate(
        uuid="t", name=None, project_id=None, user_id=None, coe="mesos", image_id=None, cluster_distro="fake"
    )
    request = ClusterRequest(template=template, labels=labels, master_count=1, node_count=1, master_lb_enabled=False)
    return [(problem.field, problem.text) for problem in SPEC.problems(request)]


def test_the_api_is_told_of_both_labels_at_once():
    assert problems({}) == []
    found = problems({"fake_faults": "explode", "fake_latencies": "boot:long"})
    assert [field for field, _ in found] == ["labels/fake_latencies", "labels/fake_faults"]


def test_every_coe_is_provided_on_machines_of_both_kinds():
    assert len(SPEC.provides) == 10
    assert {kind.os for kind in SPEC.provides} == {"fake"}
    assert Settings().fake.latencies == {}
