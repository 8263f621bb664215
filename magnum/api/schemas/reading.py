"""Turn the JSON of a request into a typed value, or say in one sentence which attribute is wrong and how.

A shape is a msgspec struct; its fields are the attributes, their annotations the bounds (see `core.fields`). Clients
are of many kinds, so values are coerced the way they have always been: numbers and booleans may come as text, label
values may be numbers, and null means "not given". What remains is judged strictly.

Invariant: no text with control characters leaves here, except line ends and tabs where a text has lines.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from itertools import chain
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from magnum.core.errors import InvalidRequest

Shape = TypeVar("Shape", bound=msgspec.Struct)

TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
FALSE = frozenset({"0", "f", "false", "off", "n", "no"})
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LONGEST_KEY = 255


class Attribute(NamedTuple):
    """One attribute of a shape. `kind` is its bare type; a `default` of NODEFAULT makes it mandatory."""

    name: str
    annotation: Any
    kind: type
    description: str
    default: Any
    has_lines: bool


class Access(NamedTuple):
    """Attributes that a request may carry and that are not the requester's to choose."""

    read_only: frozenset[str] = frozenset()
    """Refused: "cannot be set"."""
    ignored: frozenset[str] = frozenset()
    """Taken and dropped, because clients send back what they were shown."""


@cache
def attributes(shape: type[msgspec.Struct]) -> Mapping[str, Attribute]:
    hints = get_type_hints(shape, include_extras=True)
    return {field.name: _attribute(field, hints[field.name]) for field in msgspec.structs.fields(shape)}


def read_object(document: object, shape: type[Shape], *, noun: str, access: Access | None = None) -> Shape:
    """Read a whole body. `noun` names in errors what is being read: "a cluster"."""
    if not isinstance(document, dict):
        raise InvalidRequest(f"The body must be a JSON object that describes {noun}.")
    known = attributes(shape)
    given = {name: value for name, value in document.items() if name not in (access or Access()).ignored}
    for name in given.keys() - known.keys():
        if access and name in access.read_only:
            raise InvalidRequest(f"The attribute {name} of {noun} is read-only and cannot be set.")
        raise InvalidRequest(f"Unknown attribute for {noun}: '{printable(name)}'.")
    return shape(**{name: read_attribute(attribute, given.get(name)) for name, attribute in known.items()})


def read_attribute(attribute: Attribute, value: Any) -> Any:
    """Read one value; null gives the default."""
    if value is None or value is msgspec.UNSET:
        if attribute.default is msgspec.NODEFAULT:
            raise InvalidRequest(f"The mandatory attribute {attribute.name} is missing.")
        return attribute.default
    try:
        value = _COERCIONS.get(attribute.kind, _as_it_is)(value)
        read = msgspec.convert(value, attribute.annotation)
    except (TypeError, ValueError):
        raise InvalidRequest(f"{attribute.name} must be {attribute.description}.") from None
    _refuse_control_characters(attribute, read)
    return read


def printable(text: str) -> str:
    """Quote what somebody sent: short, and without what could mislead a terminal or a log."""
    return _CONTROL.sub("?", text if len(text) <= 64 else text[:63] + "…")


def read_flag(value: Any) -> Any:
    """Read a boolean or one of the words for it; give everything else back as it is."""
    word = value.lower() if isinstance(value, str) else value
    if isinstance(word, str) and word in TRUE | FALSE:
        return word in TRUE
    return value


def _attribute(field: msgspec.structs.FieldInfo, hint: Any) -> Attribute:
    annotation = next((kind for kind in get_args(hint) if get_origin(kind) is Annotated), hint)
    bare, *notes = get_args(annotation)
    note = next(note for note in notes if isinstance(note, msgspec.Meta))
    default = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    return Attribute(
        name=field.name,
        annotation=annotation,
        kind=get_origin(bare) or bare,
        description=note.description or "valid",
        default=default,
        has_lines=bool((note.extra or {}).get("lines")),
    )


def _as_it_is(value: Any) -> Any:
    return value


def _read_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _read_uuid(value: Any) -> uuid.UUID:
    return uuid.UUID(str(value))


def _read_map(value: Any) -> dict[str, str]:
    """Make all values text, the way they are stored and shown: 1 is "1", true is "True"."""
    if not isinstance(value, dict):
        raise TypeError("not a map")
    texts = {}
    for key, item in value.items():
        if not isinstance(item, str | int | float) or not 1 <= len(key) <= _LONGEST_KEY:
            raise ValueError("not a flat map")
        texts[key] = str(item)
    return texts


def _refuse_control_characters(attribute: Attribute, read: Any) -> None:
    if isinstance(read, str):
        forbidden = _CONTROL_BUT_LINES if attribute.has_lines else _CONTROL
        bad = forbidden.search(read)
    elif isinstance(read, dict):
        bad = next(filter(None, map(_CONTROL.search, read)), None)
        bad = bad or next(filter(None, map(_CONTROL_BUT_LINES.search, read.values())), None)
    elif isinstance(read, tuple):
        texts = [text for item in read for text in (chain(*item.items()) if isinstance(item, dict) else (item,))]
        bad = next(filter(None, map(_CONTROL.search, texts)), None)
    else:
        return
    if bad:
        raise InvalidRequest(f"{attribute.name} must not contain the control character U+{ord(bad.group()):04X}.")


_COERCIONS: dict[type, Callable[[Any], Any]] = {
    int: _read_number,
    bool: read_flag,
    dict: _read_map,
    uuid.UUID: _read_uuid,
}
