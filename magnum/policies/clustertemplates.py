"""Cluster templates. The `*_all_projects` rules are asked for administrators only."""

from .base import ADMIN, MEMBER, MEMBER_NOT_CLUSTER, OLD_ANYBODY, OLD_OWNER, READER_NOT_CLUSTER, rule

ALL = "/v1/clustertemplates"
ITEM = "/v1/clustertemplates/{template}"

RULES = [
    rule("clustertemplate:create", MEMBER_NOT_CLUSTER, "Create a template.", f"POST {ALL}", old=OLD_ANYBODY),
    rule("clustertemplate:delete", MEMBER, "Delete a template.", f"DELETE {ITEM}", old=OLD_OWNER),
    rule("clustertemplate:delete_all_projects", ADMIN, "Delete a template of any project.", f"DELETE {ITEM}"),
    rule(
        "clustertemplate:detail",
        READER_NOT_CLUSTER,
        "List templates with details.",
        f"GET {ALL}/detail",
        old=OLD_ANYBODY,
    ),
    rule(
        "clustertemplate:detail_all_projects", ADMIN, "List all projects' templates with details.", f"GET {ALL}/detail"
    ),
    rule("clustertemplate:get", READER_NOT_CLUSTER, "Show a template.", f"GET {ITEM}", old=OLD_ANYBODY),
    rule("clustertemplate:get_one_all_projects", ADMIN, "Show a template of any project.", f"GET {ITEM}"),
    rule("clustertemplate:get_all", READER_NOT_CLUSTER, "List templates.", f"GET {ALL}", old=OLD_ANYBODY),
    rule("clustertemplate:get_all_all_projects", ADMIN, "List all projects' templates.", f"GET {ALL}"),
    rule("clustertemplate:update", MEMBER, "Change a template.", f"PATCH {ITEM}", old=OLD_OWNER),
    rule("clustertemplate:update_all_projects", ADMIN, "Change a template of any project.", f"PATCH {ITEM}"),
    rule(
        "clustertemplate:publish",
        ADMIN,
        "Make a template public or hidden.",
        f"POST {ALL}",
        f"PATCH {ITEM}",
    ),
]
