"""Federations of clusters."""

from .base import MEMBER_NOT_CLUSTER, OLD_ANYBODY, READER_NOT_CLUSTER, rule

ALL = "/v1/federations"
ITEM = "/v1/federations/{federation}"

RULES = [
    rule("federation:create", MEMBER_NOT_CLUSTER, "Create a federation.", f"POST {ALL}", old=OLD_ANYBODY),
    rule("federation:delete", MEMBER_NOT_CLUSTER, "Delete a federation.", f"DELETE {ITEM}", old=OLD_ANYBODY),
    rule("federation:detail", READER_NOT_CLUSTER, "List federations in full.", f"GET {ALL}/detail", old=OLD_ANYBODY),
    rule("federation:get", READER_NOT_CLUSTER, "Show a federation.", f"GET {ITEM}", old=OLD_ANYBODY),
    rule("federation:get_all", READER_NOT_CLUSTER, "List federations.", f"GET {ALL}", old=OLD_ANYBODY),
    rule("federation:update", MEMBER_NOT_CLUSTER, "Change a federation.", f"PATCH {ITEM}", old=OLD_ANYBODY),
]
