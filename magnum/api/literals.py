"""Read a map, or a list of maps, that a client sent as text: JSON, or the way that Python prints one.

The command line has always sent `"{'a': '1'}"`. Only flat maps of texts, numbers, booleans and None are understood,
token by token; nothing is evaluated, and nothing nests any deeper, so no text is too deep or too costly.
"""

import ast
import re
from typing import Any

import msgspec

_WORDS = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_COMMA = ("mark", ",")
_END = ("mark", "}")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text> [uU]?'(?:[^'\\\n]|\\.)*' | [uU]?"(?:[^"\\\n]|\\.)*" )
      | (?P<number> -?[0-9]{1,20}(?:\.[0-9]{1,20})? )
      | (?P<word> True|False|None|true|false|null )
      | (?P<mark> [{}\[\]:,] )
    )\s*""",
    re.VERBOSE,
)


class NotAMapError(ValueError):
    """The text is not a flat map."""


class NotAListError(ValueError):
    """The text is not a list of flat maps."""


def read_map(text: str) -> dict[str, Any]:
    try:
        read = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        read = _read_python_map(_tokens(text))
    if not isinstance(read, dict):
        raise NotAMapError
    return read


def read_list(text: str) -> list[Any]:
    try:
        read = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        try:
            read = _read_python_list(_tokens(text))
        except NotAMapError:
            raise NotAListError from None
    if not isinstance(read, list):
        raise NotAListError
    return read


def _read_python_list(tokens: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Check the sequence `[ map , … ]`; a comma before the closing bracket is fine."""
    if len(tokens) < 2 or tokens[0] != ("mark", "[") or tokens[-1] != ("mark", "]"):
        raise NotAListError
    start, last, read = 1, len(tokens) - 1, []
    while start < last:
        try:
            end = tokens.index(_END, start, last) + 1
        except ValueError:
            raise NotAListError from None
        read.append(_read_python_map(tokens[start:end]))
        if end < last and tokens[end] != _COMMA:
            raise NotAListError
        start = end + 1
    return read


def _read_python_map(tokens: list[tuple[str, Any]]) -> dict[str, Any]:
    """Check the sequence `{ key : value , … }`; a comma before the closing brace is fine."""
    if len(tokens) < 2 or tokens[0] != ("mark", "{") or tokens[-1] != ("mark", "}"):
        raise NotAMapError
    items = tokens[1:-1]
    if items and items[-1] != _COMMA:
        items.append(_COMMA)
    read = {}
    for start in range(0, len(items), 4):
        match items[start : start + 4]:
            case [("value", str(key)), ("mark", ":"), ("value", value), ("mark", ",")]:
                read[key] = value
            case _:
                raise NotAMapError
    return read


def _tokens(text: str) -> list[tuple[str, Any]]:
    tokens: list[tuple[str, Any]] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotAMapError
        position = match.end()
        token = match.group(match.lastgroup or "")
        tokens.append(("mark", token) if match.lastgroup == "mark" else ("value", _value(match.lastgroup, token)))
    return tokens


def _value(kind: str | None, token: str) -> Any:
    if kind == "word":
        return _WORDS[token]
    if kind == "number":
        return float(token) if "." in token else int(token)
    try:
        return ast.literal_eval(token)  # one string literal and nothing else, by the pattern above
    except (SyntaxError, ValueError):  # a broken escape
        raise NotAMapError from None
