"""Pages of collections."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.api.paging import collection, read_page
from magnum.core.errors import InvalidRequest
from magnum.model.paging import Page

UUID = "0d0ee9d4-3d6c-4c1a-9d0e-1c9f9e1f7a11"
KEYS = frozenset({"id", "name"})


def test_nothing_asked_is_a_page_of_the_most():
    assert read_page({}, most=50, sort_keys=KEYS) == Page(limit=50)


def test_everything_asked():
    asked = {"limit": "2", "marker": UUID.upper(), "sort_key": "name", "sort_dir": "desc"}
    assert read_page(asked, most=50, sort_keys=KEYS) == Page(limit=2, marker=UUID, sort_key="name", descending=True)


@given(st.integers(1, 10**17))
def test_a_limit_is_capped(limit):
    assert read_page({"limit": str(limit)}, most=50, sort_keys=KEYS).limit == min(limit, 50)


@pytest.mark.parametrize("limit", ["0", "-1", "", "x", "1.5", "1e3", "٣", "9" * 40, "0x10"])
def test_what_is_no_limit(limit):
    with pytest.raises(InvalidRequest, match="limit must be a whole number of at least 1"):
        read_page({"limit": limit}, most=50, sort_keys=KEYS)


@pytest.mark.parametrize("asked", [{"marker": "x"}, {"marker": ""}, {"sort_key": "x"}, {"sort_dir": "ASC"}])
def test_what_makes_no_sense(asked):
    with pytest.raises(InvalidRequest, match=next(iter(asked))):
        read_page(asked, most=50, sort_keys=KEYS)


def test_a_full_page_has_a_next_one_with_its_filters():
    page = Page(limit=2, sort_key="name")
    assert collection("things", [1], page=page, url="u", last=UUID) == {"things": [1]}
    assert collection("things", [], page=page, url="u", last=None) == {"things": []}
    full = collection("things", [1, 2], page=page, url="http://api/v1/things", last=UUID, filters={"role": "a b"})
    assert full["next"] == f"http://api/v1/things?sort_key=name&sort_dir=asc&limit=2&marker={UUID}&role=a+b"
