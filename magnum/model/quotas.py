"""A quota: how much of a resource a project may have."""

from datetime import datetime
from typing import Final

import msgspec

CLUSTER: Final = "Cluster"
"""The one resource that quotas are about."""


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `quotas` (data-model.md, section 3.6)."""

    project_id: str
    resource: str
    hard_limit: int
    id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
