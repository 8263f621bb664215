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
from magnum.core.errors import Forbidden
from magnum.model.requesters import Requester
from magnum.policies import list_rules

_CONFIG_OPTIONS = ("--config-file", "--config-dir")


class Policy:
    def __init__(self, enforcer: policy.Enforcer) -> None:
        self._enforcer = enforcer

    def identify(self, requester: Requester) -> Requester:
        """Say whether the requester is an administrator."""
        credentials = _credentials(requester) | {"is_admin": False}
        return msgspec.structs.replace(requester, is_admin=self._allows("context_is_admin", {}, credentials))

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
            target = {"project_id": requester.project_id, "user_id": requester.user_id}
        return self._allows(rule, target, _credentials(requester))

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
    """Give oslo.policy what rules may speak of. There is no `domain_id`: it would stand for a domain-scoped token."""
    credentials = msgspec.structs.asdict(requester)
    credentials["roles"] = list(requester.roles)
    return credentials
