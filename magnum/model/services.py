"""A process of ours that reports that it is alive, as the API lists it. Up or down is computed, never stored."""

from datetime import datetime

import msgspec


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `magnum_service` (data-model.md, section 3.5)."""

    id: int
    host: str | None
    binary: str | None
    report_count: int
    disabled: bool = False
    disabled_reason: str | None = None
    last_seen_up: datetime | None = None
    forced_down: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
