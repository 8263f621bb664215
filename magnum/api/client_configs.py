"""/v1/clusters/{ident}/config: a ready kubeconfig or docker environment. An extension: docs/extensions.md.

The caller sends a certificate request and keeps its key; whoever may have a certificate signed may have this.
"""

import falcon
import msgspec

from magnum.core import fields
from magnum.core.client_configs import ClientConfig, make_client_config

from .certificates import find
from .contract import Answer, Body, promises
from .requests import Request
from .resources import Resource, answer, columns, read_ident
from .schemas.reading import read_object


class ConfigRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`csr` is needed unless the cluster has no TLS."""

    csr: fields.Pem | None = None


class ClusterConfig(Resource):
    @promises(
        "make_client_config",
        "Make a kubeconfig, or the environment of a docker client",
        rule="certificate:create",
        body=Body(ConfigRequest),
        answers={200: Answer(ClientConfig)},
        refusals=(409,),
        is_extension=True,
    )
    def on_post(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        req.query(())
        asked = read_object(req.document(), ConfigRequest, noun="a client configuration")
        cluster = find(self, requester, read_ident(ident, "cluster"))
        self.policy.require("certificate:create", requester, columns(cluster))
        answer(resp, make_client_config(self.service, cluster, asked.csr))
