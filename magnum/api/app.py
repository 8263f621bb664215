"""The API as a WSGI application, and the onion of rings around it.

From the outside in, with each ring's reason (the order is in api-paste.ini, where an operator may change it):

    cors                a browser must be able to read even a refusal
    healthcheck         a load balancer asks often and has no credentials; a file takes this host out of rotation
    http_proxy_to_wsgi  links and rate limits must see the client, not the proxy
    request_id          everything from here on can be found in the log
    authtoken           who asks; nothing behind it trusts a header for that
    api_v1              microversion, representation and body type, then the resource

`load_app` puts the rings together, `make_app` is the innermost part alone.
"""

from collections.abc import Mapping
from typing import Any, cast

import falcon

from magnum.core.service import Service

from . import errors
from .actions import ChangePlan, ClusterResize, ClusterRetry, ClusterUpgrade, CreatePlan, UnknownAction
from .baymodels import BayModelItem, BayModels
from .bays import BayItem, Bays
from .certificates import CertificateItem, CertificateOfType, Certificates
from .client_configs import ClusterConfig
from .clusters import ClusterItem, Clusters
from .clustertemplates import ClusterTemplateItem, ClusterTemplates
from .credentials import CredentialItem, Credentials
from .discovery import VersionOne, Versions
from .federations import FederationItem, Federations
from .history import ClusterEvents, ClusterOperations
from .microversions import HEADER, negotiate
from .mservices import MServiceItem, MServices
from .nodegroups import NodeGroupItem, NodeGroups
from .openapi.resource import DOCUMENT, OpenApi
from .pipeline import load_app
from .policy import Policy, make_enforcer
from .preconditions import refuse_conditions
from .quotas import QuotaItem, QuotaOfNothing, Quotas
from .requests import SERVICE, App, Request
from .routes import Route
from .stats import Stats

_VERSION_IN_ENVIRONMENT = f"HTTP_{HEADER.upper().replace('-', '_')}"

__all__ = ["App", "app_factory", "load_app", "make_app"]


def app_factory(global_conf: Mapping[str, Any], **_local_conf: str) -> App:
    """Serve PasteDeploy: the innermost part of the pipeline."""
    return make_app(cast("Service", global_conf[SERVICE]))


def make_app(service: Service) -> App:
    app: App = falcon.App(request_type=Request, middleware=[Entry(service.settings.api.max_request_body_size)])
    app.req_options.strip_url_path_trailing_slash = True
    errors.register(app)
    policy = Policy(make_enforcer(service.settings.oslo), service.settings.trust, clock=service.clock)
    for route in list_routes(service, policy):
        app.add_route(route.path, route.resource, suffix=route.suffix)
    return app


def list_routes(service: Service, policy: Policy) -> list[Route]:
    """Give every path that is served; the published document is made of the same list."""
    templates, clusters = ClusterTemplates(service, policy), Clusters(service, policy)
    federations, bays, baymodels = Federations(service, policy), Bays(service, policy), BayModels(service, policy)
    routes = [
        Route("/", Versions()),
        Route("/v1", VersionOne()),
        Route("/v1/clustertemplates", templates),
        Route("/v1/clustertemplates/detail", templates, "detail"),
        Route("/v1/clustertemplates/{ident}", ClusterTemplateItem(service, policy)),
        Route("/v1/clusters", clusters),
        Route("/v1/clusters/detail", clusters, "detail"),
        Route("/v1/clusters/{ident}", ClusterItem(service, policy)),
        Route("/v1/clusters/{ident}/actions/resize", ClusterResize(service, policy)),
        Route("/v1/clusters/{ident}/actions/upgrade", ClusterUpgrade(service, policy)),
        Route("/v1/clusters/{ident}/actions/plan", ChangePlan(service, policy)),
        Route("/v1/clusters/{ident}/actions/retry", ClusterRetry(service, policy)),
        Route("/v1/clusters/{ident}/actions/{action}", UnknownAction()),
        Route("/v1/clusters/{ident}/nodegroups", NodeGroups(service, policy)),
        Route("/v1/clusters/{ident}/nodegroups/{nodegroup}", NodeGroupItem(service, policy)),
        Route("/v1/quotas", Quotas(service, policy)),
        Route("/v1/quotas/{project}", QuotaOfNothing()),
        Route("/v1/quotas/{project}/{resource}", QuotaItem(service, policy)),
        Route("/v1/stats", Stats(service, policy)),
        Route("/v1/mservices", MServices(service, policy)),
        Route("/v1/mservices/{ident}", MServiceItem()),
        Route("/v1/federations", federations),
        Route("/v1/federations/detail", federations, "detail"),
        Route("/v1/federations/{ident}", FederationItem(service, policy)),
        Route("/v1/bays", bays),
        Route("/v1/bays/detail", bays, "detail"),
        Route("/v1/bays/{ident}", BayItem(service, policy)),
        Route("/v1/baymodels", baymodels),
        Route("/v1/baymodels/detail", baymodels, "detail"),
        Route("/v1/baymodels/{ident}", BayModelItem(service, policy)),
        Route("/v1/credentials", Credentials()),
        Route("/v1/credentials/{ident}", CredentialItem(service, policy)),
        Route("/v1/clusters/actions/plan", CreatePlan(service, policy)),
        Route("/v1/clusters/{ident}/config", ClusterConfig(service, policy)),
        Route("/v1/clusters/{ident}/events", ClusterEvents(service, policy)),
        Route("/v1/clusters/{ident}/operations", ClusterOperations(service, policy)),
        Route("/v1/certificates", Certificates(service, policy)),
        Route("/v1/certificates/{ident}", CertificateItem(service, policy)),
        Route("/v1/certificates/{ident}/{ca_type}", CertificateOfType(service, policy)),
    ]
    routes.append(Route(DOCUMENT, OpenApi(routes)))
    return routes


class Entry:
    """What is decided before a resource sees the request, and said after it has answered."""

    def __init__(self, body_limit: int) -> None:
        self._body_limit = body_limit

    def process_request(self, req: Request, _resp: falcon.Response) -> None:
        req.body_limit = self._body_limit
        if req.path == "/":
            return
        if req.path.split("/", 2)[1] != "v1":
            req.path = "/v1" + req.path  # endpoints without a version are as old as the API
        req.negotiated = negotiate(req.env.get(_VERSION_IN_ENVIRONMENT))
        if not req.client_accepts_json:
            raise falcon.HTTPNotAcceptable(description="Answers are application/json.")
        req.check_body_type()

    def process_resource(self, req: Request, _resp: falcon.Response, resource: object, _params: dict[str, str]) -> None:
        if "HTTP_IF_MATCH" in req.env and not getattr(resource, "has_tag", False):
            refuse_conditions(req)

    def process_response(self, req: Request, resp: falcon.Response, _resource: object, _succeeded: bool) -> None:
        if req.negotiated is not None:
            resp.set_headers(list(req.negotiated.headers().items()))
