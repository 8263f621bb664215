"""The rules that other rules are made of, and how a rule of a resource is written.

Rules from before the reader and member roles (`admin_api`, `admin_or_owner`, …) stay, because policy files use them.
`*_cluster_user` is about the Keystone users that clusters of earlier releases have of their own: they are kept from
everything but their cluster's certificates and health. For a target without `trustee_domain_id` nobody is one.

To policy files `domain_id` is the domain of the user, as it was when they were written; oslo.policy takes credentials
with a `domain_id` for those of a token that is scoped to a domain. So it is a check of its own, `UserDomainCheck`.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

from oslo_policy import policy


@policy.register("domain_id")
class UserDomainCheck(policy.Check):
    def __call__(
        self, target: Mapping[str, Any], creds: MutableMapping[str, Any], _enforcer: Any, _current_rule: Any = None
    ) -> bool:
        try:
            return bool(creds.get("user_domain_id") == self.match % target)
        except KeyError:
            return False


ADMIN = "rule:context_is_admin"
READER = "rule:admin_or_project_reader"
MEMBER = "rule:admin_or_project_member"
READER_NOT_CLUSTER = "rule:admin_or_project_reader_deny_cluster_user"
MEMBER_NOT_CLUSTER = "rule:admin_or_project_member_deny_cluster_user"

OLD_ANYBODY = "rule:deny_cluster_user"
OLD_OWNER = "rule:admin_or_owner"
OLD_USER = "rule:admin_or_user or rule:cluster_user"

_BASE = {
    "context_is_admin": "role:admin",
    "admin_api": "rule:context_is_admin",
    "admin_or_owner": "is_admin:True or project_id:%(project_id)s",
    "admin_or_user": "is_admin:True or user_id:%(user_id)s",
    "is_user": "user_id:%(user_id)s",
    "cluster_user": "user_id:%(trustee_user_id)s",
    "deny_cluster_user": "not user_domain_id:%(trustee_domain_id)s",
    "project_member": "role:member and project_id:%(project_id)s",
    "project_reader": "role:reader and project_id:%(project_id)s",
    "user_or_cluster_user": "rule:is_user or rule:cluster_user",
    "project_member_deny_cluster_user": "rule:project_member and rule:deny_cluster_user",
    "project_reader_deny_cluster_user": "rule:project_reader and rule:deny_cluster_user",
    "admin_or_project_reader": "rule:context_is_admin or rule:project_reader",
    "admin_or_project_member": "rule:context_is_admin or rule:project_member",
    "admin_or_project_member_user": "rule:context_is_admin or (rule:project_member and rule:is_user)",
    "admin_or_project_reader_user": "rule:context_is_admin or (rule:project_reader and rule:is_user)",
    "admin_or_user_or_cluster_user": "rule:context_is_admin or rule:user_or_cluster_user",
    "admin_or_project_member_cluster_user": "rule:context_is_admin or (rule:project_member and rule:cluster_user)",
    "admin_or_project_member_user_or_cluster_user": (
        "rule:context_is_admin or (rule:project_member and rule:user_or_cluster_user)"
    ),
    "admin_or_project_member_deny_cluster_user": "rule:context_is_admin or rule:project_member_deny_cluster_user",
    "admin_or_project_reader_deny_cluster_user": "rule:context_is_admin or rule:project_reader_deny_cluster_user",
}

RULES = [policy.RuleDefault(name, check) for name, check in _BASE.items()]


def rule(
    name: str, check: str, description: str, *operations: str, old: str | None = None
) -> policy.DocumentedRuleDefault:
    """Make a rule for operations such as `GET /v1/clusters`. `old` is its default before reader and member roles.

    Rules for administrators hold for tokens of any scope, the others for tokens of a project.
    """
    deprecated = None
    if old is not None:
        deprecated = policy.DeprecatedRule(
            name,
            old,
            deprecated_reason="The defaults now ask for the roles reader and member.",
            deprecated_since="17.0.0",
        )
    return policy.DocumentedRuleDefault(
        name,
        check,
        description,
        [{"method": method, "path": path} for method, path in (operation.split(" ", 1) for operation in operations)],
        scope_types=None if check == ADMIN else ["project"],
        deprecated_rule=deprecated,
    )
