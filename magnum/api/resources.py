"""What all resources share: who asks and how far it sees, what a path names, and JSON as the answer."""

import re
from typing import Any

import falcon
import msgspec

from magnum.core import clusters, trusts
from magnum.core.errors import NotFound
from magnum.core.service import Service
from magnum.model.requesters import EVERYTHING, Requester, Scope
from magnum.openstack.offers import Offers

from .microversions import NO_BAYS
from .policy import Policy
from .preconditions import Tagged, has_changed, make_tag
from .requests import Request

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_IDENT = 255
_METHODS = ("GET", "POST", "PATCH", "DELETE")


class Endpoint:
    has_tag = False
    """Whether what is here is shown with an ETag, which changes of it may depend on."""

    def on_options(self, _req: Request, _resp: falcon.Response, **_params: str) -> None:
        """Refuse: the framework would answer by itself, where the API has always said 405."""
        raise falcon.HTTPMethodNotAllowed([method for method in _METHODS if hasattr(self, f"on_{method.lower()}")])

    def on_options_detail(self, _req: Request, _resp: falcon.Response) -> None:
        raise falcon.HTTPMethodNotAllowed(["GET"])


class Resource(Endpoint):
    def __init__(self, service: Service, policy: Policy) -> None:
        self.service = service
        self.policy = policy

    def requester(self, req: Request) -> Requester:
        return self.policy.identify(msgspec.structs.replace(req.requester, request_id=req.request_id))

    def offers(self, req: Request) -> Offers:
        """Give who knows what the requester may name: the cloud, unless there is none or the operator names a file."""
        if req.cloud is None or self.service.settings.local.catalogue is not None:
            return self.service.catalogue
        from magnum.openstack.cloud_offers import CloudOffers  # noqa: PLC0415  processes without a cloud do without

        return CloudOffers(req.cloud)

    def hold_trust(self, req: Request, requester: Requester, ident: str, scope: Scope = EVERYTHING) -> None:
        """Before a change that is made in the cloud: have a new trust where the cluster's has ended."""
        if self.service.clouds is not None:
            cluster = clusters.get(self.service, ident, scope).cluster
            trusts.renew_if_ended(self.service, requester, cluster, req.cloud)

    def scope(self, requester: Requester, all_projects_rule: str) -> Scope:
        """Give all projects to an administrator, who must be allowed that too; the own one to everybody else."""
        if requester.is_admin:
            self.policy.require(all_projects_rule, requester)
        return self.policy.scope(requester)


def until_bays_went(req: Request) -> None:
    """Answer as if there were nothing here, from the microversion on that has no bays and baymodels."""
    if req.version >= NO_BAYS:
        raise falcon.HTTPNotFound(description=f"There is nothing here at version {req.version}.")


def read_ident(ident: str, noun: str) -> str:
    """Give what a path names. Nothing is called by a name that cannot be stored, and no database needs to be asked."""
    if len(ident) > _LONGEST_IDENT or _CONTROL.search(ident):
        raise NotFound(f"There is no {noun} of this name.")
    return ident


def answer(resp: falcon.Response, value: Any, *, status: int = 200) -> None:
    answer_bytes(resp, msgspec.json.encode(value), status=status)


def answer_bytes(resp: falcon.Response, body: bytes, *, status: int = 200) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = body


def answer_tagged(req: Request, resp: falcon.Response, tagged: Tagged, *, status: int = 200) -> None:
    """Answer with what is shown and its ETag, or with 304 when that is what the client has."""
    body = msgspec.json.encode(tagged.view)
    tag = make_tag(body, tagged.generation)
    resp.set_header("ETag", tag)
    if req.method == "GET" and not has_changed(req, tag):
        resp.status = 304
    else:
        answer_bytes(resp, body, status=status)


def columns(row: msgspec.Struct, **more: Any) -> dict[str, Any]:
    """Give a row as policy rules see it."""
    return msgspec.structs.asdict(row) | more
