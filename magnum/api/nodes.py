"""What a cluster's own machines may call: its CA, the signing of their requests, and their reports. Nothing else.

This is a listener of its own for one cluster, on that cluster's network, or the part of the public API for machines of
all clusters that reach us there. A machine proves itself with the token that it was given, and when that has ended, for
certificates alone, with the certificate that it has. Whatever is not its cluster's, or not this machine's, is not
found. Bodies and rates are bounded, because a machine of a tenant is the tenant's.
"""

import uuid
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import falcon
import msgspec

from magnum.certificates.proofs import Proof
from magnum.core import certificates, clusters, nodes
from magnum.core.credentials import authenticate, authenticate_by_certificate
from magnum.core.errors import InvalidRequest, NotFound, TooManyRequests, Unauthenticated
from magnum.core.nodes import NodeReport
from magnum.core.service import Service
from magnum.db.idents import normal_uuid
from magnum.model.clusters import Cluster
from magnum.model.credentials import NodeCredential, NodeIdentity
from magnum.model.requesters import EVERYTHING

from . import errors
from .certificates import named_cluster, read_request, show, sign
from .ratelimits import RateLimit
from .requests import BODY, REQUEST_ID, App, Request
from .resources import Endpoint, answer

TOKEN = "X-Magnum-Node-Token"  # noqa: S105  the name of a header
CERTIFICATE = "X-Magnum-Node-Certificate"
TIME = "X-Magnum-Node-Time"
SIGNATURE = "X-Magnum-Node-Signature"
MOST_BYTES = 32 * 1024
_IDENTITY = "magnum.node_identity"
_CREDENTIAL = "magnum.node_credential"
_MOST_FIELDS = 8


def make_node_application(service: Service, cluster_uuid: str | None = None) -> App:
    """Make the WSGI application of one cluster's listener, or for the machines of all clusters."""
    app: App = falcon.App(request_type=Request, middleware=[NodeEntry(service, cluster_uuid)])
    errors.register(app)
    app.add_route("/v1/certificates", NodeCertificates(service))
    app.add_route("/v1/certificates/{ident}", NodeAuthority(service))
    app.add_route("/v1/clusters/{ident}/nodes/{name}/report", NodeReports(service))
    return app


def is_of_node(environ: Mapping[str, Any]) -> bool:
    """Say whether a request comes with what machines of clusters prove themselves by."""
    return any(f"HTTP_{name.upper().replace('-', '_')}" in environ for name in (TOKEN, CERTIFICATE))


class NodeEntry:
    """Lets through machines of this cluster only, or of any, and not too often."""

    def __init__(self, service: Service, cluster_uuid: str | None) -> None:
        self._service = service
        self._cluster_uuid = cluster_uuid
        # Of those of all clusters many come from one address: a router's, or that of a load balancer before us.
        most = 1 if cluster_uuid is not None else 20
        self._by_address = RateLimit(service.clock, per_second=20 * most, burst=100 * most)
        self._by_node = RateLimit(service.clock, per_second=5, burst=50)

    def process_request(self, req: Request, resp: falcon.Response) -> None:
        req.env[REQUEST_ID] = f"req-{uuid.uuid4()}"
        resp.set_header("x-openstack-request-id", req.request_id or "")
        req.body_limit = MOST_BYTES
        req.takes_retry_after = True
        if not self._by_address.allows(req.remote_addr or ""):
            raise TooManyRequests("Too many calls from this address. Try again shortly.", retry_after=1)
        identity = self._by_certificate(req) if req.get_header(CERTIFICATE) else self._by_token(req)
        if not self._by_node.allows(identity.node_uuid):
            raise TooManyRequests("Too many calls from this node. Try again shortly.", retry_after=1)
        req.env[_IDENTITY] = identity

    def _by_token(self, req: Request) -> NodeIdentity:
        credential = authenticate(self._service, req.get_header(TOKEN))
        if self._cluster_uuid not in (None, credential.cluster_uuid):
            raise Unauthenticated("The node's token is not one of this cluster.")
        req.env[_CREDENTIAL] = credential
        return credential.identity

    def _by_certificate(self, req: Request) -> NodeIdentity:
        """Read the whole body, which is what was signed, and leave it to be read again."""
        proof = Proof(
            certificate=req.get_header(CERTIFICATE) or "",
            time=req.get_header(TIME) or "",
            signature=req.get_header(SIGNATURE) or "",
        )
        path = f"{req.path}?{req.query_string}" if req.query_string else req.path
        body = req.read_body()
        req.env[BODY] = body
        cluster_uuid = self._cluster_uuid or _named_cluster(req)
        return authenticate_by_certificate(self._service, cluster_uuid, proof, req.method, path, body)


class NodeResource(Endpoint):
    def __init__(self, service: Service) -> None:
        self.service = service

    def cluster(self, req: Request, ident: str) -> Cluster:
        own = _identity(req).cluster_uuid
        if normal_uuid(ident) != own:
            raise NotFound("There is no such cluster here.")
        return clusters.get(self.service, own, EVERYTHING).cluster


class NodeAuthority(NodeResource):
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        ca_type = req.query(("ca_cert_type",)).get("ca_cert_type")
        answer(resp, show(self.service, self.cluster(req, ident), certificates.read_ca_type(ca_type), req.prefix))


class NodeCertificates(NodeResource):
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        asked = read_request(req)
        cluster = self.cluster(req, named_cluster(asked))
        answer(resp, sign(self.service, cluster, asked, req.prefix, _identity(req).limits), status=201)


class NodeReports(NodeResource):
    def on_post(self, req: Request, resp: falcon.Response, ident: str, name: str) -> None:
        credential = _credential(req)
        if normal_uuid(ident) != credential.cluster_uuid or name != credential.node_name:
            raise NotFound("There is no such node here.")
        nodes.report(self.service, credential, read_report(req.read_body()))
        resp.status = 204


def read_report(body: bytes) -> NodeReport:
    """Read `status=…&step=…&output=…&seconds=…`."""
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        return msgspec.convert(fields, NodeReport, strict=False)
    except ValueError:
        raise InvalidRequest(
            "A report is a form with status (SUCCESS, FAILURE or PROGRESS), step, output and seconds."
        ) from None


def _named_cluster(req: Request) -> str:
    """Give the cluster that a request is about, which it has to be proven for: it stands in the path or in the body."""
    _, _, last = req.path.rstrip("/").rpartition("/")
    named = normal_uuid(last if req.method == "GET" else named_cluster(read_request(req)))
    if named is None:
        raise NotFound("There is no such cluster here.")
    return named


def _identity(req: Request) -> NodeIdentity:
    return cast("NodeIdentity", req.env[_IDENTITY])


def _credential(req: Request) -> NodeCredential:
    """A report needs the token: it is about the set-up, which ends with it."""
    credential = req.env.get(_CREDENTIAL)
    if not isinstance(credential, NodeCredential):
        raise Unauthenticated("A report is made with the node's token, and only until its set-up has ended.")
    return credential
