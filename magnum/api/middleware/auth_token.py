"""The authentication ring: lets through who can prove who it is, and everybody to the version documents.

Which proof is asked for is [DEFAULT] auth_strategy. The ring leaves a `Requester` in the WSGI environment, and, where
there is an identity service, who can be asked for projects, and the cloud as the requester sees it; what arrives there
from a client is dropped first. Machines of clusters prove themselves otherwise, and get to what is for them alone. The
name of the factory is the one that operators' pipelines have always used.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from magnum.api.errors import document
from magnum.api.nodes import is_of_node, make_node_application
from magnum.api.requests import CLOUD, PROJECTS, REQUESTER, SERVICE
from magnum.conf.settings import Settings, SettingsError
from magnum.core.errors import Refused
from magnum.core.quotas import Projects
from magnum.core.service import Service
from magnum.model.requesters import Requester

from .basic import BasicAuthentication
from .noauth import NoAuthentication

if TYPE_CHECKING:
    from magnum.openstack.clouds import Cloud

Environment = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]

_REASONS = {401: "Unauthorized", 429: "Too Many Requests", 503: "Service Unavailable"}


class Strategy(Protocol):
    @property
    def challenge(self) -> str | None:
        """What a 401 says in WWW-Authenticate."""
        ...

    def authenticate(self, environ: Environment) -> Requester:
        """Say who asks, or raise Refused."""
        ...

    def projects(self, environ: Mapping[str, Any]) -> Projects | None:
        """Give who can be asked, as whoever asks here, which projects there are. Asks nobody itself."""
        ...

    def cloud(self, environ: Mapping[str, Any]) -> "Cloud | None":
        """Give the cloud as whoever was authenticated sees it. Asks nobody itself."""
        ...


class AuthTokenMiddleware:
    def __init__(
        self,
        app: Application,
        strategy: Strategy,
        public_routes: Iterable[str] = (),
        nodes: Application | None = None,
    ) -> None:
        self._app = app
        self._strategy = strategy
        self._nodes = nodes
        self._public = [_pattern(route) for route in public_routes]

    @classmethod
    def factory(cls, global_conf: Mapping[str, Any], **local_conf: str) -> Callable[[Application], Application]:
        """Serve PasteDeploy."""
        service = cast("Service", global_conf[SERVICE])
        routes = [route.strip() for route in local_conf.get("acl_public_routes", "").split(",") if route.strip()]
        strategy = make_strategy(service)
        nodes = make_node_application(service)
        return lambda app: cls(app, strategy, routes, nodes)

    def __call__(self, environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
        if self._nodes is not None and is_of_node(environ):
            return self._nodes(environ, start_response)
        environ.pop(REQUESTER, None)
        environ.pop(PROJECTS, None)
        environ.pop(CLOUD, None)
        if not any(pattern.fullmatch(environ.get("PATH_INFO") or "/") for pattern in self._public):
            try:
                environ[REQUESTER] = self._strategy.authenticate(environ)
                environ[PROJECTS] = self._strategy.projects(environ)
                environ[CLOUD] = self._strategy.cloud(environ)
            except Refused as refusal:
                return self._refuse(refusal, start_response)
        return self._app(environ, start_response)

    def _refuse(self, refusal: Refused, start_response: StartResponse) -> Iterable[bytes]:
        code = "client" if refusal.status < 500 else "server"
        body = document(refusal.status, code, refusal.text)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if refusal.status == 401 and self._strategy.challenge:
            headers.append(("WWW-Authenticate", self._strategy.challenge))
        start_response(f"{refusal.status} {_REASONS.get(refusal.status, 'Error')}", headers)
        return [body]


def make_strategy(service: Service) -> Strategy:
    settings: Settings = service.settings
    match settings.default.auth_strategy:
        case "http_basic":
            return BasicAuthentication(settings.default.http_basic_auth_user_file, clock=service.clock)
        case "noauth":
            return NoAuthentication()
        case _:
            # Loaded only where it is used: it takes half a second and 7 MiB.
            keystone = importlib.import_module(".keystone", __package__)
            strategy: Strategy = keystone.KeystoneAuthentication(settings, clock=service.clock, clouds=service.clouds)
            return strategy


def _pattern(route: str) -> re.Pattern[str]:
    try:
        return re.compile(rf"{route.rstrip('/')}/?(\.json)?")
    except re.error as error:
        raise SettingsError(f"acl_public_routes holds '{route}', which is no regular expression: {error}.") from None
