"""Bays and baymodels: what clusters and cluster templates were called, up to microversion 1.10."""

from oslo_policy import policy

from .base import ADMIN, MEMBER, MEMBER_NOT_CLUSTER, OLD_ANYBODY, READER_NOT_CLUSTER, rule


def _rules(name: str, noun: str, *, change: str) -> list[policy.DocumentedRuleDefault]:
    collection, item = f"/v1/{name}s", f"/v1/{name}s/{{{name}}}"
    detail = f"GET {collection}/detail"
    return [
        rule(f"{name}:create", MEMBER_NOT_CLUSTER, f"Create {noun}.", f"POST {collection}", old=OLD_ANYBODY),
        rule(f"{name}:delete", change, f"Delete {noun}.", f"DELETE {item}", old=OLD_ANYBODY),
        rule(f"{name}:detail", READER_NOT_CLUSTER, f"List {name}s with details.", detail, old=OLD_ANYBODY),
        rule(f"{name}:get", READER_NOT_CLUSTER, f"Show {noun}.", f"GET {item}", old=OLD_ANYBODY),
        rule(f"{name}:get_all", READER_NOT_CLUSTER, f"List {name}s.", f"GET {collection}", old=OLD_ANYBODY),
        rule(f"{name}:update", change, f"Change {noun}.", f"PATCH {item}", old=OLD_ANYBODY),
    ]


RULES = [
    *_rules("bay", "a bay", change=MEMBER_NOT_CLUSTER),
    *_rules("baymodel", "a baymodel", change=MEMBER),
    rule("baymodel:publish", ADMIN, "Make a baymodel public.", "POST /v1/baymodels", "PATCH /v1/baymodels/{baymodel}"),
]
