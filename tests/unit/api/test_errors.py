"""Errors as clients read them: the first sentence is the title."""

import json

import pytest

from magnum.api.errors import document


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("There is no v1.21.0 here. Take v1.29.1.", "There is no v1.21.0 here"),
        ("The file magnum.conf names 10.0.0.1.", "The file magnum.conf names 10.0.0.1"),
        ("Two lines.\nAnd more.", "Two lines"),
        ("No full stop", "No full stop"),
        ("", ""),
    ],
)
def test_the_title_is_the_first_sentence(text, title):
    [error] = json.loads(document(400, "client", text))["errors"]
    assert (error["title"], error["detail"]) == (title, text)
