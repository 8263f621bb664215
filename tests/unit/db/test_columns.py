import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from magnum.db.columns import JsonList, JsonObject, StatusText, UtcSeconds
from magnum.model.statuses import Status, UnknownStatus

DIALECT = sqlite.dialect()


def stored(kind, value):
    return kind().process_bind_param(value, DIALECT)


def read(kind, value):
    return kind().process_result_value(value, DIALECT)


def test_times_are_stored_naive_in_utc_and_read_aware():
    noon = datetime(2026, 1, 2, 12, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert stored(UtcSeconds, noon) == datetime(2026, 1, 2, 10, 0, 0)  # noqa: DTZ001  as the column has it
    assert read(UtcSeconds, stored(UtcSeconds, noon)) == datetime(2026, 1, 2, 10, tzinfo=UTC)
    assert stored(UtcSeconds, None) is read(UtcSeconds, None) is None


def test_statuses_are_kept_known_or_not():
    assert read(StatusText, "CREATE_COMPLETE") is Status.CREATE_COMPLETE
    assert isinstance(read(StatusText, "ASLEEP"), UnknownStatus)
    assert type(stored(StatusText, Status.CREATE_COMPLETE)) is str
    assert stored(StatusText, None) is read(StatusText, None) is None


@pytest.mark.parametrize("value", [{}, {"a": "1"}, {"fish": "🐟", "quote": '"'}])
def test_labels_are_stored_as_ascii(value):
    text = stored(JsonObject, value)
    assert text.isascii()
    assert json.loads(text) == read(JsonObject, text) == value


def test_nothing_is_stored_as_empty():
    assert (stored(JsonObject, None), stored(JsonList, None)) == ("{}", "[]")


@pytest.mark.parametrize("value", [{"a": 1}, {1: "a"}, {"a": None}])
def test_labels_that_are_no_text_are_a_mistake(value):
    with pytest.raises(TypeError):
        stored(JsonObject, value)


@pytest.mark.parametrize("text", [None, "", "null"])
def test_nothing_reads_as_empty(text):
    assert read(JsonObject, text) == {}
    assert read(JsonList, text) == ()


@pytest.mark.parametrize("text", ["{", "7", "secret: no JSON"])
def test_what_is_no_json_of_its_kind_reads_as_empty_and_is_told_without_its_text(text, caplog):
    assert read(JsonObject, text) == {}
    assert read(JsonList, text) == ()
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text
