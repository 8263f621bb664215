"""Links and times, as every resource shows them."""

from datetime import UTC, datetime

import msgspec


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    href: str
    rel: str
    type: str | None = None


def resource_links(base: str, path: str) -> tuple[Link, Link]:
    """Link to `path` below /v1, and without it; `base` is where the service is mounted."""
    return Link(f"{base}/v1/{path}", "self"), Link(f"{base}/{path}", "bookmark")


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in whole seconds with the offset written out: clients parse it strictly."""
    if value is None:
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds")
