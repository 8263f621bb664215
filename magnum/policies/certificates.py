"""Certificates of a cluster: its CA, and certificates that it signs.

The Keystone user that a cluster of an earlier release has of its own keeps its right to both, for its cluster: nodes
that such a cluster gets later ask with it. Its token may be one of no project.
"""

from .base import MEMBER, OLD_OWNER, OLD_USER, rule

ITEM = "/v1/certificates/{cluster}"

RULES = [
    rule(
        "certificate:create",
        "rule:admin_or_project_member_user or rule:cluster_user",
        "Have a certificate signed by a cluster's CA.",
        "POST /v1/certificates",
        "POST /v1/clusters/{cluster}/config",
        old=OLD_USER,
    ),
    rule(
        "certificate:get",
        "rule:admin_or_project_reader_user or rule:cluster_user",
        "Show a cluster's CA certificate.",
        f"GET {ITEM}",
        old=OLD_USER,
    ),
    rule("certificate:rotate_ca", MEMBER, "Replace a cluster's CA.", f"PATCH {ITEM}", old=OLD_OWNER),
]
