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

from .contract import Accepted, Answer, Body, Query, promises
from .requests import Request
from .resources import Resource, answer, columns, read_ident
from .schemas import certificates as schema
from .schemas.certificates import CertificateRequest, CertificateView
from .schemas.reading import read_object

_CA_TYPE = Query("ca_cert_type", str, f"which of the CAs: {', '.join(CaType)}; anything else is the first")


class Certificates(Resource):
    @promises(
        "sign_certificate",
        "Have a certificate request signed by the CA of a cluster",
        rule="certificate:create",
        body=Body(CertificateRequest, schema.ACCESS),
        answers={201: Answer(CertificateView)},
        refusals=(404, 409),
    )
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
    @promises(
        "get_certificate",
        "Show the CA of a cluster",
        rule="certificate:get",
        query=(_CA_TYPE,),
        answers={200: Answer(CertificateView)},
        refusals=(409,),
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        ca_type = req.query(("ca_cert_type",)).get("ca_cert_type")
        answer(resp, _show(self, requester, ident, ca_type, req.prefix))

    @promises(
        "rotate_certificates",
        "Replace the CAs of a cluster and all that they have signed",
        rule="certificate:rotate_ca",
        answers={202: Answer(Accepted)},
        refusals=(409,),
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        """There is no body to read."""
        requester = self.requester(req)
        req.query(())
        scope = self.scope(requester, "cluster:update_all_projects")
        cluster = clusters.get(self.service, read_ident(ident, "cluster"), scope).cluster
        self.policy.require("certificate:rotate_ca", requester, columns(cluster))
        self.hold_trust(req, requester, cluster.uuid)
        rotations.rotate_ca(self.service, requester, cluster.uuid)
        answer(resp, {"uuid": cluster.uuid}, status=202)


class CertificateOfType(Resource):
    @promises(
        "get_certificate_of_type",
        "Show one of the CAs of a cluster",
        rule="certificate:get",
        answers={200: Answer(CertificateView)},
        refusals=(409,),
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str, ca_type: str) -> None:
        answer(resp, _show(self, self.requester(req), ident, ca_type, req.prefix))


def _show(resource: Resource, requester: Requester, ident: str, ca_type: str | None, base: str) -> CertificateView:
    cluster = find(resource, requester, read_ident(ident, "cluster"))
    resource.policy.require("certificate:get", requester, columns(cluster))
    return show(resource.service, cluster, certificates.read_ca_type(ca_type), base)


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
