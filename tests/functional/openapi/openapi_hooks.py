"""A check of our own for schemathesis: bad data is refused, but for what is documented to be read leniently."""

from typing import Any

import jsonschema
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.specs.openapi.checks import negative_data_rejection

from magnum.api.schemas.reading import FALSE, TRUE


@schemathesis.check
def refuses_bad_data(ctx: Any, response: Any, case: Any) -> bool | None:
    try:
        return negative_data_rejection(ctx, response, case)
    except AcceptedNegativeData:
        if not is_good_by_leniency(case):
            raise
        return None


def is_good_by_leniency(case: Any) -> bool:
    """Tell whether the request is a good one once it is read as the document's description says."""
    document = case.operation.schema.raw_schema
    operation = document["paths"][case.operation.path][case.operation.method.lower()]
    for parameter in operation["parameters"]:
        name = parameter.get("name")
        if parameter.get("in") == "query" and name in (case.query or {}):
            value = read(case.query[name], parameter["schema"], document)
            if not is_valid(value, parameter["schema"], document):
                return False
    if "requestBody" not in operation:
        return True
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return is_valid(read(case.body, schema, document), schema, document)


def read(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> Any:
    """Read a value as the first of the schema's choices by which it is good; as it is if there is none."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", []):
        found = read(value, choice, document)
        if is_valid(found, choice, document):
            return found
    return read_as(value, schema, document)


def read_as(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> Any:
    match schema.get("type"), value:
        case "integer", str() if value.strip().removeprefix("+").removeprefix("-").isdigit():
            return int(value)
        case "boolean", str() if value.lower() in TRUE | FALSE:
            return value.lower() in TRUE
        case "object", dict() if "properties" in schema:
            return read_object(value, schema["properties"], document)
        case "object", dict():
            return {name: str(item) if isinstance(item, int | float) else item for name, item in value.items()}
        case "array", list():
            return [read(item, schema["items"], document) for item in value]
    return value


def read_object(value: dict[str, Any], properties: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not given or dropped, and read the rest."""
    known = {name: item for name, item in value.items() if item is not None or name not in properties}
    known = {name: item for name, item in known.items() if not properties.get(name, {}).get("readOnly")}
    return {name: read(item, properties.get(name, {}), document) for name, item in known.items()}


def is_valid(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> bool:
    validator = jsonschema.Draft202012Validator(schema | {"components": document["components"]})
    return bool(validator.is_valid(value))
