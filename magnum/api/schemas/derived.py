"""Types of answers that come from others: older names of the same things, and attributes that versions have."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from magnum.api.microversions import Version


def derive(
    name: str,
    base: type[msgspec.Struct],
    *,
    without: Collection[str] = (),
    renamed: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> type[msgspec.Struct]:
    """Make the type of an answer that shows the same with fewer attributes, or by other names."""
    names = renamed or {}
    kept = [
        (names.get(field.name, field.name), field.type, msgspec.field(default=field.default))
        for field in msgspec.structs.fields(base)
        if field.name not in without
    ]
    return msgspec.defstruct(name, [*kept, *(more or {}).items()], frozen=True, kw_only=True)


def since(version: Version) -> msgspec.Meta:
    """Say of an attribute that it is there from a microversion on."""
    return msgspec.Meta(extra_json_schema={"x-openstack-min-version": str(version)})


def until(version: Version) -> msgspec.Meta:
    """Say of an attribute that it is gone from a microversion on."""
    last = Version(version.major, version.minor - 1)
    return msgspec.Meta(extra_json_schema={"x-openstack-max-version": str(last)})
