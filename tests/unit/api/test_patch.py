"""Patches: what they say, and what comes out of them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from magnum.api.patch import Patchable, apply_patch, read_patch
from magnum.core.errors import InvalidRequest

TARGET = Patchable(
    values={"name": "web", "labels": {"a": "1"}, "tags": None, "empty": {}, "coe": "swarm", "count": 0},
    maps=frozenset({"labels", "empty"}),
    not_removable=frozenset({"coe"}),
)


def apply(*operations):
    document = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
    return apply_patch(read_patch(document), TARGET)


@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        (("replace", "/name", "x"), {"name": "x"}),
        (("replace", "/name", ""), {"name": ""}),
        (("replace", "/name", False), {"name": False}),
        (("replace", "/count", 0), {"count": 0}),
        (("add", "/tags", "x"), {"tags": "x"}),
        (("add", "/empty", {"b": 1}), {"empty": {"b": 1}}),
        (("remove", "/name"), {"name": UNSET}),
        (("remove", "/name", "ignored"), {"name": UNSET}),
        (("replace", "/labels", {"b": 1}), {"labels": {"b": 1}}),
        (("replace", "/labels", "{'b': 1}"), {"labels": {"b": 1}}),
        (("add", "/labels/b", 1), {"labels": {"a": "1", "b": 1}}),
        (("add", "/labels/a", 2), {"labels": {"a": 2}}),
        (("replace", "/labels/a", 2), {"labels": {"a": 2}}),
        (("remove", "/labels/a"), {"labels": {}}),
        (("add", "/labels/x.y", 1), {"labels": {"a": "1", "x.y": 1}}),
        (("add", "/labels/x~1y~0z", 1), {"labels": {"a": "1", "x/y~z": 1}}),
    ],
)
def test_one_operation(operation, changes):
    assert apply(operation) == changes


def test_operations_follow_each_other():
    assert apply(("remove", "/labels"), ("add", "/labels/b", 1), ("replace", "/labels/b", 2)) == {"labels": {"b": 2}}
    assert apply(("remove", "/name"), ("add", "/name", "x")) == {"name": "x"}
    assert apply() == {}


def test_the_values_of_now_are_left_alone():
    apply(("add", "/labels/b", 1), ("remove", "/labels/a"))
    assert TARGET.values["labels"] == {"a": "1"}


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (("copy", "/name", "x"), "The op of a patch operation must be add, replace or remove"),
        ((None, "/name", "x"), "The op of a patch operation"),
        ((["add"], "/name", "x"), "The op of a patch operation"),
        (("add", None, "x"), "The path of a patch operation"),
        (("add", "", "x"), "The path of a patch operation"),
        (("add", "/", "x"), "The path of a patch operation"),
        (("add", "/a b", "x"), "The path of a patch operation"),
        (("add", "/a.b", "x"), "The path of a patch operation"),
        (("add", "/labels/a/b", "x"), "The path of a patch operation"),
        (("add", "/labels/", "x"), "The path of a patch operation"),
        (("add", "/näme", "x"), "The path of a patch operation"),
        (("add", "/tags"), "The operation add on '/tags' needs a value"),
        (("replace", "/name", None), "The operation replace on '/name' needs a value"),
        (("add", "/name", "x"), "The attribute name is set already"),
        (("add", "/count", 1), "The attribute count is set already"),
        (("replace", "/uuid", "x"), "The attribute uuid cannot be changed"),
        (("replace", "/colour", "x"), "The patch could not be applied: there is no attribute 'colour'"),
        (("replace", "/name/x", "x"), "The patch could not be applied: name has no keys"),
        (("replace", "/labels/b", "x"), "The patch could not be applied: labels has no key 'b'"),
        (("remove", "/labels/b"), "The patch could not be applied: labels has no key 'b'"),
        (("remove", "/coe"), "The attribute coe cannot be removed"),
        (("replace", "/name", [1]), "The new value of name must be a text"),
        (("replace", "/labels", 1), "The new value of labels must be a JSON object"),
        (("replace", "/labels", "x"), "The new value of labels must be a JSON object"),
    ],
)
def test_what_cannot_be_applied(operation, says):
    with pytest.raises(InvalidRequest) as refused:
        apply(operation)
    assert refused.value.text.startswith(says)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["op", "path", "value", "x"]), inner),
    )
)
def test_no_document_breaks_it(document):
    with contextlib.suppress(InvalidRequest):
        assert isinstance(apply_patch(read_patch(document), TARGET), dict)
