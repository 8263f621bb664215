"""Roles imply lesser ones, as Keystone's default roles do: policy rules ask for the least that is enough."""

from collections.abc import Iterable

_IMPLIED = {"admin": ("manager", "member", "reader"), "manager": ("member", "reader"), "member": ("reader",)}


def with_implied(roles: Iterable[str]) -> tuple[str, ...]:
    """Give the roles, each once, with what they imply."""
    given = list(roles)
    return tuple(dict.fromkeys([*given, *(lesser for role in given for lesser in _IMPLIED.get(role, ()))]))
