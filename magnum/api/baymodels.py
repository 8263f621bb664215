"""/v1/baymodels: cluster templates under their older name, up to microversion 1.10.

They need a key pair, have one name server at most, and administrators see their own project's and public ones only.
"""

from typing import Any

import falcon
import msgspec

from magnum.core import clustertemplates
from magnum.core.clustertemplates import NewClusterTemplate
from magnum.core.errors import Forbidden, InvalidRequest
from magnum.db.clustertemplates import SORT_KEYS
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.names import random_name
from magnum.model.requesters import Requester, Scope

from . import paging, patch
from .clustertemplates import read_changes
from .contract import Answer, Body, page_of, promises, refuses
from .microversions import NO_BAYS
from .requests import Request
from .resources import Resource, answer, columns, read_ident, until_bays_went
from .schemas import clustertemplates as schema
from .schemas.derived import derive
from .schemas.links import resource_links
from .schemas.reading import read_object

_NOUN = "a baymodel"
_NOT_SHOWN = frozenset({"project_id", "user_id"})
BayModelView = derive("BayModelView", schema.ClusterTemplateView, without=_NOT_SHOWN)
_PAGE = page_of("baymodels", BayModelView)
_QUERIES = paging.queries(SORT_KEYS)


class BayModels(Resource):
    @promises(
        "list_baymodels",
        "List baymodels",
        rule="baymodel:get_all",
        query=_QUERIES,
        answers={200: Answer(_PAGE)},
        until=NO_BAYS,
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        self._list(req, resp, "get_all", "baymodels")

    @promises(
        "list_baymodels_detail",
        "List baymodels under their older path",
        rule="baymodel:detail",
        query=_QUERIES,
        answers={200: Answer(_PAGE)},
        until=NO_BAYS,
    )
    def on_get_detail(self, req: Request, resp: falcon.Response) -> None:
        self._list(req, resp, "detail", "baymodels/detail")

    @promises(
        "create_baymodel",
        "Make a baymodel",
        rule="baymodel:create",
        body=Body(NewClusterTemplate, schema.ACCESS),
        answers={201: Answer(BayModelView, ("Location",))},
        refusals=(409,),
        until=NO_BAYS,
    )
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        until_bays_went(req)
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewClusterTemplate, noun=_NOUN, access=schema.ACCESS)
        if new.name is None:
            new = msgspec.structs.replace(new, name=random_name("model", self.service.randomness))
        offers = self.offers(req)
        template = clustertemplates.draft(self.service, requester, new, offers)
        _check(template)
        self.policy.require("baymodel:create", requester)
        clustertemplates.check(self.service, template, offers)
        if template.public:
            _require_publish(self, requester)
        template = clustertemplates.insert(self.service, template)
        resp.location = f"{req.prefix}/v1/{_path_of(template)}"
        answer(resp, _view(template, req.prefix), status=201)

    @refuses("all_baymodels", "Refused: name the baymodel in the path", until=NO_BAYS)
    def on_patch(self, req: Request, _resp: falcon.Response) -> None:
        until_bays_went(req)
        raise InvalidRequest("Missing argument: name the baymodel behind /v1/baymodels/.")

    on_delete = on_patch

    def _list(self, req: Request, resp: falcon.Response, rule: str, path: str) -> None:
        until_bays_went(req)
        requester = self.requester(req)
        self.policy.require(f"baymodel:{rule}", requester)
        most = self.service.settings.api.max_limit
        page = paging.read_page(req.query(paging.PARAMETERS), most=most, sort_keys=SORT_KEYS)
        found = clustertemplates.list_page(self.service, Scope.own(requester), page)
        views = [_view(template, req.prefix) for template in found]
        url, last = f"{req.scheme}://{req.netloc}/v1/{path}", found[-1].uuid if found else None
        answer(resp, paging.collection("baymodels", views, page=page, url=url, last=last))


class BayModelItem(Resource):
    @promises(
        "get_baymodel",
        "Show a baymodel",
        rule="baymodel:get",
        answers={200: Answer(BayModelView)},
        refusals=(409,),
        until=NO_BAYS,
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, template = self._find(req, ident)
        if not template.public:
            self.policy.require("baymodel:get", requester, columns(template))
        answer(resp, _view(template, req.prefix))

    @promises(
        "update_baymodel",
        "Change a baymodel",
        rule="baymodel:update",
        body=Body(tuple[patch.PatchOperation, ...], changes=NewClusterTemplate),
        answers={200: Answer(BayModelView)},
        refusals=(409,),
        until=NO_BAYS,
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, template = self._find(req, ident)
        self.policy.require("baymodel:update", requester, columns(template))
        result = clustertemplates.changed(self.service, template, read_changes(req, template), self.offers(req))
        _check(result)
        if result.public != template.public:
            _require_publish(self, requester)
        answer(resp, _view(clustertemplates.update(self.service, template, result), req.prefix))

    @promises(
        "delete_baymodel",
        "Delete a baymodel that no bay uses",
        rule="baymodel:delete",
        answers={204: Answer()},
        refusals=(409,),
        until=NO_BAYS,
    )
    def on_delete(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, template = self._find(req, ident)
        self.policy.require("baymodel:delete", requester, columns(template))
        clustertemplates.delete(self.service, template)
        resp.status = 204

    def _find(self, req: Request, ident: str) -> tuple[Requester, ClusterTemplate]:
        until_bays_went(req)
        requester = self.requester(req)
        req.query(())
        return requester, clustertemplates.get(self.service, read_ident(ident, "baymodel"), Scope.own(requester))


def _check(template: ClusterTemplate) -> None:
    if template.keypair_id is None:
        raise InvalidRequest("The mandatory attribute keypair_id is missing.")
    if "," in (template.dns_nameserver or ""):
        raise InvalidRequest("dns_nameserver must be one IPv4 address.")


def _require_publish(resource: Resource, requester: Requester) -> None:
    if not resource.policy.allows("baymodel:publish", requester):
        raise Forbidden("Not allowed to set public of a baymodel.")


def _path_of(template: ClusterTemplate) -> str:
    return f"baymodels/{template.uuid}"


def _view(template: ClusterTemplate, base: str) -> dict[str, Any]:
    shown = msgspec.structs.asdict(schema.view(template, base)) | {"links": resource_links(base, _path_of(template))}
    return {name: value for name, value in shown.items() if name not in _NOT_SHOWN}
