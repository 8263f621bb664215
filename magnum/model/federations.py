"""A federation: clusters that are to be worked with as one."""

from datetime import datetime
from typing import Final

import msgspec

from .statuses import AnyStatus

DNS_ZONE: Final = "dns-zone"
"""The property that every federation must have."""


class Federation(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `federation` (data-model.md, section 3.4). Clusters are named by their UUIDs."""

    uuid: str
    name: str | None
    project_id: str | None
    hostcluster_id: str | None
    member_ids: tuple[str, ...] = ()
    properties: dict[str, str] = {}
    status: AnyStatus | None = None
    status_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    id: int | None = None
