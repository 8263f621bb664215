"""Every request gets an identifier of its own, which its answer, its operation and its events carry.

It stands in the WSGI environment where OpenStack's libraries look for it, and so does the one that another service gave
the whole chain of requests, if it is well-formed.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from magnum.api.requests import REQUEST_ID

from .auth_token import Application, Environment, StartResponse

_GLOBAL_REQUEST_ID = "openstack.global_request_id"
_HEADER = "x-openstack-request-id"
_FORMAT = re.compile(r"req-[a-f0-9]{8}-([a-f0-9]{4}-){3}[a-f0-9]{12}")


def filter_factory(_global_conf: Mapping[str, Any], **_local_conf: str) -> Callable[[Application], Application]:
    """Serve PasteDeploy."""

    def wrap(app: Application) -> Application:
        def ring(environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
            request_id = environ[REQUEST_ID] = f"req-{uuid.uuid4()}"
            given = environ.get("HTTP_X_OPENSTACK_REQUEST_ID", "")
            if _FORMAT.fullmatch(given):
                environ[_GLOBAL_REQUEST_ID] = given

            def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                return start_response(status, [*headers, (_HEADER, request_id)], *more)

            return app(environ, start)

        return ring

    return wrap
