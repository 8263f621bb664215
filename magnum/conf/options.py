"""How the field of a section becomes an option of oslo.config, and its value becomes the field again.

The type of the field decides the type of the option: bool, int, float, str, a tuple of strings (a list), a mapping to
numbers, an IPv4 network, or a path. `X | None` is an option that may be unset. A path is made absolute when it is read,
so that a later change of the working directory changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from oslo_config import cfg
from oslo_config import types as oslo_types

AS_THE_FIELD: Any = object()
"""The option's default is the field's."""

Section = TypeVar("Section", bound=msgspec.Struct)


@dataclass(frozen=True)
class Option:
    """What a field's type and default do not say.

    `default` is for one that refers to other options (`$state_path/…`), `sample` for one that differs from host to
    host. `old` is the (section, name) under which older files have it. `unused` says why it has no effect any more.
    """

    help: str
    default: Any = AS_THE_FIELD
    sample: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] | None = None
    kind: type[oslo_types.ConfigType] | None = None
    secret: bool = False
    old: tuple[str, str] | None = None
    unused: str | None = None


def oslo_options(section: type[msgspec.Struct]) -> list[cfg.Opt]:
    """Make the options of a section, in the order of its fields."""
    return [_oslo_option(field, kind, option) for field, kind, option in _described(section)]


def read_section(section: type[Section], values: Any) -> Section:
    """Build a section from what oslo.config has read for it; what is unset keeps the field's default.

    Raises ValueError, naming the option.
    """
    read: dict[str, Any] = {}
    for field, kind, _ in _described(section):
        try:
            value = _value(kind, values[field.name])
        except (cfg.Error, ValueError) as error:
            # oslo.config wraps the reason in the inner life of its parser.
            reason = error.__context__ if isinstance(error, cfg.ConfigFileValueError) else error
            raise ValueError(f"{field.name}: {reason}") from error
        if value is not None:
            read[field.name] = value
    return section(**read)


def _described(section: type[msgspec.Struct]) -> Iterator[tuple[msgspec.structs.FieldInfo, Any, Option]]:
    """Give each field with its bare type (no `| None`) and its Option."""
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        hint, option = get_args(hints[field.name])
        alternatives = [kind for kind in get_args(hint) if kind is not type(None)]
        optional = type(None) in get_args(hint)
        yield field, alternatives[0] if optional else hint, option


def _oslo_option(field: msgspec.structs.FieldInfo, kind: Any, option: Option) -> cfg.Opt:
    default = _field_default(field) if option.default is AS_THE_FIELD else option.default
    old = [cfg.DeprecatedOpt(option.old[1], group=option.old[0])] if option.old else None
    return cfg.Opt(
        field.name,
        type=_oslo_type(kind, option),
        default=default,
        sample_default=option.sample,
        help=option.help,
        secret=option.secret,
        deprecated_opts=old,
        deprecated_for_removal=option.unused is not None,
        deprecated_reason=option.unused,
    )


def _field_default(field: msgspec.structs.FieldInfo) -> Any:
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(default, tuple):
        return list(default)
    return str(default) if isinstance(default, Path | IPv4Network) else default


def _oslo_type(kind: Any, option: Option) -> oslo_types.ConfigType:
    if option.kind is not None:
        return option.kind()
    if kind in (int, float):
        number = oslo_types.Integer if kind is int else oslo_types.Float
        return number(min=option.minimum, max=option.maximum)
    if kind is bool:
        return oslo_types.Boolean()
    if get_origin(kind) is tuple:
        return oslo_types.List()
    if get_origin(kind) is dict:
        return oslo_types.Dict(value_type=oslo_types.Float())
    return oslo_types.String(choices=option.choices)


def _value(kind: Any, value: Any) -> Any:
    """Turn what oslo.config gives into the field's type."""
    if value is None or (kind is Path and not value):
        return None
    if kind is Path:
        return Path(value).absolute()
    if kind is IPv4Network:
        return IPv4Network(value)
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], item) for item in value)
    return value
