"""Certificates of a cluster: its CA, and certificates that it signs."""

from .base import MEMBER, OLD_OWNER, OLD_USER, rule

ITEM = "/v1/certificates/{cluster}"

RULES = [
    rule(
        "certificate:create",
        "rule:admin_or_project_member_user",
        "Have a certificate signed by a cluster's CA.",
        "POST /v1/certificates",
        "POST /v1/clusters/{cluster}/config",
        old=OLD_USER,
    ),
    rule(
        "certificate:get",
        "rule:admin_or_project_reader_user",
        "Show a cluster's CA certificate.",
        f"GET {ITEM}",
        old=OLD_USER,
    ),
    rule("certificate:rotate_ca", MEMBER, "Replace a cluster's CA.", f"PATCH {ITEM}", old=OLD_OWNER),
]
