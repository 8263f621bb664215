"""Parameters and outputs of a stack, declared: what each is called, its type, and where its value comes from.

A driver adds its own by adding to a tuple. Pure: the values come from whatever source the driver fills.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

Json = Any
S = TypeVar("S")


class Kind(StrEnum):
    """The types that HOT has."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "comma_delimited_list"
    JSON = "json"


class Parameter(msgspec.Struct, Generic[S], frozen=True):
    """One that a driver declares beside those of the template gets into the template by `declaration`."""

    name: str
    kind: Kind
    source: Callable[[S], Json]
    """Gives None for what is not sent: the default of the template holds then."""
    hidden: bool = False
    """Whether Heat shows stars in its place."""
    description: str = ""

    def declaration(self) -> dict[str, Json]:
        return {
            "type": str(self.kind),
            "description": self.description,
            "hidden": self.hidden,
            "default": _EMPTY[self.kind],
        }


class Output(msgspec.Struct, frozen=True):
    """What is read back, and what it is called where it goes to."""

    name: str
    target: str


_EMPTY: dict[Kind, Json] = {Kind.STRING: "", Kind.NUMBER: 0, Kind.BOOLEAN: False, Kind.LIST: [], Kind.JSON: {}}


def evaluate(parameters: Iterable[Parameter[S]], source: S) -> dict[str, Json]:
    """Give the values that are to be sent."""
    values = {parameter.name: parameter.source(source) for parameter in parameters}
    return {name: value for name, value in values.items() if value is not None}


def read(outputs: Iterable[Output], found: dict[str, Json]) -> dict[str, Json]:
    """Give what a stack says under the names of its targets. What it does not say, or not yet, is None."""
    return {output.target: found.get(output.name) or None for output in outputs}
