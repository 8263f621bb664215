"""/v1/bays: clusters under their older name, up to microversion 1.10.

At 1.1 a change answers with the whole bay, from 1.2 on with its UUID. Either way it is accepted and not done yet.
Administrators see their own project's only.
"""

from typing import Any

import falcon
import msgspec

from magnum.core import clusters, new_clusters
from magnum.core.clusters import Full, Resize
from magnum.core.errors import InvalidRequest
from magnum.db.clusters import SORT_KEYS
from magnum.model.names import random_name
from magnum.model.paging import Page
from magnum.model.requesters import Requester, Scope

from . import paging, patch
from .contract import Accepted, Answer, Body, Query, page_of, promises, refuses
from .microversions import ASYNC_BAYS, NO_BAYS, ROLLBACK
from .requests import Request, query_flag
from .resources import Resource, answer, columns, read_ident, until_bays_went
from .schemas import bays as schema
from .schemas.reading import attributes, read_attribute, read_object

_QUERIES = paging.queries(SORT_KEYS)
_ROLLBACK = Query("rollback", bool, "whether a resize that fails is undone", since=ROLLBACK)


class Bays(Resource):
    @promises(
        "list_bays",
        "List bays",
        rule="bay:get_all",
        query=_QUERIES,
        answers={200: Answer(page_of("bays", schema.BaySummaryView))},
        until=NO_BAYS,
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        requester, page = self._page(req, "get_all")
        found = clusters.list_page(self.service, Scope.own(requester), page)
        views = [schema.overview_view(overview, req.prefix) for overview in found]
        self._answer(req, resp, page, views, "bays")

    @promises(
        "list_bays_detail",
        "List bays with all their attributes",
        rule="bay:detail",
        query=_QUERIES,
        answers={200: Answer(page_of("bays", schema.BayView))},
        until=NO_BAYS,
    )
    def on_get_detail(self, req: Request, resp: falcon.Response) -> None:
        requester, page = self._page(req, "detail")
        found = clusters.list_full(self.service, Scope.own(requester), page)
        self._answer(req, resp, page, [schema.full_view(full, req.prefix) for full in found], "bays/detail")

    @promises(
        "create_bay",
        "Ask for a bay",
        rule="bay:create",
        body=Body(schema.NewBay, schema.ACCESS),
        answers={201: Answer(schema.BayView, ("Location",)), 202: Answer(Accepted)},
        refusals=(409,),
        until=NO_BAYS,
    )
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        until_bays_went(req)
        requester = self.requester(req)
        req.query(())
        new = schema.as_new_cluster(read_object(req.document(), schema.NewBay, noun=schema.NOUN, access=schema.ACCESS))
        if new.name is None:
            new = msgspec.structs.replace(new, name=random_name("bay", self.service.randomness))
        draft = new_clusters.draft(self.service, requester, new, unknown_template_is_404=False)
        self.policy.require("bay:create", requester)
        draft = msgspec.structs.replace(draft, inherits_labels=False)
        uuid = new_clusters.create(self.service, requester, draft, self.offers(req), cloud=req.cloud)
        if req.version >= ASYNC_BAYS:
            answer(resp, {"uuid": uuid}, status=202)
            return
        resp.location = f"{req.prefix}/v1/bays/{uuid}"
        full = clusters.get_full(self.service, uuid, Scope.own(requester))
        answer(resp, schema.full_view(full, req.prefix), status=201)

    @refuses("all_bays", "Refused: name the bay in the path", until=NO_BAYS)
    def on_patch(self, req: Request, _resp: falcon.Response) -> None:
        until_bays_went(req)
        raise InvalidRequest("Missing argument: name the bay behind /v1/bays/.")

    on_delete = on_patch

    def _page(self, req: Request, rule: str) -> tuple[Requester, Page]:
        until_bays_went(req)
        requester = self.requester(req)
        self.policy.require(f"bay:{rule}", requester)
        parameters = req.query(paging.PARAMETERS)
        return requester, paging.read_page(parameters, most=self.service.settings.api.max_limit, sort_keys=SORT_KEYS)

    @staticmethod
    def _answer(req: Request, resp: falcon.Response, page: Page, views: list[dict[str, Any]], path: str) -> None:
        url, last = f"{req.scheme}://{req.netloc}/v1/{path}", views[-1]["uuid"] if views else None
        answer(resp, paging.collection("bays", views, page=page, url=url, last=last))


class BayItem(Resource):
    @promises(
        "get_bay", "Show a bay", rule="bay:get", answers={200: Answer(schema.BayView)}, refusals=(409,), until=NO_BAYS
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        _, full = self._find(req, ident, "get")
        req.query(())
        answer(resp, schema.full_view(full, req.prefix))

    @promises(
        "update_bay",
        "Resize a bay",
        rule="bay:update",
        query=(_ROLLBACK,),
        body=Body(tuple[patch.PatchOperation, ...], changes=schema.BayChange),
        answers={200: Answer(schema.BayView), 202: Answer(Accepted)},
        refusals=(409,),
        until=NO_BAYS,
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, full = self._find(req, ident, "update")
        parameters = req.query(("rollback",) if req.version >= ROLLBACK else ())
        rollback = query_flag(parameters, "rollback")
        target, known = schema.patchable(full, req.prefix), attributes(schema.BayChange)
        values = patch.apply_patch(patch.read_patch(req.document()), target)
        changes = patch.changeable(values, target, known, schema.NOUN)
        uuid = full.summary.cluster.uuid
        if changes:
            node_count = read_attribute(known["node_count"], changes["node_count"])
            resize = Resize(node_count=node_count, rollback=rollback)
            self.hold_trust(req, requester, uuid)
            clusters.update(self.service, requester, full.summary.cluster, self.offers(req), health={}, resize=resize)
        if req.version >= ASYNC_BAYS:
            answer(resp, {"uuid": uuid}, status=202)
        else:
            answer(resp, schema.full_view(clusters.get_full(self.service, uuid, Scope.own(requester)), req.prefix))

    @promises(
        "delete_bay",
        "Ask for the deletion of a bay",
        rule="bay:delete",
        answers={204: Answer()},
        refusals=(409,),
        until=NO_BAYS,
    )
    def on_delete(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, full = self._find(req, ident, "delete")
        req.query(())
        clusters.delete(self.service, requester, full.summary.cluster.uuid)
        resp.status = 204

    def _find(self, req: Request, ident: str, rule: str) -> tuple[Requester, Full]:
        until_bays_went(req)
        requester = self.requester(req)
        full = clusters.get_full(self.service, read_ident(ident, "bay"), Scope.own(requester))
        self.policy.require(f"bay:{rule}", requester, columns(full.summary.cluster))
        return requester, full
