"""Who may do what: how rules are asked. What they say by default is in tests/unit/policies."""

import sys

import msgspec
import pytest
import yaml
from oslo_config import cfg

from magnum.api.policy import LOOK_SECONDS, Policy, get_enforcer, make_enforcer
from magnum.conf.trust import Trust
from magnum.core.errors import Forbidden
from magnum.model.requesters import Requester

ANN = Requester(user_id="ann", project_id="fishers", roles=("member", "reader"))
OWNERS = (("ann", "blue"), ("eve", "blue"), ("eve", "red"))
ROOT = Requester(user_id="root", project_id="operators", roles=("admin",))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "policy.yaml"


class TurnedClock:
    seconds = 0.0

    def now(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def policy(file, tmp_path, clock):
    file.write_text("{}")
    config = tmp_path / "magnum.conf"
    config.write_text(f"[oslo_policy]\npolicy_file = {file}\n")
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(config)], default_config_dirs=[])
    return Policy(make_enforcer(conf), Trust(), clock=clock)


def test_who_is_an_administrator_is_a_rule(policy):
    assert not policy.identify(ANN).is_admin
    assert policy.identify(ROOT).is_admin


def test_a_flag_that_a_requester_brings_is_not_believed(policy):
    liar = Requester(user_id="eve", project_id="others", roles=("reader",), is_admin=True)
    assert not policy.identify(liar).is_admin


def test_a_failing_rule_is_named(policy):
    policy.require("cluster:create", ANN)
    with pytest.raises(Forbidden, match="cluster:delete"):
        policy.require("cluster:delete", ANN, {"project_id": "others", "user_id": "eve"})


def test_an_operators_file_counts_within_a_second(policy, file, clock):
    assert policy.allows("cluster:create", ANN)
    file.write_text(yaml.safe_dump({"cluster:create": "role:builder", "context_is_admin": "user_id:ann"}))
    assert policy.allows("cluster:create", ANN)
    clock.seconds = LOOK_SECONDS
    assert not policy.allows("cluster:create", ANN)
    assert policy.identify(ANN).is_admin


def test_a_decision_is_remembered_for_the_same_question_only(policy, file, monkeypatch):
    file.write_text(yaml.safe_dump({"cluster:get": "user_id:%(user_id)s or 'red':%(name)s"}))
    mine, hers, red = ({"project_id": "fishers", "user_id": user, "name": name} for user, name in OWNERS)
    assert [policy.allows("cluster:get", ANN, target) for target in (mine, hers, red)] == [True, False, True]
    asked = []
    monkeypatch.setattr(policy._enforcer, "enforce", lambda *question: asked.append(question))
    other_request = msgspec.structs.replace(ANN, request_id="req-2")
    assert [policy.allows("cluster:get", other_request, target) for target in (mine, hers, red)] == [True, False, True]
    assert asked == []
    for question in (("cluster:get", ROOT, mine), ("cluster:delete", ANN, mine)):
        policy.allows(*question)
    assert len(asked) == 2


def test_another_service_is_asked_every_time(policy, file, monkeypatch):
    file.write_text(yaml.safe_dump({"cluster:get": "http://judge/%(uuid)s"}))
    answers = iter([True, False])
    monkeypatch.setattr(policy._enforcer, "enforce", lambda *_: next(answers))
    assert [policy.allows("cluster:get", ANN, {"uuid": "1"}) for _ in range(2)] == [True, False]


def test_a_rule_that_does_not_exist_fails(policy):
    assert not policy.allows("cluster:dance", ROOT)


def test_a_token_of_the_whole_system_is_no_token_of_a_project(policy):
    system = Requester(user_id="ann", project_id=None, roles=("member", "reader"), system_scope="all")
    with pytest.raises(Forbidden, match=r"cluster:get_all and a token of a project, and yours is of the whole system"):
        policy.require("cluster:get_all", system)
    with pytest.raises(Forbidden, match=r"policy rule quota:create\.$"):
        policy.require("quota:create", system)


@pytest.mark.parametrize(("scope", "text"), [({"domain_id": "d1"}, "of a domain"), ({}, "of none")])
def test_nor_is_one_of_a_domain_or_of_nothing(policy, scope, text):
    with pytest.raises(Forbidden, match=f"yours is {text}"):
        policy.require("cluster:get_all", Requester(user_id="ann", project_id=None, roles=("reader",), **scope))


def test_the_command_line_finds_the_rules(monkeypatch, tmp_path):
    config = tmp_path / "magnum.conf"
    config.write_text("[oslo_policy]\npolicy_file = mine.yaml\n")
    arguments = ["oslopolicy-list-redundant", "--namespace", "magnum", f"--config-file={config}", "--output-file", "x"]
    monkeypatch.setattr(sys, "argv", arguments)
    enforcer = get_enforcer()
    assert "cluster:create" in enforcer.registered_rules
    assert enforcer.policy_file == "mine.yaml"
