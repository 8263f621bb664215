"""Answers GET /healthcheck without credentials: 200, or 503 while the operator's file is there.

Creating the file takes this host out of a load balancer's rotation before it is stopped. Nothing else is looked at: a
database that fails would take every host out at once.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .auth_token import Application, Environment, StartResponse

_METHODS = frozenset({"GET", "HEAD"})


class Healthcheck:
    def __init__(self, app: Application, *, path: str, disable_file: Path | None) -> None:
        self._app = app
        self._path = path
        self._disable_file = disable_file

    @classmethod
    def factory(cls, _global_conf: Mapping[str, Any], **local_conf: str) -> Callable[[Application], Application]:
        """Serve PasteDeploy; the options are those of oslo.middleware's ring of this name."""
        file = local_conf.get("disable_by_file_path")
        path = local_conf.get("path", "/healthcheck")
        return lambda app: cls(app, path=path, disable_file=Path(file) if file else None)

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != self._path or environ.get("REQUEST_METHOD") not in _METHODS:
            return self._app(environ, start_response)
        disabled = self._disable_file is not None and self._disable_file.exists()
        body = b"DISABLED BY FILE" if disabled else b"OK"
        headers = [("Content-Type", "text/plain; charset=UTF-8"), ("Content-Length", str(len(body)))]
        start_response("503 Service Unavailable" if disabled else "200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
