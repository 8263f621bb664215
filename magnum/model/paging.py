"""A page of a collection: where it starts, how long it is, how it is sorted."""

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """`marker` is the UUID of the last item seen, or its `id` where it has none; `id` is always the second sort key."""

    limit: int
    marker: str | int | None = None
    sort_key: str = "id"
    descending: bool = False
