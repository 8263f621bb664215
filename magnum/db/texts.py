"""What text a column can hold, the same on every database.

Text that a user gave is refused with a reason; text for people that we write ourselves is cut. What only some databases
refuse, a character of four bytes in a table of another's making, they refuse themselves (`failures`).
"""

import re

from .errors import CannotHold

TEXT_BYTES = 65_535  # what TEXT holds on MySQL
CLIPPED_BYTES = 16_000
_UNFIT = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")  # halves of characters, and those of four bytes


def clip(text: str, size: int = CLIPPED_BYTES) -> str:
    """Cut text for people to what every database holds: so many bytes, no NUL, no character of four bytes."""
    clean = _UNFIT.sub("\ufffd", text.replace("\0", "")).encode()
    return clean.decode() if len(clean) <= size else clean[: size - 3].decode(errors="ignore") + "…"


def refuse_unfit(name: str, text: str, length: int | None) -> None:
    if not is_text(text):
        raise CannotHold(name, "it has a NUL character or half a character")
    if length is not None and len(text) > length:
        raise CannotHold(name, f"it is longer than {length} characters")
    if len(text.encode()) > TEXT_BYTES:
        raise CannotHold(name, f"it is longer than {TEXT_BYTES} bytes")


def is_text(text: str) -> bool:
    """Tell whether every database can hold it, were there room."""
    return "\0" not in text and text == text.encode(errors="replace").decode()
