"""Headers that requests and answers of many operations have."""

from typing import Any

from magnum.api.microversions import HEADER, MAXIMUM, MINIMUM, SERVICE, SERVICES, Version

_VERSION = {"type": "string", "pattern": f"^({'|'.join(SERVICES)}) {MINIMUM.major}\\.[0-9]+$"}
_TAGS = {"type": "string", "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'}

_SOME_TAGS = {"tag": {"value": '"5-d41d8cd98f00b204e9800998"'}, "any": {"value": "*"}}


def version_parameter(since: Version | None = None, until: Version | None = None) -> dict[str, Any]:
    """Describe the header of the microversion for what is there from one version on, or before another."""
    first = since or MINIMUM
    minors = range(first.minor, until.minor if until else MAXIMUM.minor + 1)
    versions = [f"{SERVICE} {Version(first.major, minor)}" for minor in minors]
    newest = [] if until else [f"{SERVICE} latest"]
    usual = {} if since else {"default": f"{SERVICE} {MINIMUM}"}
    return {
        "name": HEADER,
        "in": "header",
        "required": since is not None,
        "description": f"The microversion, {MINIMUM} to {MAXIMUM}, or latest. Without it: {MINIMUM}.",
        "schema": {"type": "string", "enum": versions + newest} | usual,
        "example": versions[-1],
    }


PARAMETERS: dict[str, dict[str, Any]] = {
    HEADER: version_parameter(),
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": "Do it only while the resource has one of these ETags; 412 otherwise.",
        "schema": _TAGS,
        "examples": _SOME_TAGS,
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Do it only if the resource has none of these ETags; 304 to a GET otherwise, 412 to others.",
        "schema": _TAGS,
        "examples": {"tag": _SOME_TAGS["tag"]},
    },
}

HEADERS: dict[str, dict[str, Any]] = {
    "x-openstack-request-id": {
        "description": "Under which the request is found in the service's log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^req-[0-9a-f-]{36}$"},
    },
    HEADER: {"description": "The microversion of the answer.", "required": True, "schema": _VERSION},
    "OpenStack-API-Minimum-Version": {
        "description": "The oldest microversion.",
        "required": True,
        "schema": _VERSION,
    },
    "OpenStack-API-Maximum-Version": {
        "description": "The newest microversion.",
        "required": True,
        "schema": _VERSION,
    },
    "Vary": {
        "description": "What the answer depends on beside the path.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The strong tag of what is shown.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[!#-~]+"$'},
    },
    "Location": {
        "description": "Where what was made is found.",
        "required": True,
        "schema": {"type": "string", "format": "uri"},
    },
    "Health-Observed-At": {
        "description": "When the cluster's health was observed, where a conductor looks at it (an extension).",
        "schema": {"type": "string", "format": "date-time"},
    },
    "WWW-Authenticate": {
        "description": "How to say who asks.",
        "schema": {"type": "string"},
    },
}
_REQUEST_ID = "x-openstack-request-id"
_OF_VERSIONS = (HEADER, "OpenStack-API-Minimum-Version", "OpenStack-API-Maximum-Version", "Vary")


def of_answer(path: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Give the headers of an answer to what was done as asked."""
    return _references((_REQUEST_ID, *(() if path == "/" else _OF_VERSIONS), *names))


def of_refusal(status: int) -> dict[str, Any]:
    """Give those of a refusal, which may come before anybody has looked at the microversion."""
    return _references((_REQUEST_ID, "WWW-Authenticate") if status == 401 else (_REQUEST_ID,))


def _references(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
