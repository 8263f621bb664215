"""Quotas of projects."""

from .base import ADMIN, OLD_OWNER, READER, rule

ALL = "/v1/quotas"
ITEM = "/v1/quotas/{project}/{resource}"

RULES = [
    rule("quota:create", ADMIN, "Set a project's quota.", f"POST {ALL}"),
    rule("quota:delete", ADMIN, "Remove a project's quota.", f"DELETE {ITEM}"),
    rule("quota:get", READER, "Show a project's quota.", f"GET {ITEM}", old=OLD_OWNER),
    rule("quota:get_all", ADMIN, "List quotas.", f"GET {ALL}"),
    rule("quota:update", ADMIN, "Change a project's quota.", f"PATCH {ITEM}"),
]
