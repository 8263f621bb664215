"""How a thing in a cloud is found by what a person calls it: by its id, else by its exact name, which must be alone."""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar
from urllib.parse import quote

from .errors import NotThere, Several

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Named(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def pick(service: str, noun: str, ident: str, found: Sequence[T]) -> T:
    """Give the one that is meant. Raises NotThere or Several."""
    meant = [one for one in found if one.id == ident] or [one for one in found if one.name == ident]
    if not meant:
        raise absent(service, noun, ident)
    if len(meant) > 1:
        raise Several(f"{service} has {len(meant)} {noun}s called '{ident}': name one by its id.")
    return meant[0]


def absent(service: str, noun: str, ident: str) -> NotThere:
    return NotThere(f"{service} has no {noun} '{ident}' for this project.")


def is_id(ident: str) -> bool:
    """Tell whether it looks as ids do."""
    return _ID.fullmatch(ident) is not None


def segment(text: str) -> str | None:
    """Give it as one segment of a path; None for what leads elsewhere."""
    return None if text in {"", ".", ".."} else quote(text, safe="")
