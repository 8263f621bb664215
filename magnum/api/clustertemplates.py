"""/v1/clustertemplates: the same full object in collections and alone."""

from collections.abc import Mapping
from typing import Any

import falcon

from magnum.core import clustertemplates
from magnum.core.clustertemplates import NewClusterTemplate
from magnum.core.errors import Forbidden, InvalidRequest
from magnum.db.clustertemplates import SORT_KEYS
from magnum.model.clustertemplates import ClusterTemplate
from magnum.model.requesters import Requester

from . import paging, patch
from .contract import Answer, Body, page_of, promises, refuses
from .preconditions import Tagged, make_guard
from .requests import Request
from .resources import Resource, answer, answer_tagged, columns, read_ident
from .schemas import clustertemplates as schema
from .schemas.reading import attributes, read_attribute, read_object

_NOUN = "cluster template"
_PUBLISHING = ("public", "hidden")
_PAGE = page_of("clustertemplates", schema.ClusterTemplateView)
_QUERIES = paging.queries(SORT_KEYS)


class ClusterTemplates(Resource):
    @promises(
        "list_clustertemplates",
        "List cluster templates",
        rule="clustertemplate:get_all",
        query=_QUERIES,
        answers={200: Answer(_PAGE)},
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        self._list(req, resp, "get_all", "clustertemplates")

    @promises(
        "list_clustertemplates_detail",
        "List cluster templates under their older path",
        rule="clustertemplate:detail",
        query=_QUERIES,
        answers={200: Answer(_PAGE)},
    )
    def on_get_detail(self, req: Request, resp: falcon.Response) -> None:
        self._list(req, resp, "detail", "clustertemplates/detail")

    @promises(
        "create_clustertemplate",
        "Make a cluster template",
        rule="clustertemplate:create",
        body=Body(NewClusterTemplate, schema.ACCESS),
        answers={201: Answer(schema.ClusterTemplateView, ("Location", "ETag"))},
        refusals=(404, 409),
    )
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewClusterTemplate, noun=schema.NOUN, access=schema.ACCESS)
        offers = self.offers(req)
        template = clustertemplates.draft(self.service, requester, new, offers)
        self.policy.require("clustertemplate:create", requester)
        clustertemplates.check(self.service, template, offers)
        if template.public or template.hidden:
            _require_publish(self, requester)
        template = clustertemplates.insert(self.service, template)
        resp.location = f"{req.prefix}/v1/{schema.path_of(template)}"
        answer_tagged(req, resp, _tagged(template, req.prefix), status=201)

    @refuses("all_clustertemplates", "Refused: name the cluster template in the path")
    def on_patch(self, _req: Request, _resp: falcon.Response) -> None:
        raise InvalidRequest("Missing argument: name the cluster template behind /v1/clustertemplates/.")

    on_delete = on_patch

    def _list(self, req: Request, resp: falcon.Response, rule: str, path: str) -> None:
        requester = self.requester(req)
        self.policy.require(f"clustertemplate:{rule}", requester)
        scope = self.scope(requester, f"clustertemplate:{rule}_all_projects")
        most = self.service.settings.api.max_limit
        page = paging.read_page(req.query(paging.PARAMETERS), most=most, sort_keys=SORT_KEYS)
        found = clustertemplates.list_page(self.service, scope, page)
        answer(
            resp,
            paging.collection(
                "clustertemplates",
                [schema.view(template, req.prefix) for template in found],
                page=page,
                url=f"{req.scheme}://{req.netloc}/v1/{path}",
                last=found[-1].uuid if found else None,
            ),
        )


class ClusterTemplateItem(Resource):
    has_tag = True

    @promises(
        "get_clustertemplate",
        "Show a cluster template",
        rule="clustertemplate:get",
        answers={200: Answer(schema.ClusterTemplateView)},
        refusals=(409,),
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, template = self._find(req, ident, "get_one_all_projects")
        if not template.public:
            self.policy.require("clustertemplate:get", requester, columns(template))
        answer_tagged(req, resp, _tagged(template, req.prefix))

    @promises(
        "update_clustertemplate",
        "Change a cluster template",
        rule="clustertemplate:update",
        body=Body(tuple[patch.PatchOperation, ...], changes=NewClusterTemplate),
        answers={200: Answer(schema.ClusterTemplateView, ("ETag",))},
        refusals=(409,),
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, template = self._find(req, ident, "update_all_projects")
        self.policy.require("clustertemplate:update", requester, columns(template))
        asked = read_changes(req, template)
        result = clustertemplates.changed(self.service, template, asked, self.offers(req))
        if any(getattr(result, name) != getattr(template, name) for name in _PUBLISHING):
            _require_publish(self, requester)
        template = clustertemplates.update(self.service, template, result, guard=_make_guard(req))
        answer_tagged(req, resp, _tagged(template, req.prefix))

    @promises(
        "delete_clustertemplate",
        "Delete a cluster template that no cluster uses",
        rule="clustertemplate:delete",
        answers={204: Answer()},
        refusals=(409,),
    )
    def on_delete(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, template = self._find(req, ident, "delete_all_projects")
        self.policy.require("clustertemplate:delete", requester, columns(template))
        clustertemplates.delete(self.service, template, guard=_make_guard(req))
        resp.status = 204

    def _find(self, req: Request, ident: str, all_projects_rule: str) -> tuple[Requester, ClusterTemplate]:
        requester = self.requester(req)
        req.query(())
        scope = self.scope(requester, f"clustertemplate:{all_projects_rule}")
        return requester, clustertemplates.get(self.service, read_ident(ident, _NOUN), scope)


def read_changes(req: Request, template: ClusterTemplate) -> Mapping[str, Any]:
    changes = patch.apply_patch(patch.read_patch(req.document()), schema.patchable(template))
    known = attributes(NewClusterTemplate)
    return {name: read_attribute(known[name], value) for name, value in changes.items()}


def _tagged(template: ClusterTemplate, base: str) -> Tagged:
    return Tagged(schema.view(template, base))


def _make_guard(req: Request) -> clustertemplates.Guard | None:
    return make_guard(req, lambda current: _tagged(current, req.prefix))


def _require_publish(resource: Resource, requester: Requester) -> None:
    if not resource.policy.allows("clustertemplate:publish", requester):
        raise Forbidden("Not allowed to set public or hidden of a cluster template.")
