"""What a proxy in front says of the client, by oslo.middleware's ring and its option enable_proxy_headers_parsing.

Requests without such headers go past the ring: it makes objects of the whole request, which costs more than its work.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oslo_middleware.http_proxy_to_wsgi import HTTPProxyToWSGI

from .auth_token import Application, Environment, StartResponse

_HEADERS = frozenset({"HTTP_FORWARDED", *(f"HTTP_X_FORWARDED_{what}" for what in ("PROTO", "HOST", "FOR", "PREFIX"))})


def filter_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Callable[[Application], Application]:
    """Serve PasteDeploy; the options are those of oslo.middleware's ring."""
    make = HTTPProxyToWSGI.factory(dict(global_conf), **local_conf)

    def wrap(app: Application) -> Application:
        with_proxy: Application = make(app)

        def ring(environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
            return (app if _HEADERS.isdisjoint(environ) else with_proxy)(environ, start_response)

        return ring

    return wrap
