"""Pages of collections: limit, marker, sort_key and sort_dir, and the link to the next page.

The link repeats the request's own filters, and is there whenever the page is full, so it may lead to an empty one. Its
path starts with /v1 whatever prefix the service is mounted under: clients put it behind their endpoint.
"""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Meta

from magnum.core.errors import InvalidRequest
from magnum.model.paging import Page

from .contract import Query

PARAMETERS = ("limit", "marker", "sort_key", "sort_dir")
_DIRECTIONS = {"asc": False, "desc": True}
_LONGEST_NUMBER = 18


def queries(sort_keys: Collection[str], *, marker: str = "the UUID of the last item seen") -> tuple[Query, ...]:
    """Say what the four parameters are."""
    return (
        Query("limit", Annotated[int, Meta(ge=1)], "at most so many items; the service has an upper bound of its own"),
        Query("marker", Annotated[str, Meta(min_length=1)], f"goes on behind this one: {marker}"),
        Query("sort_key", Literal[tuple(sorted(map(str, sort_keys)))], "the attribute to sort by"),
        Query("sort_dir", Literal[tuple(_DIRECTIONS)], "the direction to sort in"),
    )


def read_page(
    parameters: Mapping[str, str],
    *,
    most: int,
    sort_keys: Collection[str],
    usual_dir: str = "asc",
    read_marker: Callable[[str], str | int] | None = None,
) -> Page:
    """Read the four parameters; markers are UUIDs unless `read_marker` reads something else."""
    sort_key, direction = parameters.get("sort_key", "id"), parameters.get("sort_dir", usual_dir)
    if sort_key not in sort_keys:
        raise InvalidRequest(f"The query parameter sort_key must be one of {', '.join(sorted(sort_keys))}.")
    if direction not in _DIRECTIONS:
        raise InvalidRequest("The query parameter sort_dir must be asc or desc.")
    marker = parameters.get("marker")
    return Page(
        limit=_read_limit(parameters.get("limit"), most),
        marker=None if marker is None else (read_marker or _read_uuid)(marker),
        sort_key=sort_key,
        descending=_DIRECTIONS[direction],
    )


def collection(
    name: str, items: Sequence[Any], *, page: Page, url: str, last: str | None, filters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Make the answer: the items under their name and, when the page is full, the link to the next one."""
    answer: dict[str, Any] = {name: items}
    if items and len(items) == page.limit:
        query = {
            "sort_key": page.sort_key,
            "sort_dir": "desc" if page.descending else "asc",
            "limit": page.limit,
            "marker": last,
            **(filters or {}),
        }
        answer["next"] = f"{url}?{urlencode(query)}"
    return answer


def read_number(text: str) -> int:
    """Read a marker that is the number of an item."""
    number = _number(text)
    if number == 0:
        raise InvalidRequest("The query parameter marker must be the id of the last item seen, a whole number.")
    return number


def _read_limit(text: str | None, most: int) -> int:
    if text is None:
        return most
    limit = _number(text)
    if limit == 0:
        raise InvalidRequest("The query parameter limit must be a whole number of at least 1.")
    return min(limit, most)


def _number(text: str) -> int:
    """Give the number that the text is, 0 if it is none."""
    digits = text.strip().removeprefix("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER else 0


def _read_uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidRequest("The query parameter marker must be the UUID of the last item seen.") from None
