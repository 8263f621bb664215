"""The composite of newer pipelines: paths to applications, the longest path first.

[composite:main]
paste.composite_factory = magnum.api:root_app_factory
/: api
/healthcheck: healthcheck
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .errors import document

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def root_app_factory(loader: Any, global_conf: Mapping[str, Any], **local_conf: str) -> Application:
    """Serve PasteDeploy."""
    paths = sorted(local_conf, key=len, reverse=True)
    apps = {path.rstrip("/"): loader.get_app(local_conf[path], global_conf=global_conf) for path in paths}

    def root(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked = environ.get("PATH_INFO") or "/"
        for path, app in apps.items():
            if asked == path or asked.startswith(f"{path}/"):
                below = environ | {
                    "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + path,
                    "PATH_INFO": asked.removeprefix(path),
                }
                answered: Iterable[bytes] = app(below, start_response)
                return answered
        body = document(404, "", f"Nothing is served at {asked}.", title="Not Found")
        start_response("404 Not Found", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return root
