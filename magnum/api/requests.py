"""A request as our resources see it: who asks, at which microversion, with which query and body; all of it bounded.

The authentication ring leaves a `Requester` in the WSGI environment under `REQUESTER`; headers cannot reach it.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

import falcon
import msgspec

from magnum.core.errors import InvalidRequest, TooLarge, Unauthenticated
from magnum.core.quotas import Projects
from magnum.model.requesters import Requester

from .microversions import MINIMUM, Negotiated, Version
from .schemas.reading import TRUE, printable, read_flag

if TYPE_CHECKING:
    from magnum.openstack.clouds import Cloud

SERVICE = "magnum.service"
"""Where PasteDeploy's factories find the service."""
REQUESTER = "magnum.requester"
PROJECTS = "magnum.projects"
"""Where the ring leaves who knows which projects there are, if somebody does."""
REQUEST_ID = "openstack.request_id"
CLOUD = "magnum.cloud"
"""Where it leaves the cloud as the requester sees it, if there is one."""
BODY = "magnum.body"
"""Where a ring leaves the body that it has read."""
_JSON = "application/json"


class Request(falcon.Request):
    negotiated: Negotiated | None = None
    """None until the header is read, and for good when the answer must not speak of versions."""
    body_limit: int = 0
    takes_retry_after: bool = False
    """Whether the client takes a Retry-After for what it is. The command line fails over one and hides our text."""

    @property
    def version(self) -> Version:
        return self.negotiated.version if self.negotiated else MINIMUM

    @property
    def request_id(self) -> str | None:
        return cast("str | None", self.env.get(REQUEST_ID))

    @property
    def requester(self) -> Requester:
        requester = self.env.get(REQUESTER)
        if not isinstance(requester, Requester):
            raise Unauthenticated("Who is asking is not known: the request passed no authentication.")
        return requester

    @property
    def projects(self) -> Projects | None:
        """Who can be asked, as the requester, which projects there are."""
        return cast("Projects | None", self.env.get(PROJECTS))

    @property
    def cloud(self) -> "Cloud | None":
        """The cloud as the requester sees it: whatever is asked there is asked with the requester's own token."""
        return cast("Cloud | None", self.env.get(CLOUD))

    def has_body(self) -> bool:
        return bool(self.content_length) or "chunked" in self.env.get("HTTP_TRANSFER_ENCODING", "").lower()

    def check_body_type(self) -> None:
        media_type = (self.content_type or _JSON).partition(";")[0].strip().lower()
        if self.has_body() and media_type != _JSON:
            raise falcon.HTTPUnsupportedMediaType(description="The body must be application/json.")

    def read_body(self) -> bytes:
        """Read the body, at most `body_limit` bytes of it. A ring around us may have read it already."""
        if BODY in self.env:
            return cast("bytes", self.env[BODY])
        length = self.content_length
        if length is None:
            length = self.body_limit + 1 if self.has_body() else 0  # in chunks: the server knows where they end
        body = bytes(self.stream.read(length)) if length <= self.body_limit + 1 else None
        if body is None or len(body) > self.body_limit:
            raise TooLarge(f"The body is larger than {self.body_limit} bytes, which is the most that is accepted.")
        return body

    def document(self) -> Any:
        """Read the JSON in the body."""
        body = self.read_body()
        if not body.strip():
            raise InvalidRequest("The request has no body; a JSON document is needed.")
        try:
            return msgspec.json.decode(body)
        except (ValueError, RecursionError):
            raise InvalidRequest("The body is not valid JSON, or nested too deeply.") from None

    def query(self, known: Collection[str]) -> dict[str, str]:
        """Give the query parameters; each must be known and given once."""
        for name, value in self.params.items():
            if name not in known:
                raise InvalidRequest(f"Unknown query parameter '{printable(name)}'.")
            if isinstance(value, list):
                raise InvalidRequest(f"The query parameter {name} is given more than once.")
        return cast("dict[str, str]", self.params)


App = falcon.App[Request, falcon.Response]


def query_flag(parameters: dict[str, str], name: str) -> bool:
    value = read_flag(parameters.get(name, "false"))
    if not isinstance(value, bool):
        raise InvalidRequest(f"The query parameter {name} must be true or false, or one of {', '.join(sorted(TRUE))}.")
    return value


def query_number(parameters: dict[str, str], name: str, *, most: int) -> int:
    """Read a whole number from 0 to `most`; 0 when it is not given."""
    text = parameters.get(name, "0")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else most + 1
    if number > most:
        raise InvalidRequest(f"The query parameter {name} must be a whole number from 0 to {most}.")
    return number
