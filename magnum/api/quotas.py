"""/v1/quotas: how many clusters each project may have. Everybody sees the own project's, administrators set them."""

import falcon

from magnum.core import quotas
from magnum.core.errors import Forbidden, InvalidRequest
from magnum.core.quotas import NewQuota
from magnum.db.quotas import SORT_KEYS

from . import paging
from .contract import Answer, Body, Query, page_of, promises, refuses
from .requests import Request, query_flag
from .resources import Endpoint, Resource, answer, read_ident
from .schemas import quotas as schema
from .schemas.reading import read_object

_ALL_TENANTS = "all_tenants"
_QUERIES = (
    *paging.queries(SORT_KEYS, marker="the id of the last quota seen"),
    Query(_ALL_TENANTS, bool, "whether of all projects, for administrators"),
)


class Quotas(Resource):
    @promises(
        "list_quotas",
        "List quotas",
        rule="quota:get_all",
        query=_QUERIES,
        answers={200: Answer(page_of("quotas", schema.QuotaView))},
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        self.policy.require("quota:get_all", requester)
        parameters = req.query((*paging.PARAMETERS, _ALL_TENANTS))
        most = self.service.settings.api.max_limit
        page = paging.read_page(parameters, most=most, sort_keys=SORT_KEYS, read_marker=paging.read_number)
        everything = query_flag(parameters, _ALL_TENANTS)
        found = quotas.list_page(self.service, page, project_id=None if everything else requester.project_id or "")
        answer(
            resp,
            paging.collection(
                "quotas",
                [schema.view(quota) for quota in found],
                page=page,
                url=f"{req.scheme}://{req.netloc}/v1/quotas",
                last=str(found[-1].id) if found else None,
                filters={_ALL_TENANTS: "True"} if everything else {},
            ),
        )

    @promises(
        "create_quota",
        "Set a quota",
        rule="quota:create",
        body=Body(NewQuota, schema.ACCESS),
        answers={201: Answer(schema.QuotaView)},
        refusals=(409,),
    )
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewQuota, noun=schema.NOUN, access=schema.ACCESS)
        self.policy.require("quota:create", requester)
        answer(resp, schema.view(quotas.create(self.service, new, req.projects)), status=201)


class QuotaItem(Resource):
    @promises("get_quota", "Show the quota of a project", rule="quota:get", answers={200: Answer(schema.QuotaView)})
    def on_get(self, req: Request, resp: falcon.Response, project: str, resource: str) -> None:
        requester = self.requester(req)
        req.query(())
        self.policy.require("quota:get", requester)
        if not requester.is_admin and project != requester.project_id:
            raise Forbidden("Only administrators see the quotas of other projects.")
        answer(resp, schema.view(quotas.get(self.service, read_ident(project, "project"), resource)))

    @promises(
        "update_quota",
        "Change a quota; what is not given is set to its default",
        rule="quota:update",
        body=Body(NewQuota, schema.ACCESS),
        answers={202: Answer(schema.QuotaView)},
    )
    def on_patch(self, req: Request, resp: falcon.Response, project: str, resource: str) -> None:
        """Take an object, not a JSON patch; what is not given is set to its default."""
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewQuota, noun=schema.NOUN, access=schema.ACCESS)
        self.policy.require("quota:update", requester)
        project, resource = read_ident(project, "project"), read_ident(resource, "resource")
        answer(resp, schema.view(quotas.update(self.service, project, resource, new.hard_limit)), status=202)

    @promises("delete_quota", "Delete a quota: the default holds again", rule="quota:delete", answers={204: Answer()})
    def on_delete(self, req: Request, resp: falcon.Response, project: str, resource: str) -> None:
        requester = self.requester(req)
        req.query(())
        self.policy.require("quota:delete", requester)
        quotas.delete(self.service, read_ident(project, "project"), read_ident(resource, "resource"))
        resp.status = 204


class QuotaOfNothing(Endpoint):
    """/v1/quotas/{project}: of which resource is missing."""

    @refuses("quota_of_nothing", "Refused: name the resource behind the project")
    def on_get(self, _req: Request, _resp: falcon.Response, project: str) -> None:
        del project
        raise InvalidRequest(
            "Missing argument: name the resource behind the project, as in /v1/quotas/PROJECT/Cluster."
        )

    on_patch = on_get
    on_delete = on_get
