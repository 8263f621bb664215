"""Maps that come as text."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnum.api.literals import NotAMapError, read_map

FLAT = st.dictionaries(st.text(), st.text() | st.integers(-(10**19), 10**19) | st.booleans() | st.none(), max_size=5)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("{}", {}),
        (" { } ", {}),
        ('{"a": "b"}', {"a": "b"}),
        ("{'a': 'b'}", {"a": "b"}),
        (
            "{u'a': u\"b\", 'c': 1, 'd': 1.5, 'e': True, 'f': None, 'g': -2,}",
            {"a": "b", "c": 1, "d": 1.5, "e": True, "f": None, "g": -2},
        ),
        ('{\'it\\\'s\': "say \\"x\\""}', {"it's": 'say "x"'}),
        ("{'node-1.Ready': 'True', 'api': 'ok'}", {"node-1.Ready": "True", "api": "ok"}),
        ("{'a': '{}', 'b': ','}", {"a": "{}", "b": ","}),
        ("{'a': 1, 'a': 2}", {"a": 2}),
    ],
)
def test_a_map_is_read(text, read):
    assert read_map(text) == read


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a",
            "1",
            "[]",
            "[1]",
            "null",
            "{",
            "}",
            "{,}",
            "{'a'}",
            "{'a':}",
            "{'a': 1 'b': 2}",
            "{1: 2}",
            "{'a': b}",
        ),
        *(
            "{'a': {'b': 1}}",
            "{'a': [1]}",
            "{'a': __import__('os')}",
            "{'a': 1}; x",
            "{'a': '\\x'}",
            "{'a': 'b}",
            "{'a: 1}",
        ),
        *("{'a': 1,, 'b': 2}", "{'a': 'b\n'}", "f{'a': 1}", "{f'a': 1}", "{b'a': 1}", "{'a': 1e5}", "dict(a=1)"),
        "-" * 50_000,
        "{" * 50_000,
        "{'a':" * 50_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_anything_else_is_not(text):
    with pytest.raises(NotAMapError):
        read_map(text)


@given(FLAT)
def test_whatever_python_prints_is_read_back(mapping):
    assert read_map(repr(mapping)) == mapping


@given(st.text())
def test_no_text_breaks_it(text):
    with contextlib.suppress(NotAMapError):
        assert isinstance(read_map(text), dict)
