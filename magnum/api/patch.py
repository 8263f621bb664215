"""JSON patches: from the operations that a client sent to the attributes that they change.

The dialect is the reference's: add, replace and remove on a top-level attribute or on one key of a map. `remove` of an
attribute resets it to its default. A map is replaced by an object, a list by a list, or by the text of one, which older
clients send.
Values are judged afterwards like those of a new resource; here only the patch itself is.
"""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from magnum.core.errors import InvalidRequest

from .literals import NotAListError, NotAMapError, read_list, read_map
from .schemas.reading import printable

INTERNAL = frozenset({"created_at", "id", "links", "updated_at", "uuid", "project_id", "user_id"})
_ATTRIBUTE, _KEY = r"[a-zA-Z0-9_-]{1,255}", r"[^/\x00-\x1f]{1,1024}"
_PATH = re.compile(f"/(?P<attribute>{_ATTRIBUTE})(?:/(?P<key>{_KEY}))?")


class Op(StrEnum):
    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


class PatchOperation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation as a client sends it. `add` and `replace` need a value."""

    op: Op
    path: Annotated[str, msgspec.Meta(pattern=f"^/{_ATTRIBUTE}(/{_KEY})?$")]
    value: Any = None


class Change(msgspec.Struct, frozen=True):
    """One operation. `key` is set when it is about one key of a map. `value` is None for a removal only."""

    op: Op
    attribute: str
    key: str | None
    value: Any


class Patchable(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource lets patches do. `values` are the attributes as they are shown now."""

    values: Mapping[str, Any]
    maps: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    internal: frozenset[str] = INTERNAL
    not_removable: frozenset[str] = frozenset()


def read_patch(document: object) -> tuple[Change, ...]:
    if not isinstance(document, list):
        raise InvalidRequest("The body must be a JSON list of patch operations.")
    return tuple(_read_change(item) for item in document)


def apply_patch(changes: tuple[Change, ...], target: Patchable) -> dict[str, Any]:
    """Give the attributes that the patch sets, with their raw new values; UNSET for those to be reset."""
    values = dict(target.values)
    for change in changes:
        _check(change, target)
        if change.key is None:
            values[change.attribute] = _new_value(change, values, target)
        else:
            values[change.attribute] = _new_map(change, values[change.attribute])
    return {change.attribute: values[change.attribute] for change in changes}


def changeable(values: Mapping[str, Any], target: Patchable, known: Collection[str], noun: str) -> dict[str, Any]:
    """Give those of the new values that may be set; refuse any other that differs from what is shown."""
    frozen = [name for name, value in values.items() if name not in known and _differs(value, target.values[name])]
    if frozen:
        raise InvalidRequest(f"These attributes of {noun} cannot be changed: {', '.join(sorted(frozen))}.")
    return {name: value for name, value in values.items() if name in known}


def _read_change(item: object) -> Change:
    if not isinstance(item, dict):
        raise InvalidRequest("Each patch operation must be a JSON object with op and path.")
    for name in item.keys() - set(PatchOperation.__struct_fields__):
        raise InvalidRequest(f"Unknown member of a patch operation: '{printable(name)}'.")
    op, path, value = item.get("op"), item.get("path"), item.get("value")
    if op not in tuple(Op):
        raise InvalidRequest("The op of a patch operation must be add, replace or remove.")
    match = _PATH.fullmatch(path) if isinstance(path, str) else None
    if match is None:
        raise InvalidRequest("The path of a patch operation must be like /attribute or /attribute/key.")
    if op == Op.REMOVE:
        value = None
    elif value is None:
        raise InvalidRequest(f"The operation {op} on '{printable(str(path))}' needs a value.")
    key = match["key"]
    return Change(Op(op), match["attribute"], key and key.replace("~1", "/").replace("~0", "~"), value)


def _check(change: Change, target: Patchable) -> None:
    name = change.attribute
    if name in target.internal:
        raise InvalidRequest(f"The attribute {name} cannot be changed.")
    if name not in target.values:
        raise InvalidRequest(f"The patch could not be applied: there is no attribute '{printable(name)}'.")
    if change.key is not None and name not in target.maps:
        raise InvalidRequest(f"The patch could not be applied: {name} has no keys.")
    if change.op is Op.REMOVE and change.key is None and name in target.not_removable:
        raise InvalidRequest(f"The attribute {name} cannot be removed.")


def _differs(value: Any, current: Any) -> bool:
    return bool(current) if value is msgspec.UNSET else value != current


def _new_value(change: Change, values: dict[str, Any], target: Patchable) -> Any:
    name = change.attribute
    if change.op is Op.REMOVE:
        return msgspec.UNSET
    if change.op is Op.ADD and values[name] not in (None, {}, [], (), msgspec.UNSET):
        raise InvalidRequest(f"The attribute {name} is set already: use replace instead of add.")
    if name in target.maps:
        return _whole_map(name, change.value)
    if name in target.lists:
        return _whole_list(name, change.value)
    if isinstance(change.value, dict | list):
        raise InvalidRequest(f"The new value of {name} must be a text, a number or a boolean.")
    return change.value


def _whole_map(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            return read_map(value)
        except NotAMapError:
            value = None
    if not isinstance(value, dict):
        raise InvalidRequest(f"The new value of {name} must be a JSON object, or the text of one.")
    return dict(value)


def _whole_list(name: str, value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            return read_list(value)
        except NotAListError:
            value = None
    if not isinstance(value, list):
        raise InvalidRequest(f"The new value of {name} must be a JSON list, or the text of one.")
    return value


def _new_map(change: Change, current: Any) -> dict[str, Any]:
    """Change one key; the map is made if there is none."""
    new: dict[str, Any] = dict(current) if isinstance(current, dict) else {}
    assert change.key is not None
    if change.op is not Op.ADD and change.key not in new:
        raise InvalidRequest(
            f"The patch could not be applied: {change.attribute} has no key '{printable(change.key)}'."
        )
    if change.op is Op.REMOVE:
        del new[change.key]
    else:
        new[change.key] = change.value
    return new
