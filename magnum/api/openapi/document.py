"""The OpenAPI document: it walks the routes and writes down what each operation promises.

What every operation has in common is said here, once: who asks, the microversion, what a body may be, how it is
refused. Examples are recorded from the service itself (`examples.json`); a test plays them again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from inspect import getmodule
from typing import Any
from urllib.parse import urlsplit

import msgspec

from magnum.api.contract import Body, Operation, Query
from magnum.api.discovery import DESCRIPTION, NAME
from magnum.api.microversions import HEADER, MAXIMUM, MINIMUM, Version
from magnum.api.routes import Route
from magnum.api.schemas.reading import attributes

from . import headers, refusals
from .examples import Exchange, read_examples
from .shapes import JsonSchema, Shapes

SERVER = "{server}"
"""Stands for the address of the service, which is known when the document is asked for."""
_JSON = "application/json"
_PUBLIC = frozenset({"/", "/v1", "/v1/openapi.json"})
_PATH_PARAMETERS = {
    "ident": "the UUID or the name",
    "nodegroup": "the UUID or the name of the node group",
    "project": "the project",
    "resource": "what is limited: Cluster",
    "ca_type": "which of the CAs: kubernetes, etcd, front-proxy; anything else is the first",
    "action": "any other action",
}
_SECURITY = {
    "basic": {"type": "http", "scheme": "basic", "description": "auth_strategy = http_basic"},
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
        "description": "A token of Keystone; with auth_strategy = http_basic also name:password.",
    },
}
_ABOUT = f"""{DESCRIPTION}

A request says in the header {HEADER} which microversion it wants, {MINIMUM} to {MAXIMUM}; without it that is
{MINIMUM}. Attributes, parameters and operations that came or went with one say so (`x-openstack-min-version`,
`x-openstack-max-version`). Operations marked `x-openstack-extension` are this service's own, at every microversion.

