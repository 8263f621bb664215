"""Policy: ask oslo.policy whether a requester may do what it asks for. The rules are in `magnum.policies`.

Who is an administrator is itself a rule (`context_is_admin`), never a header. What a requester cannot see is "not
found" before any rule about it is asked, so nobody learns whether another project's object exists.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from oslo_config import cfg
from oslo_policy import policy

from magnum.conf.settings import load_settings
from magnum.conf.trust import Trust
from magnum.core.errors import Forbidden
from magnum.model.requesters import Requester, Scope
from magnum.policies import list_rules

_CONFIG_OPTIONS = ("--config-file", "--config-dir")


class Policy:
    def __init__(self, enforcer: policy.Enforcer, trust: Trust) -> None:
        self._enforcer = enforcer
        self._trust = trust

    def identify(self, requester: Requester) -> Requester:
        """Say whether the requester is an administrator."""
        credentials = _credentials(requester) | {"is_admin": False}
        return msgspec.structs.replace(requester, is_admin=self._allows("context_is_admin", {}, credentials))

    def scope(self, requester: Requester) -> Scope:
        """Say how far the requester sees. The user of a cluster of an earlier release sees that cluster's project."""
        if requester.is_admin or not self._is_trustee(requester):
            return Scope.widest(requester)
        return Scope(project_id=(requester.user_name or "").partition("_")[2])

    def require(self, rule: str, requester: Requester, target: Mapping[str, Any] | None = None) -> None:
        """Raise Forbidden when the rule fails. Without a target, it is the requester's own project and user."""
        refusal = self.refusal(rule, requester, target)
        if refusal:
            raise Forbidden(refusal)

    def refusal(self, rule: str, requester: Requester, target: Mapping[str, Any] | None = None) -> str | None:
        """Say why it is not allowed; None when it is."""
        if self.allows(rule, requester, target):
            return None
        return f"You are not allowed to do this: it needs the policy rule {rule}."

    def allows(self, rule: str, requester: Requester, target: Mapping[str, Any] | None = None) -> bool:
        if target is None:
            target = _known({"project_id": requester.project_id, "user_id": requester.user_id})
        domain = requester.user_domain_id if self._is_trustee(requester) else self._trust.trustee_domain_id
        return self._allows(rule, {**_known({"trustee_domain_id": domain}), **target}, _credentials(requester))

    def _is_trustee(self, requester: Requester) -> bool:
        """Say whether this is one of the users that clusters of earlier releases have of their own."""
        trust = self._trust
        by_id = trust.trustee_domain_id is not None and requester.user_domain_id == trust.trustee_domain_id
        by_name = trust.trustee_domain_name is not None and requester.user_domain_name == trust.trustee_domain_name
        return by_id or by_name

    def _allows(self, rule: str, target: Mapping[str, Any], credentials: dict[str, Any]) -> bool:
        return bool(self._enforcer.enforce(rule, target, credentials))


def make_enforcer(conf: cfg.ConfigOpts) -> policy.Enforcer:
    enforcer = policy.Enforcer(conf)
    # Older defaults are listed so that older files keep their meaning; nobody needs a warning for each of them.
    enforcer.suppress_deprecation_warnings = True
    enforcer.suppress_default_change_warnings = True
    enforcer.register_defaults(list_rules())
    return enforcer


def get_enforcer() -> policy.Enforcer:
    """Serve the oslopolicy-* programs, which name this in an entry point and have arguments of their own."""
    return make_enforcer(load_settings(_config_arguments(sys.argv[1:])).oslo)


def _config_arguments(arguments: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for position, argument in enumerate(arguments):
        if argument in _CONFIG_OPTIONS:
            kept += arguments[position : position + 2]
        elif argument.startswith(tuple(f"{option}=" for option in _CONFIG_OPTIONS)):
            kept.append(argument)
    return kept


def _credentials(requester: Requester) -> dict[str, Any]:
    """Give oslo.policy what rules may speak of."""
    return _known(msgspec.structs.asdict(requester)) | {"roles": list(requester.roles)}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None: a rule compares texts, so nobody's project would be that of all who have none."""
    return {name: value for name, value in values.items() if value is not None}
