"""Conditional requests (RFC 9110, section 13): the tag of what is shown, and what a change is made to depend on.

A tag is a digest of the answer's bytes, with the generation of the row before it where there is one. So it says of
everything that is shown, from whichever table, that it is as it was; and of a cluster also that nothing went to and
fro meanwhile. It is of the one representation that was shown: another microversion or host has another.

What a condition says of a change is judged by `Guard` under the lock of what is changed: there is no moment between
the look and the write. Nothing has to be read for a client that sends no condition.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec

from magnum.core.errors import InvalidRequest, PreconditionFailed

from .requests import Request

Shown = TypeVar("Shown")
_ANY = "*"
_LISTED = re.compile(r'[\t ,]*(?:((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?:,|$))?')
_DIGEST_BYTES = 12
_HEADERS = frozenset({"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"})
_SAFE = frozenset({"GET", "HEAD"})


class Tagged(NamedTuple):
    """What is shown, and the generation of its row; the view alone where rows have none."""

    view: Any
    generation: int | None = None


def make_tag(body: bytes, generation: int | None = None) -> str:
    digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()
    return f'"{digest}"' if generation is None else f'"{generation}-{digest}"'


def has_changed(req: Request, tag: str) -> bool:
    """Judge the conditions against what there is; False when that is what If-None-Match names."""
    if _HEADERS.isdisjoint(req.env):
        return True
    wanted, known = _read_tags(req, "If-Match"), _read_tags(req, "If-None-Match")
    if wanted is not None and _ANY not in wanted and tag not in wanted:
        raise PreconditionFailed(
            "It has been changed since you looked, so nothing was done. Look at it again and decide anew."
        )
    return known is None or not (_ANY in known or tag in {_opaque(other) for other in known})


def make_guard(req: Request, show: Callable[[Shown], Tagged]) -> Callable[[Shown], None] | None:
    """Make what judges the request's conditions by the thing as it is under its lock; None if there are none."""
    if _HEADERS.isdisjoint(req.env):
        return None
    for name in ("If-Match", "If-None-Match"):  # what cannot be read is refused before anything is done
        _read_tags(req, name)

    def guard(current: Shown) -> None:
        tagged = show(current)
        tag = make_tag(msgspec.json.encode(tagged.view), tagged.generation)
        if not has_changed(req, tag):
            raise PreconditionFailed("What is to be changed is what If-None-Match says that it must not be.")

    return guard


def refuse_conditions(req: Request) -> None:
    """Refuse a change of what has no tag if it depends on one: no tag can be the right one."""
    if req.method not in _SAFE and _read_tags(req, "If-Match") != (_ANY,):
        raise PreconditionFailed(
            "If-Match cannot be met: what this request is about has no ETag. Leave the header out."
        )


def _read_tags(req: Request, name: str) -> tuple[str, ...] | None:
    """Read a list of tags, or the asterisk alone; weak ones keep their mark, which makes them match nothing strong."""
    header = req.get_header(name)
    if header is None:
        return None
    if header.strip() == _ANY:
        return (_ANY,)
    tags, position = [], 0
    while position < len(header):
        match = _LISTED.match(header, position)
        if match is None or match.end() == position:
            break
        position = match.end()
        if match[1]:
            tags.append(match[1])
    if position < len(header) or not tags:
        raise InvalidRequest(
            f'The header {name} must be *, or entity tags in double quotes with commas between: "…", "…".'
        )
    return tuple(tags)


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")
