"""Requests and answers as they were between a client and this service, recorded in `examples.json`.

Every operation has one. They are not written by hand: `tests/functional/test_openapi_examples.py` records them, and
plays them again to see that they still hold.
"""

from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("examples.json")


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for of an operation, and how it was answered. `name` tells several of one operation apart."""

    operation: str
    name: str
    path: str
    status: int
    version: str
    body: Any = None
    answer: Any = None


def read_examples() -> tuple[Exchange, ...]:
    return msgspec.json.decode(FILE.read_bytes(), type=tuple[Exchange, ...])
