"""/v1/openapi.json: what the API promises, as an OpenAPI 3.1 document. Public, like the version documents.

It is made when it is first asked for, once in the life of a process, and served as it was made but for the address of
the service, which clients need in full: it is written in between two halves.
"""

import threading
from collections.abc import Sequence

import falcon
import msgspec

from magnum.api.contract import Answer, promises
from magnum.api.preconditions import has_changed, make_tag
from magnum.api.requests import Request
from magnum.api.resources import Endpoint, answer_bytes
from magnum.api.routes import Route

from .document import SERVER, Document, make_document

DOCUMENT = "/v1/openapi.json"


class OpenApi(Endpoint):
    has_tag = True

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._lock = threading.Lock()
        self._made: tuple[bytes, bytes, bytes] | None = None

    @promises("get_openapi", "Show this document", answers={200: Answer(Document)})
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        req.query(())
        before, after, digest = self._make()
        server = msgspec.json.encode(req.prefix)
        tag = make_tag(server + digest)
        resp.set_header("ETag", tag)
        if has_changed(req, tag):
            answer_bytes(resp, before + server + after)
        else:
            resp.status = 304

    def _make(self) -> tuple[bytes, bytes, bytes]:
        """Give what comes before and after the address, and a digest of both."""
        with self._lock:
            if self._made is None:
                body = msgspec.json.encode(make_document(self._routes))
                before, _, after = body.partition(msgspec.json.encode(SERVER))
                self._made = before, after, make_tag(body).encode()
            return self._made
