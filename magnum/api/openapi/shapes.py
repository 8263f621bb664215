"""Types as JSON Schema: what a body is read into, and what an answer is made of.

`msgspec` says what a type is; what is added here is what reading adds: an unknown attribute is refused, and of those
that a client was shown some are taken and dropped (`Access`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from magnum.api.contract import Operation
from magnum.api.patch import PatchOperation
from magnum.api.schemas.errors import Errors, VersionErrors
from magnum.api.schemas.reading import Access

JsonSchema = dict[str, Any]
REFERENCE = "#/components/schemas/{name}"
_DROPPED = {"readOnly": True, "description": "Taken and dropped: clients send back what they were shown."}


class Shapes:
    """The schemas of all types that operations name."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._bodies = [operation.body for operation in operations if operation.body is not None]
        answers = [answer for operation in operations for answer in operation.answers.values()]
        types = [shape for body in self._bodies for shape in body.shapes] + [
            answer.shape for answer in answers if answer.shape
        ]
        self._types = list(dict.fromkeys([*types, Errors, VersionErrors]))
        references, components = msgspec.json.schema_components(self._types, ref_template=REFERENCE)
        self._references = dict(zip(self._types, references, strict=True))
        for body in self._bodies:
            for shape in body.shapes:
                _close(components, shape, body.access)
        components[PatchOperation.__name__]["properties"]["value"] = {"description": "the new value"}
        self.components: Mapping[str, JsonSchema] = components

    def reference(self, shape: Any) -> JsonSchema:
        reference: JsonSchema = self._references[shape]
        return reference


def _close(components: dict[str, JsonSchema], shape: Any, access: Access) -> None:
    """Say that a body has no other attributes than those that are known."""
    name = getattr(shape, "__name__", None)
    schema = components.get(name or "")
    if schema is not None:
        schema["additionalProperties"] = False
        schema["properties"] |= dict.fromkeys(sorted(access.ignored), _DROPPED)
        for attribute in schema["properties"].values():
            _close_reference(components, attribute)


def _close_reference(components: dict[str, JsonSchema], attribute: JsonSchema) -> None:
    name = attribute.get("$ref", "").rpartition("/")[2]
    if name in components:
        components[name]["additionalProperties"] = False
