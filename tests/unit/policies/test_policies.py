"""Who may do what by default, and what an operator's file changes."""

from pathlib import Path

import pytest
import yaml
from oslo_config import cfg
from oslo_policy import generator, policy

from magnum.policies import list_rules

TARGET = {"project_id": "p1", "user_id": "u1"}
ADMIN = {"project_id": "p9", "user_id": "u9", "roles": ["admin"], "is_admin": True}
OWNER = {"project_id": "p1", "user_id": "u1", "roles": ["member", "reader"], "is_admin": False}
COLLEAGUE = OWNER | {"user_id": "u2"}
READER = OWNER | {"roles": ["reader"]}
STRANGER = OWNER | {"project_id": "p2", "user_id": "u3"}
NOBODY = OWNER | {"roles": ["other"]}


def enforcer(tmp_path: Path, rules: dict[str, str] | None = None, **options: bool) -> policy.Enforcer:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(rules or {}))
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    made = policy.Enforcer(conf, policy_file=str(file))
    made.suppress_deprecation_warnings = True
    for name, value in options.items():
        conf.set_override(name, value, group="oslo_policy")
    made.register_defaults(list_rules())
    return made


def test_names_are_unique_and_every_rule_of_a_resource_says_where_it_holds():
    rules = list_rules()
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        if ":" in rule.name:
            assert rule.description
            assert rule.operations


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ("cluster:create", [ADMIN, OWNER, COLLEAGUE]),
        ("cluster:get", [ADMIN, OWNER, COLLEAGUE, READER]),
        ("cluster:get_one_all_projects", [ADMIN]),
        ("cluster:get_events", [ADMIN, OWNER, COLLEAGUE, READER]),
        ("cluster:get_operations", [ADMIN, OWNER, COLLEAGUE, READER]),
        ("cluster:plan", [ADMIN, OWNER, COLLEAGUE, READER]),
        ("cluster:retry", [ADMIN, OWNER, COLLEAGUE]),
        ("cluster:update_health_status", [ADMIN, OWNER]),
        ("clustertemplate:update", [ADMIN, OWNER, COLLEAGUE]),
        ("clustertemplate:publish", [ADMIN]),
        ("certificate:get", [ADMIN, OWNER, READER]),
        ("certificate:create", [ADMIN, OWNER]),
        ("certificate:rotate_ca", [ADMIN, OWNER, COLLEAGUE]),
        ("credential:rotate", [OWNER, COLLEAGUE]),
        ("nodegroup:get_all", [ADMIN, OWNER, COLLEAGUE, READER]),
        ("quota:get", [ADMIN, OWNER, COLLEAGUE, READER]),
        ("quota:update", [ADMIN]),
        ("magnum-service:get_all", [ADMIN]),
        ("stats:get_all", [ADMIN, OWNER, COLLEAGUE, READER]),
    ],
)
def test_who_is_allowed_by_default(tmp_path, rule, allowed):
    asked = enforcer(tmp_path)
    everybody = [ADMIN, OWNER, COLLEAGUE, READER, STRANGER, NOBODY]
    assert [who for who in everybody if asked.enforce(rule, TARGET, who)] == allowed


def test_older_defaults_pass_too_while_new_ones_are_not_enforced(tmp_path):
    assert not enforcer(tmp_path).enforce("cluster:get", TARGET, NOBODY)
    assert enforcer(tmp_path, enforce_new_defaults=False).enforce("cluster:get", TARGET, NOBODY)


def test_a_policy_file_of_an_earlier_release_acts_as_written(tmp_path):
    asked = enforcer(
        tmp_path,
        {
            "cluster:get": "rule:admin_or_owner",
            "cluster:delete": "rule:admin_api",
            "certificate:get": "rule:admin_or_user or rule:cluster_user",
            "bay:get": "rule:deny_cluster_user",
        },
    )
    assert asked.enforce("cluster:get", TARGET, NOBODY)
    assert not asked.enforce("cluster:delete", TARGET, OWNER)
    assert asked.enforce("cluster:delete", TARGET, ADMIN)
    trustee = {"user_id": "t1", "project_id": None, "roles": [], "is_admin": False}
    assert asked.enforce("certificate:get", TARGET | {"trustee_user_id": "t1"}, trustee)
    assert not asked.enforce("certificate:get", TARGET | {"trustee_user_id": "t2"}, trustee)


def test_users_of_the_trustee_domain_are_kept_out(tmp_path):
    asked = enforcer(tmp_path)
    target = TARGET | {"trustee_domain_id": "d7"}
    assert asked.enforce("cluster:get", target, OWNER | {"user_domain_id": "default"})
    assert not asked.enforce("cluster:get", target, OWNER | {"user_domain_id": "d7"})


def test_the_sample_names_every_rule(tmp_path):
    sample = tmp_path / "policy.yaml.sample"
    generator.generate_sample(["--namespace", "magnum", "--output-file", str(sample)], conf=cfg.ConfigOpts())
    text = sample.read_text()
    for rule in list_rules():
        assert f'"{rule.name}": ' in text
