"""Policy files of operators: one of 2021 acts as it is written; and the programs that make and check such files."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from programs import COMMANDS, SECONDS

from magnum.api.policy import Policy, make_enforcer
from magnum.conf.trust import Trust
from magnum.model.requesters import Requester
from magnum.policies import list_rules

FILE_OF_2021 = Path(__file__).with_name("policy_2021.yaml")
CLUSTER = {"project_id": "fishers", "user_id": "amy", "trustee_user_id": "t1"}
OF_ANOTHER = CLUSTER | {"trustee_user_id": "t2"}

AMY = Requester(user_id="amy", project_id="fishers", roles=("anything",), user_domain_id="d1")
BOB = Requester(user_id="bob", project_id="fishers", roles=("anything",), user_domain_id="d1")
EVE = Requester(user_id="eve", project_id="others", roles=("anything",), user_domain_id="d1")
ROOT = Requester(user_id="root", project_id="operators", roles=("admin",), user_domain_id="d1")
TRUSTEE = Requester(user_id="t1", project_id=None, user_domain_id="trustees")


@pytest.fixture
def policy(world) -> Policy:
    world.use_policy_file(FILE_OF_2021)
    return Policy(make_enforcer(world.service.settings.oslo), Trust(trustee_domain_id="trustees"), clock=world.clock)


def allowed(policy: Policy, rule: str, target=CLUSTER) -> list[str]:
    people = {"amy": AMY, "bob": BOB, "eve": EVE, "root": ROOT, "trustee": TRUSTEE}
    return [name for name, who in people.items() if policy.allows(rule, policy.identify(who), target)]


@pytest.mark.parametrize(
    ("rules", "who"),
    [
        # No role is needed; only the lookup, which comes first, keeps other projects out.
        ("cluster:get cluster:create cluster:delete cluster:resize bay:get baymodel:update", "amy bob eve root"),
        ("clustertemplate:update clustertemplate:delete nodegroup:get certificate:rotate_ca", "amy bob root"),
        ("certificate:get certificate:create cluster:update_health_status", "amy root trustee"),
        ("cluster:get_all_all_projects quota:create magnum-service:get_all clustertemplate:publish", "root"),
    ],
)
def test_a_file_of_2021_acts_as_it_is_written(policy, rules, who):
    for rule in rules.split():
        assert allowed(policy, rule) == who.split(), rule


def test_the_trustee_of_another_cluster_has_no_certificate(policy):
    assert allowed(policy, "certificate:get", OF_ANOTHER) == ["amy", "root"]


def test_every_rule_of_2021_is_known():
    assert set(yaml.safe_load(FILE_OF_2021.read_text())) <= {rule.name for rule in list_rules()}


def test_a_trustee_is_told_by_the_name_of_its_domain_too(world):
    policy = Policy(
        make_enforcer(world.service.settings.oslo), Trust(trustee_domain_name="Trustees"), clock=world.clock
    )
    who = Requester(
        user_id="t1", user_name="c_fishers", project_id="fishers", roles=("reader",), user_domain_name="Trustees",
        user_domain_id="d9",
    )  # fmt: skip
    assert not policy.allows("cluster:get", who, CLUSTER)
    assert policy.scope(who).project_id == "fishers"


def test_nobodys_project_is_not_the_project_of_who_has_none(world):
    """As for rows of earlier releases without a project, and tokens that are scoped to a domain."""
    policy = Policy(make_enforcer(world.service.settings.oslo), Trust(), clock=world.clock)
    nobody = Requester(user_id="x", project_id=None, roles=("member", "reader"))
    assert not policy.allows("cluster:get", nobody, {"project_id": None, "user_id": None})
    assert not policy.allows("cluster:get_all", nobody)


def test_an_old_file_over_http(world):
    """With a file of 2021, a role that nobody has heard of will do."""
    world.use_policy_file(FILE_OF_2021)
    person = world.person("amy", "fishers", "anything")
    assert person.get("/clusters").status_code == 200
    person.make_template()
    person.make_cluster("swarm", name="web")
    assert world.person("eve", "others", "anything").get("/clusters/web").status_code == 404


def test_the_programs_of_oslo_policy(tmp_path):
    """A sample with everything, what an operator's file and our defaults come to, and what in it could as well go."""
    (tmp_path / "policy.yaml").write_text('"cluster:get": "role:seer"\n"quota:get_all": "rule:context_is_admin"\n')
    (tmp_path / "magnum.conf").write_text(f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n")
    named = ("--namespace", "magnum")
    commands = {
        "sample": ["oslopolicy-sample-generator", *named],
        "merged": ["oslopolicy-policy-generator", *named, "--config-file", str(tmp_path / "magnum.conf")],
        "redundant": ["oslopolicy-list-redundant", *named, "--config-file", str(tmp_path / "magnum.conf")],
    }
    running = {
        name: subprocess.Popen(
            [COMMANDS / command[0], *command[1:]],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"HOME": str(tmp_path)},
        )
        for name, command in commands.items()
    }
    said = {name: process.communicate(timeout=SECONDS)[0] for name, process in running.items()}
    assert {process.returncode for process in running.values()} == {0}
    for rule in list_rules():
        assert f'"{rule.name}"' in said["sample"]
        assert f'"{rule.name}"' in said["merged"]
    assert '"cluster:get": "role:seer"' in said["merged"]
    assert "quota:get_all" in said["redundant"]
    assert "cluster:get" not in said["redundant"]
