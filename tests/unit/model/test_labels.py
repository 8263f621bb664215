"""Inheriting and comparing labels: whatever the labels are, what is said of the difference gives the labels back."""

from hypothesis import given
from hypothesis import strategies as st

from magnum.model.labels import compare, inherit

WORDS = st.text("abc", max_size=2)
LABELS = st.dictionaries(WORDS, WORDS, max_size=5)


@given(parent=LABELS, given_ones=st.none() | LABELS)
def test_what_is_given_counts(parent, given_ones):
    merged, alone = (inherit(parent, given_ones, merge=merge) for merge in (True, False))
    assert merged == {key: (given_ones or {}).get(key, parent.get(key)) for key in {*parent, *(given_ones or {})}}
    assert alone == (given_ones or parent)
    assert all(merged[key] == value for key, value in (given_ones or {}).items())


@given(parent=LABELS, given_ones=LABELS)
def test_merging_again_changes_nothing(parent, given_ones):
    merged = inherit(parent, given_ones, merge=True)
    assert inherit(parent, merged, merge=True) == inherit(merged, given_ones, merge=True) == merged


@given(parent=LABELS, own=LABELS)
def test_the_differences_are_all_of_them_and_each_once(parent, own):
    found = compare(parent, own)
    parts = [found.overridden, found.added, found.skipped]
    assert len({key for part in parts for key in part}) == sum(map(len, parts))
    same = {key: value for key, value in own.items() if parent.get(key) == value}
    assert {**same, **found.overridden, **found.skipped} == parent
    assert own == same | found.added | {key: own[key] for key in found.overridden}
    assert all(own[key] != value for key, value in found.overridden.items())


@given(parent=LABELS, given_ones=LABELS)
def test_who_merges_skips_nothing(parent, given_ones):
    assert compare(parent, inherit(parent, given_ones, merge=True)).skipped == {}


@given(parent=LABELS, given_ones=LABELS)
def test_nobody_else_sees_a_change(parent, given_ones):
    before = dict(parent), dict(given_ones)
    for merge in (True, False):
        inherit(parent, given_ones, merge=merge)["new"] = "x"
    assert (parent, given_ones) == before
