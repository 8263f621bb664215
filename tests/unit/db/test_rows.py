from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, sqlite

from magnum.db import idents, rows, texts
from magnum.db.errors import CannotHold
from magnum.db.tables import METADATA, cluster


def rendered(dialect, condition):
    return str(condition.compile(dialect=dialect, compile_kwargs={"literal_binds": False}))


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        (mysql.dialect(), "CAST(cluster.name AS BINARY) = %s"),
        (sqlite.dialect(), "cluster.name = ?"),
    ],
)
def test_names_are_compared_by_their_bytes(dialect, sql):
    assert rendered(dialect, idents.exact(SimpleNamespace(dialect=dialect), cluster.c.name, "a")) == sql


def test_what_no_database_holds_equals_nothing():
    tx = SimpleNamespace(dialect=sqlite.dialect())
    for value in ("nul \0", "half \udfff"):
        assert rendered(tx.dialect, idents.exact(tx, cluster.c.name, value)) == "0"


@given(st.text(st.characters(exclude_categories=()), max_size=400), st.integers(10, 300))
def test_text_that_was_cut_fits_anywhere(text, size):
    cut = texts.clip(text, size)
    assert len(cut.encode()) <= size
    assert "\0" not in cut
    assert all(ord(character) <= 0xFFFF for character in cut)
    assert texts.clip(cut, size) == cut


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_text_is_taken_as_it_is_or_refused(text):
    if "\0" in text or len(text) > 255 or any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        with pytest.raises(CannotHold, match="name cannot be stored"):
            rows.values(cluster, {"name": text})
    else:
        assert rows.values(cluster, {"name": text}) == {"name": text}


def test_names_and_keys_fit_every_database():
    """64 characters is what MySQL allows, 63 PostgreSQL."""
    for table in METADATA.tables.values():
        for named in (table, *table.columns, *table.indexes, *table.constraints):
            assert len(str(named.name or "")) <= 63
