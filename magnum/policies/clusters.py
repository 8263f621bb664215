"""Clusters. The `*_all_projects` rules are asked for administrators only."""

from .base import ADMIN, MEMBER_NOT_CLUSTER, OLD_ANYBODY, OLD_USER, READER_NOT_CLUSTER, rule

ALL = "/v1/clusters"
ITEM = "/v1/clusters/{cluster}"

RULES = [
    rule("cluster:create", MEMBER_NOT_CLUSTER, "Create a cluster.", f"POST {ALL}", old=OLD_ANYBODY),
    rule("cluster:delete", MEMBER_NOT_CLUSTER, "Delete a cluster.", f"DELETE {ITEM}", old=OLD_ANYBODY),
    rule("cluster:delete_all_projects", ADMIN, "Delete a cluster of any project.", f"DELETE {ITEM}"),
    rule("cluster:detail", READER_NOT_CLUSTER, "List clusters with details.", f"GET {ALL}/detail", old=OLD_ANYBODY),
    rule("cluster:detail_all_projects", ADMIN, "List all projects' clusters with details.", f"GET {ALL}/detail"),
    rule("cluster:get", READER_NOT_CLUSTER, "Show a cluster.", f"GET {ITEM}", old=OLD_ANYBODY),
    rule("cluster:get_one_all_projects", ADMIN, "Show a cluster of any project.", f"GET {ITEM}"),
    rule("cluster:get_events", READER_NOT_CLUSTER, "Read what happened to a cluster.", f"GET {ITEM}/events"),
    rule("cluster:get_operations", READER_NOT_CLUSTER, "Read what is done to a cluster.", f"GET {ITEM}/operations"),
    rule(
        "cluster:plan",
        READER_NOT_CLUSTER,
        "Ask what a change would do.",
        f"POST {ITEM}/actions/plan",
        f"POST {ALL}/actions/plan",
    ),
    rule("cluster:retry", MEMBER_NOT_CLUSTER, "Try again what has failed.", f"POST {ITEM}/actions/retry"),
    rule("cluster:get_all", READER_NOT_CLUSTER, "List clusters.", f"GET {ALL}", old=OLD_ANYBODY),
    rule("cluster:get_all_all_projects", ADMIN, "List all projects' clusters.", f"GET {ALL}"),
    rule("cluster:update", MEMBER_NOT_CLUSTER, "Change a cluster.", f"PATCH {ITEM}", old=OLD_ANYBODY),
    rule("cluster:update_all_projects", ADMIN, "Change a cluster of any project.", f"PATCH {ITEM}"),
    rule(
        "cluster:update_health_status",
        "rule:admin_or_project_member_user_or_cluster_user or rule:cluster_user",
        "Report a cluster's health.",
        f"PATCH {ITEM}",
        old=OLD_USER,
    ),
    rule("cluster:resize", MEMBER_NOT_CLUSTER, "Resize a cluster.", f"POST {ITEM}/actions/resize", old=OLD_ANYBODY),
    rule("cluster:upgrade", MEMBER_NOT_CLUSTER, "Upgrade a cluster.", f"POST {ITEM}/actions/upgrade", old=OLD_ANYBODY),
    rule("cluster:upgrade_all_projects", ADMIN, "Upgrade a cluster of any project.", f"POST {ITEM}/actions/upgrade"),
]
