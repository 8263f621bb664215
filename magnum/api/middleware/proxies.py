"""What a proxy in front says of the client, by oslo.middleware's ring and its option enable_proxy_headers_parsing.

Requests without such headers go past the ring: it makes objects of the whole request, which costs more than its work.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .auth_token import Application, Environment, StartResponse
from .on_demand import OnDemand

_HEADERS = frozenset({"HTTP_FORWARDED", *(f"HTTP_X_FORWARDED_{what}" for what in ("PROTO", "HOST", "FOR", "PREFIX"))})


def filter_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Callable[[Application], Application]:
    """Serve PasteDeploy; the options are those of oslo.middleware's ring."""

    def make(app: Application) -> Application:
        theirs = importlib.import_module("oslo_middleware.http_proxy_to_wsgi")
        ring: Application = theirs.HTTPProxyToWSGI.factory(dict(global_conf), **local_conf)(app)
        return ring

    def wrap(app: Application) -> Application:
        with_proxy = OnDemand(lambda: make(app))

        def ring(environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
            return (app if _HEADERS.isdisjoint(environ) else with_proxy)(environ, start_response)

        return ring

    return wrap
