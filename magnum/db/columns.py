"""Column types: how a value of the model is written and how a row is read.

Writing is strict, reading tolerant: NULL where JSON belongs reads as empty, and so does text that is no JSON (with a
warning); an unknown status reads as `UnknownStatus`. JSON is written in ASCII, so that any label fits a 3-byte
character set.
"""

# ruff: noqa: ARG002  the signatures are SQLAlchemy's

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import DateTime, Dialect, String, Text, TypeDecorator

from magnum.model.statuses import AnyStatus, read_status

LOG = logging.getLogger(__name__)
_TEXTS = msgspec.json.Decoder(dict[str, str])
_LIST = msgspec.json.Decoder(tuple[Any, ...])


class UtcSeconds(TypeDecorator[datetime]):
    """A naive DATETIME in UTC without fractions, as the adopted tables have it; aware outside of this package."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC) if value.tzinfo else value
        return utc.replace(tzinfo=None, microsecond=0)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC, microsecond=0)


class StatusText(TypeDecorator[AnyStatus]):
    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> AnyStatus | None:
        return read_status(value)


class JsonText(TypeDecorator[Any]):
    """JSON in a TEXT column; the two kinds below say what must be in it."""

    impl = Text
    cache_ok = True


class JsonObject(JsonText):
    """A map of text to text. Numbers and booleans that others wrote read as text."""

    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str] | None, dialect: Dialect) -> str:
        pairs = dict(value or {})
        if not all(isinstance(item, str) for pair in pairs.items() for item in pair):
            raise TypeError("a map of text to text is expected")
        return json.dumps(pairs)

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, str]:
        try:
            return _TEXTS.decode(value or "{}")
        except msgspec.DecodeError:  # of another's making
            pass
        parsed = _parse(value, dict)
        return {key: item if isinstance(item, str) else str(item) for key, item in parsed.items() if item is not None}


class JsonList(JsonText):
    """A list; a tuple outside of this package."""

    cache_ok = True

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> str:
        return json.dumps(list(value or ()))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Any, ...]:
        try:
            return _LIST.decode(value or "[]")
        except msgspec.DecodeError:  # of another's making
            return tuple(_parse(value, list))


def _parse(text: str | None, kind: type) -> Any:
    if not text:
        return kind()
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = text
    if parsed is None:
        return kind()
    if not isinstance(parsed, kind):
        LOG.warning("A column that should hold a JSON %s holds something else; it is read as empty.", kind.__name__)
        return kind()
    return parsed
