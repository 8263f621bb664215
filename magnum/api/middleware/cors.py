"""Cross-origin requests, by oslo.middleware's ring and its section [cors]; all others go past it.

The ring answers every OPTIONS with 200, also where no browser asks; past it, the API says 405 as for any other method.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .auth_token import Application, Environment, StartResponse
from .on_demand import OnDemand


def filter_factory(global_conf: Mapping[str, Any], **local_conf: str) -> Callable[[Application], Application]:
    """Serve PasteDeploy; the options are those of oslo.middleware's ring."""

    def make(app: Application) -> Application:
        theirs = importlib.import_module("oslo_middleware.cors")
        ring: Application = theirs.filter_factory(dict(global_conf), **local_conf)(app)
        return ring

    def wrap(app: Application) -> Application:
        with_cors = OnDemand(lambda: make(app))

        def ring(environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
            return (with_cors if "HTTP_ORIGIN" in environ else app)(environ, start_response)

        return ring

    return wrap
