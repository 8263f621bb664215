"""Refusals that any operation may answer with, each with its reason."""

from http import HTTPStatus
from typing import Any

import msgspec

from magnum.api import errors
from magnum.api.schemas.errors import Errors, VersionErrors

from . import headers
from .shapes import JsonSchema, Shapes

_REASONS = {
    400: ("client", "node_count must be a whole number from 0 to 10000."),
    401: ("client", "The user name or the password is wrong, or not given."),
    403: ("client", "You are not allowed to do this: it needs the policy rule cluster:create."),
    404: ("client", "Cluster web could not be found."),
    406: ("", "Answers are application/json."),
    409: ("client", "The cluster template swarm has just been changed by somebody else. Try again."),
    412: ("client", "It has been changed since you looked, so nothing was done. Look at it again and decide anew."),
    413: ("client", "The body is larger than 1048576 bytes, which is the most that is accepted."),
    415: ("", "The body must be application/json."),
    429: ("client", "Too many passwords are being verified. Try again shortly."),
    503: ("server", "The database does not answer. Try again shortly."),
}


def name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.replace("-", " ").split())


def components(shapes: Shapes) -> dict[str, Any]:
    return {name(status): _response(status, code, text, shapes) for status, (code, text) in _REASONS.items()}


def _response(status: int, code: str, text: str, shapes: Shapes) -> JsonSchema:
    schema = shapes.reference(Errors)
    if status == 406:
        schema = {"anyOf": [schema, shapes.reference(VersionErrors)]}
    example = msgspec.json.decode(errors.document(status, code, text))
    return {
        "description": f"{HTTPStatus(status).phrase}: {HTTPStatus(status).description or 'see the text'}.",
        "headers": headers.of_refusal(status),
        "content": {"application/json": {"schema": schema, "example": example}},
    }
