"""/v1/credentials: replace what a cluster proves itself with in the cloud. From microversion 1.12 on.

Administrators have no way around: the credential is made in the name of whoever asks.
"""

import falcon

from magnum.core import clusters, rotations
from magnum.model.requesters import Scope

from .contract import Accepted, Answer, promises
from .microversions import CREDENTIALS, require
from .requests import Request
from .resources import Endpoint, Resource, answer, columns, read_ident


class Credentials(Endpoint):
    """There is no list of them: every method answers 405."""


class CredentialItem(Resource):
    @promises(
        "rotate_credential",
        "Replace what a cluster has in the cloud",
        rule="credential:rotate",
        answers={202: Answer(Accepted)},
        refusals=(409,),
        since=CREDENTIALS,
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        require(req.version, CREDENTIALS)
        requester = self.requester(req)
        req.query(())
        cluster = clusters.get(self.service, read_ident(ident, "cluster"), Scope.own(requester)).cluster
        self.policy.require("credential:rotate", requester, columns(cluster))
        rotations.rotate_credential(self.service, requester, cluster.uuid, cloud=req.cloud)
        answer(resp, {"uuid": cluster.uuid}, status=202)
