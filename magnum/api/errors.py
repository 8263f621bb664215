"""Errors as clients read them: `{"errors": [{request_id, code, status, title, detail, links}]}`.

`title` is the text's first sentence, because that is what the command line shows. Errors of the HTTP layer
(unknown path, method, representation) carry their text only for who accepts JSON by name, as they always have. The text
of a bug stays in the log: an exception can hold anything.
"""

import logging
import re
from http import HTTPStatus
from typing import Any

import falcon
import msgspec
from msgspec import UNSET

from magnum.core.errors import Refused
from magnum.db import errors as db

from .microversions import (
    MAXIMUM,
    MINIMUM,
    MalformedVersionError,
    NotInVersionError,
    UnsupportedVersionError,
)
from .requests import App, Request
from .schemas.errors import Errors, ErrorView, VersionErrors, VersionErrorView
from .schemas.links import Link

LOG = logging.getLogger(__name__)
_HELP = "http://docs.openstack.org/api-guide/compute/microversions.html"
_END_OF_SENTENCE = re.compile(r"\.(?:\s|$)")
_STATUS_OF_DB: dict[type[db.DbError], int] = {
    db.NotFound: 404,
    db.Ambiguous: 409,
    db.AlreadyExists: 409,
    db.CannotHold: 400,
    db.UnknownSortKey: 400,
}


def register(app: App) -> None:
    """The handler of the most derived type is the one that is called."""
    app.add_error_handler(Exception, _bug)
    app.add_error_handler(Refused, _refused)
    for kind in _STATUS_OF_DB:
        app.add_error_handler(kind, _refused_by_database)
    app.add_error_handler(db.DatabaseUnreachable, _database_unreachable)
    app.add_error_handler(falcon.HTTPError, _http_error)
    app.add_error_handler(MalformedVersionError, _not_acceptable)
    app.add_error_handler(NotInVersionError, _not_acceptable)
    app.add_error_handler(UnsupportedVersionError, _unsupported_version)


def document(status: int, code: str, text: str, *, title: str | None = None) -> bytes:
    error = ErrorView(
        request_id="",  # the real one is in the header x-openstack-request-id
        code=code,
        status=status,
        title=_first_sentence(text) if title is None else title,
        detail=text,
    )
    return msgspec.json.encode(Errors((error,)))


def _first_sentence(text: str) -> str:
    """Versions, addresses and file names have full stops too, with nothing blank behind them."""
    return _END_OF_SENTENCE.split(text, maxsplit=1)[0]


def _answer(req: Request, resp: falcon.Response, status: int, body: bytes) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = b'{"errors":[]}' if req.method == "HEAD" else body


def _refused(req: Request, resp: falcon.Response, error: Refused, _params: dict[str, Any]) -> None:
    code = error.code or ("client" if error.status < 500 else "server")
    if error.status >= 500:
        LOG.warning("%s %s (%s): %s", req.method, req.path, req.request_id, error.text)
    if error.retry_after is not None and req.takes_retry_after:
        resp.set_header("Retry-After", str(error.retry_after))
    _answer(req, resp, error.status, document(error.status, code, error.text))


def _refused_by_database(req: Request, resp: falcon.Response, error: db.DbError, _params: dict[str, Any]) -> None:
    status = _STATUS_OF_DB[type(error)]
    _answer(req, resp, status, document(status, "client", str(error)))


def _database_unreachable(req: Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]) -> None:
    LOG.error("%s %s: the database cannot be reached: %s", req.method, req.path, error)
    _answer(req, resp, 503, document(503, "server", "The database does not answer. Try again shortly."))


def _bug(req: Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]) -> None:
    LOG.error("%s %s failed (%s).", req.method, req.path, req.request_id, exc_info=error)
    text = f"An unexpected error occurred. The operator finds it in the log under {req.request_id or 'its time'}."
    _answer(req, resp, 500, document(500, "server", text))


def _http_error(req: Request, resp: falcon.Response, error: falcon.HTTPError, _params: dict[str, Any]) -> None:
    if error.headers:
        resp.set_headers(error.headers)
    status = error.status_code
    phrase, text = _words(req, status, error.description)
    _answer(req, resp, status, document(status, "", text, title=phrase))


def _not_acceptable(req: Request, resp: falcon.Response, error: Exception, _params: dict[str, Any]) -> None:
    req.negotiated = None
    phrase, text = _words(req, 406, str(error))
    _answer(req, resp, 406, document(406, "", text, title=phrase))


def _unsupported_version(
    req: Request, resp: falcon.Response, error: UnsupportedVersionError, _params: dict[str, Any]
) -> None:
    req.negotiated = error.asked
    body = VersionErrorView(
        code="magnum.microversion-unsupported",
        title="Requested microversion is unsupported",
        max_version=str(MAXIMUM),
        min_version=str(MINIMUM),
        links=(Link(rel="help", href=_HELP),),
        description=str(error) if _accepts_json_by_name(req) else UNSET,
    )
    _answer(req, resp, 406, msgspec.json.encode(VersionErrors((body,))))


def _words(req: Request, status: int, text: str | None) -> tuple[str, str]:
    return (HTTPStatus(status).phrase, text or "") if _accepts_json_by_name(req) else ("", "")


def _accepts_json_by_name(req: Request) -> bool:
    return "application/json" in req.accept
