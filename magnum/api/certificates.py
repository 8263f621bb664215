"""/v1/certificates: a cluster's CA, its rotation, and the signing of requests with it.

Users come here through the API, nodes through their own listener (`api.nodes`); what a node may have signed is in its
credential, and both are answered by the same functions.
"""

import falcon

from magnum.core import certificates, clusters, rotations
from magnum.core.errors import InvalidRequest
from magnum.core.service import Service
from magnum.db.errors import NotFound as NoSuchRow
from magnum.model.clusters import Cluster
from magnum.model.requesters import Requester
from magnum.model.signing import CaType, NodeLimits

from .requests import Request
from .resources import Resource, answer, columns, read_ident
from .schemas import certificates as schema
from .schemas.certificates import CertificateRequest, CertificateView
from .schemas.reading import read_object


class Certificates(Resource):
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        asked = read_request(req)
        try:
            cluster = find(self, requester, named_cluster(asked))
        except NoSuchRow as error:
            raise InvalidRequest(str(error)) from None
        self.policy.require("certificate:create", requester, columns(cluster))
        answer(resp, sign(self.service, cluster, asked, req.prefix), status=201)


class CertificateItem(Resource):
    def on_get(self, req: Request, resp: falcon.Response, ident: str, ca_type: str | None = None) -> None:
        requester = self.requester(req)
        ca_type = ca_type or req.query(("ca_cert_type",)).get("ca_cert_type")
        cluster = find(self, requester, read_ident(ident, "cluster"))
        self.policy.require("certificate:get", requester, columns(cluster))
        answer(resp, show(self.service, cluster, certificates.read_ca_type(ca_type), req.prefix))

    def on_patch(self, req: Request, resp: falcon.Response, ident: str, ca_type: str | None = None) -> None:
        """Rotate the CA. There is no body to read."""
        if ca_type is not None:
            raise falcon.HTTPMethodNotAllowed(["GET"])
        requester = self.requester(req)
        req.query(())
        scope = self.scope(requester, "cluster:update_all_projects")
        cluster = clusters.get(self.service, read_ident(ident, "cluster"), scope).cluster
        self.policy.require("certificate:rotate_ca", requester, columns(cluster))
        rotations.rotate_ca(self.service, requester, cluster.uuid)
        answer(resp, {"uuid": cluster.uuid}, status=202)


def find(resource: Resource, requester: Requester, ident: str) -> Cluster:
    scope = resource.scope(requester, "cluster:get_one_all_projects")
    return clusters.get(resource.service, ident, scope).cluster


def show(service: Service, cluster: Cluster, ca_type: CaType, base: str) -> CertificateView:
    return schema.view(cluster.uuid, certificates.show_ca(service, cluster, ca_type), base)


def read_request(req: Request) -> CertificateRequest:
    return read_object(req.document(), CertificateRequest, noun=schema.NOUN, access=schema.ACCESS)


def named_cluster(asked: CertificateRequest) -> str:
    ident = asked.cluster_uuid or asked.bay_uuid
    if ident is None:
        raise InvalidRequest("The mandatory attribute cluster_uuid is missing.")
    return ident


def sign(
    service: Service, cluster: Cluster, asked: CertificateRequest, base: str, limits: NodeLimits | None = None
) -> CertificateView:
    ca_type = certificates.read_ca_type(asked.ca_cert_type)
    pem = certificates.request_signature(service, cluster, asked.csr, ca_type, limits)
    return schema.view(cluster.uuid, pem, base, csr=asked.csr, ca_cert_type=asked.ca_cert_type)
