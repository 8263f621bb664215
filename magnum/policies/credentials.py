"""Credentials that a cluster uses in the cloud. An administrator has no way around: they are the member's own."""

from .base import rule

RULES = [
    rule(
        "credential:rotate",
        "rule:project_member_deny_cluster_user",
        "Replace the credentials of a cluster.",
        "PATCH /v1/credentials/{cluster}",
    ),
]
