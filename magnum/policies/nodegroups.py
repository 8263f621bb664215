"""Node groups of a cluster. The `*_all_projects` rules are asked for administrators only."""

from .base import ADMIN, MEMBER, OLD_OWNER, READER, rule

ALL = "/v1/clusters/{cluster}/nodegroups"
ITEM = "/v1/clusters/{cluster}/nodegroups/{nodegroup}"

RULES = [
    rule("nodegroup:get", READER, "Show a node group.", f"GET {ITEM}", old=OLD_OWNER),
    rule("nodegroup:get_one_all_projects", ADMIN, "Show a node group of any project.", f"GET {ITEM}"),
    rule("nodegroup:get_all", READER, "List a cluster's node groups.", f"GET {ALL}", old=OLD_OWNER),
    rule("nodegroup:get_all_all_projects", ADMIN, "List node groups of any project's cluster.", f"GET {ALL}"),
    rule("nodegroup:create", MEMBER, "Create a node group.", f"POST {ALL}", old=OLD_OWNER),
    rule("nodegroup:update", MEMBER, "Change a node group.", f"PATCH {ITEM}", old=OLD_OWNER),
    rule("nodegroup:delete", MEMBER, "Delete a node group.", f"DELETE {ITEM}", old=OLD_OWNER),
]
