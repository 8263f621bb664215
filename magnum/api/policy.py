"""Policy: ask oslo.policy whether a requester may do what it asks for. The rules are in `magnum.policies`.

Who is an administrator is itself a rule (`context_is_admin`), never a header. What a requester cannot see is "not
found" before any rule about it is asked, so nobody learns whether another project's object exists.

A decision follows from the rule, who asks, and those attributes of the target that any rule speaks of. It is remembered
until the operator's files change, because to make it again takes as long as to read a cluster. Rules that ask another
service (http:) are asked every time. Once a second somebody's request looks whether the files have changed.
"""

import re
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from oslo_config import cfg
from oslo_policy import policy

from magnum.conf.settings import load_settings
from magnum.conf.trust import Trust
from magnum.core.errors import Forbidden
from magnum.model.clocks import Clock
from magnum.model.requesters import Requester, Scope
from magnum.policies import list_rules

_CONFIG_OPTIONS = ("--config-file", "--config-dir")
_ATTRIBUTE = re.compile(r"%\((.+?)\)s")
LOOK_SECONDS = 1.0
_MOST_REMEMBERED = 10_000
_ASKING = tuple(name for name in Requester.__struct_fields__ if name != "request_id")


class Policy:
    def __init__(self, enforcer: policy.Enforcer, trust: Trust, *, clock: Clock) -> None:
        self._enforcer = enforcer
        self._trust = trust
        self._clock = clock
        self._look_at = clock.monotonic()
        # Without it, one thread could decide by rules that another has read half of, and that would be remembered.
        self._lock = threading.Lock()
        self._remembered = Remembered({})

    def identify(self, requester: Requester) -> Requester:
        """Say whether the requester is an administrator."""
        nobody = msgspec.structs.replace(requester, is_admin=False)
        return msgspec.structs.replace(requester, is_admin=self._allows("context_is_admin", {}, nobody))

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
        if requester.project_id is None and self._is_for_projects(rule):
            return (
                f"You are not allowed to do this: it needs the policy rule {rule} and a token of a project, "
                f"and yours is of {_reach(requester)}. Log in with a project."
            )
        return f"You are not allowed to do this: it needs the policy rule {rule}."

    def allows(self, rule: str, requester: Requester, target: Mapping[str, Any] | None = None) -> bool:
        if target is None:
            target = _known({"project_id": requester.project_id, "user_id": requester.user_id})
        domain = requester.user_domain_id if self._is_trustee(requester) else self._trust.trustee_domain_id
        return self._allows(rule, {**_known({"trustee_domain_id": domain}), **target}, requester)

    def _is_for_projects(self, rule: str) -> bool:
        default = self._enforcer.registered_rules.get(rule)
        return default is not None and default.scope_types == ["project"]

    def _is_trustee(self, requester: Requester) -> bool:
        """Say whether this is one of the users that clusters of earlier releases have of their own."""
        trust = self._trust
        by_id = trust.trustee_domain_id is not None and requester.user_domain_id == trust.trustee_domain_id
        by_name = trust.trustee_domain_name is not None and requester.user_domain_name == trust.trustee_domain_name
        return by_id or by_name

    def _allows(self, rule: str, target: Mapping[str, Any], requester: Requester) -> bool:
        with self._lock:
            self._look_for_changes()
            if self._remembered.rules is not self._enforcer.rules:
                self._remembered = Remembered(self._enforcer.rules)
            key = self._remembered.key(rule, target, requester)
            decision = self._remembered.decisions.get(key)
            if decision is None:
                decision = bool(self._enforcer.enforce(rule, target, _credentials(requester)))
                self._remembered.add(key, decision)
        return decision

    def _look_for_changes(self) -> None:
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._enforcer.load_rules()
            self._look_at = now + LOOK_SECONDS


class Remembered:
    """Decisions by one state of the rules."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self.rules = rules
        self.decisions: dict[tuple[Any, ...] | None, bool] = {}
        texts = [str(rule) for rule in rules.values()]
        self._attributes = sorted({name for text in texts for name in _ATTRIBUTE.findall(text)})
        self._off = any("http" in text for text in texts)

    def key(self, rule: str, target: Mapping[str, Any], requester: Requester) -> tuple[Any, ...] | None:
        """Give all that the decision depends on; None where it is not to be remembered."""
        if self._off:
            return None
        asking = tuple(getattr(requester, name) for name in _ASKING)
        return rule, asking, tuple(repr(target.get(name, ...)) for name in self._attributes)

    def add(self, key: tuple[Any, ...] | None, decision: bool) -> None:
        if key is None:
            return
        if len(self.decisions) >= _MOST_REMEMBERED:
            self.decisions.clear()
        self.decisions[key] = decision


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


def _reach(requester: Requester) -> str:
    if requester.system_scope is not None:
        return "the whole system"
    return "a domain" if requester.domain_id is not None else "none"


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None: a rule compares texts, so nobody's project would be that of all who have none."""
    return {name: value for name, value in values.items() if value is not None}
