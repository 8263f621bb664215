"""How stacks are called. A name follows from the rows alone: it is how a stack is found again after a crash."""

import base64
import hashlib
import re

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9-]")


def stack_name(cluster_name: str | None, cluster_uuid: str) -> str:
    return f"{_part(cluster_name, 30)}-{_short_id(cluster_uuid)}".lower()


def nodegroup_stack_name(cluster_name: str | None, nodegroup_name: str, nodegroup_uuid: str) -> str:
    return f"{_part(cluster_name, 20)}-{_part(nodegroup_name, 9)}-{_short_id(nodegroup_uuid)}".lower()


def _part(name: str | None, length: int) -> str:
    """Heat wants a letter first, and letters, digits and hyphens after it."""
    part = _NOT_ALLOWED.sub("", (name or "")[:length].replace("_", "-").replace(".", "-"))
    return part if part[:1].isalpha() else f"c{part}"


def _short_id(uuid: str) -> str:
    return base64.b32encode(hashlib.sha256(uuid.encode()).digest()).decode("ascii")[:12]