Values of a body are read leniently: numbers and booleans may come as text, values of maps may be numbers, and null
means "not given". Paths are served without /v1 as well. `/healthcheck` answers without credentials."""


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


class Document(msgspec.Struct, frozen=True, omit_defaults=True, rename={"spec_version": "openapi"}):
    """An OpenAPI document."""

    spec_version: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    tags: list[dict[str, str]]
    security: list[dict[str, list[str]]]
    paths: dict[str, dict[str, Any]]
    components: dict[str, Any]


def make_document(routes: Sequence[Route]) -> Document:
    return _Writer(routes).write()


class _Writer:
    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._shapes = Shapes([operation for route in routes for _, operation in route.operations()])
        self._examples: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in read_examples():
            self._examples[exchange.operation].append(exchange)

    def write(self) -> Document:
        return Document(
            spec_version="3.1.0",
            info={"title": NAME, "description": _ABOUT, "version": str(MAXIMUM), "license": _LICENSE},
            servers=[{"url": SERVER}],
            tags=list({tag["name"]: tag for tag in map(_tag, self._routes)}.values()),
            security=[{name: []} for name in _SECURITY],
            paths={route.path: self._path_item(route) for route in self._routes},
            components={
                "schemas": self._shapes.components,
                "securitySchemes": _SECURITY,
                "parameters": headers.PARAMETERS,
                "headers": headers.HEADERS,
                "responses": refusals.components(self._shapes),
            },
        )

    def _path_item(self, route: Route) -> JsonSchema:
        operations = {
            method.lower(): self._operation(route, method, operation) for method, operation in route.operations()
        }
        parameters = [*self._path_parameters(route)]
        nothing = {"description": "There is nothing to do here: every method is answered with 405."}
        return ({"parameters": parameters} if parameters else {}) | (operations or nothing)

    def _path_parameters(self, route: Route) -> Iterator[JsonSchema]:
        known = [exchange for method, operation in route.operations() for exchange in self._of(method, operation)]
        for position, part in enumerate(route.path.split("/")):
            if part.startswith("{"):
                parameter = _path_parameter(part[1:-1])
                if known:
                    parameter["example"] = urlsplit(known[0].path).path.split("/")[position]
                yield parameter

    def _of(self, method: str, operation: Operation) -> list[Exchange]:
        return self._examples[operation_id(method, operation)]

    def _operation(self, route: Route, method: str, operation: Operation) -> JsonSchema:
        name = operation_id(method, operation)
        described: JsonSchema = {
            "operationId": name,
            "summary": operation.summary,
            "description": _description(operation),
            "tags": [_tag(route)["name"]],
            "parameters": [*_header_parameters(route, operation), *map(_query, operation.query)],
            "responses": dict(sorted(self._responses(route, method, operation).items())),
        }
        if operation.body is not None:
            described["requestBody"] = self._body(operation.body, self._of(method, operation))
        if route.path in _PUBLIC:
            described["security"] = []
        return described | _marks(operation)

    def _body(self, body: Body, known: Iterable[Exchange]) -> JsonSchema:
        sent = {exchange.name: {"value": exchange.body} for exchange in known if exchange.body is not None}
        return {"required": not body.is_optional, "content": self._content(body.shapes, sent)}

    def _content(self, shapes: Sequence[Any], examples: JsonSchema) -> JsonSchema:
        schemas = [self._shapes.reference(shape) for shape in shapes]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        return {_JSON: {"schema": schema} | ({"examples": examples} if examples else {})}

    def _responses(self, route: Route, method: str, operation: Operation) -> dict[str, JsonSchema]:
        responses: dict[str, JsonSchema] = {}
        shows_tag = route.resource.has_tag and method == "GET"
        for status, answer in operation.answers.items():
            names = (*answer.headers, "ETag") if shows_tag else answer.headers
            response: JsonSchema = {
                "description": HTTPStatus(status).phrase,
                "headers": headers.of_answer(route.path, names),
            }
            if answer.shape is not None:
                known = [exchange for exchange in self._of(method, operation) if exchange.status == status]
                shown = {exchange.name: {"value": exchange.answer} for exchange in known if exchange.answer is not None}
                response["content"] = self._content((answer.shape,), shown)
                links = dict(self._links(route, method, answer.shape))
                response |= {"links": links} if links else {}
            responses[str(status)] = response
        if shows_tag:
            shown_already = "It is what If-None-Match names."
            responses["304"] = {"description": shown_already, "headers": headers.of_answer(route.path, ("ETag",))}
        for status in _refusals(route, method, operation):
            responses[str(status)] = {"$ref": f"#/components/responses/{refusals.name(status)}"}
        return responses

    def _links(self, route: Route, method: str, shape: Any) -> Iterator[tuple[str, JsonSchema]]:
        """Lead from what was made to what can be done with it."""
        if method != "POST" or "uuid" not in getattr(shape, "__struct_fields__", ()):
            return
        given = {name: f"$request.path.{name}" for name in _names_in(route.path)}
        for other in self._routes:
            below = other.path.removeprefix(f"{route.path}/")
            new = _names_in(below)
            if below == other.path or not below.startswith("{") or len(new) != 1:
                continue
            parameters = given | {new[0]: "$response.body#/uuid"}
            for method_there, operation in other.operations():
                name = operation_id(method_there, operation)
                yield name, {"operationId": name, "parameters": parameters}


def operation_id(method: str, operation: Operation) -> str:
    """Give its name; handlers that only refuse stand for several methods."""
    return operation.id if operation.answers else f"{method.lower()}_{operation.id}"


def _path_parameter(name: str) -> JsonSchema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _PATH_PARAMETERS[name],
        "schema": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
    }


def _header_parameters(route: Route, operation: Operation) -> list[JsonSchema]:
    parameters: list[JsonSchema] = []
    if operation.since or operation.until:
        parameters.append(headers.version_parameter(operation.since, operation.until))
    elif route.path != "/":
        parameters.append({"$ref": f"#/components/parameters/{HEADER}"})
    if route.resource.has_tag:
        parameters += [{"$ref": f"#/components/parameters/{name}"} for name in ("If-Match", "If-None-Match")]
    return parameters


def _query(query: Query) -> JsonSchema:
    schema = msgspec.json.schema(query.kind)
    parameter = {"name": query.name, "in": "query", "description": query.description, "schema": schema}
    return parameter | ({"x-openstack-min-version": str(query.since)} if query.since else {})


def _marks(operation: Operation) -> JsonSchema:
    marks: JsonSchema = {}
    if operation.since:
        marks["x-openstack-min-version"] = str(operation.since)
    if operation.until:
        marks["x-openstack-max-version"] = str(Version(operation.until.major, operation.until.minor - 1))
        marks["deprecated"] = True
    if operation.is_extension:
        marks["x-openstack-extension"] = True
    return marks


def _description(operation: Operation) -> str:
    said = [f"{operation.summary}."]
    if operation.rule:
        said.append(f"It needs the policy rule `{operation.rule}`.")
    if operation.since:
        said.append(f"From microversion {operation.since} on; refused before.")
    if operation.until:
        said.append(f"Before microversion {operation.until}; 404 from then on.")
    if operation.is_extension:
        said.append("An extension of this service.")
    if operation.body is not None and operation.body.changes is not None:
        names = ", ".join(f"`{name}`" for name in attributes(operation.body.changes))
        said.append(f"A JSON patch; it can change {names}.")
    return " ".join(said)


def _refusals(route: Route, method: str, operation: Operation) -> set[int]:
    """Give all statuses with which the operation may be refused."""
    if route.path == "/":
        return set()
    statuses = {400, 406, 415, *operation.refusals}
    if route.path not in _PUBLIC:
        statuses |= {401, 403, 429, 503}
    if "{" in route.path or operation.until:
        statuses.add(404)
    if operation.body is not None:
        statuses.add(413)
    if route.resource.has_tag or method != "GET":
        statuses.add(412)
    return statuses


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _tag(route: Route) -> dict[str, str]:
    """Take the module that serves it: its name, and what it says of itself first."""
    module = getmodule(type(route.resource))
    assert module is not None
    about = (module.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    return {"name": module.__name__.split(".")[2], "description": about}
