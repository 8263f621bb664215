"""/v1/federations: clusters that are to be worked with as one. They are on record only; see `core.federations`."""

from typing import Any

import falcon

from magnum.core import federations
from magnum.core.errors import InvalidRequest
from magnum.core.federations import FederationChange, NewFederation
from magnum.db.federations import SORT_KEYS
from magnum.model.federations import Federation
from magnum.model.requesters import Requester, Scope

from . import paging, patch
from .contract import Accepted, Answer, Body, Query, page_of, promises, refuses
from .patch import Change, Op
from .preconditions import Tagged, make_guard
from .requests import Request, query_flag
from .resources import Resource, answer, answer_tagged, columns, read_ident
from .schemas import federations as schema
from .schemas.reading import attributes, read_attribute, read_object

_MEMBERS = "member_ids"
_QUERIES = paging.queries(SORT_KEYS)


class Federations(Resource):
    @promises(
        "list_federations",
        "List federations",
        rule="federation:get_all",
        query=_QUERIES,
        answers={200: Answer(page_of("federations", schema.FederationSummaryView))},
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        self._list(req, resp, "get_all", "federations")

    @promises(
        "list_federations_detail",
        "List federations with all their attributes",
        rule="federation:detail",
        query=_QUERIES,
        answers={200: Answer(page_of("federations", schema.FederationView))},
    )
    def on_get_detail(self, req: Request, resp: falcon.Response) -> None:
        self._list(req, resp, "detail", "federations/detail")

    @promises(
        "create_federation",
        "Put a federation on record",
        rule="federation:create",
        body=Body(NewFederation, schema.ACCESS),
        answers={202: Answer(Accepted)},
        refusals=(404, 409),
    )
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewFederation, noun=schema.NOUN, access=schema.ACCESS)
        self.policy.require("federation:create", requester)
        answer(resp, {"uuid": federations.create(self.service, requester, new)}, status=202)

    @refuses("all_federations", "Refused: name the federation in the path")
    def on_patch(self, _req: Request, _resp: falcon.Response) -> None:
        raise InvalidRequest("Missing argument: name the federation behind /v1/federations/.")

    on_delete = on_patch

    def _list(self, req: Request, resp: falcon.Response, rule: str, path: str) -> None:
        requester = self.requester(req)
        self.policy.require(f"federation:{rule}", requester)
        most = self.service.settings.api.max_limit
        page = paging.read_page(req.query(paging.PARAMETERS), most=most, sort_keys=SORT_KEYS)
        found = federations.list_page(self.service, Scope.own(requester), page)
        view = schema.full_view if rule == "detail" else schema.summary_view
        views = [view(federation, req.prefix) for federation in found]
        url, last = f"{req.scheme}://{req.netloc}/v1/{path}", found[-1].uuid if found else None
        answer(resp, paging.collection("federations", views, page=page, url=url, last=last))


class FederationItem(Resource):
    has_tag = True

    @promises(
        "get_federation",
        "Show a federation",
        rule="federation:get",
        answers={200: Answer(schema.FederationView)},
        refusals=(409,),
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        _, federation = self._find(req, ident, "get")
        req.query(())
        answer_tagged(req, resp, Tagged(schema.full_view(federation, req.prefix)))

    @promises(
        "update_federation",
        "Change a federation, or let a cluster join or leave it",
        rule="federation:update",
        query=(Query("rollback", bool, "taken, and without effect"),),
        body=Body(tuple[patch.PatchOperation, ...], changes=FederationChange),
        answers={202: Answer(Accepted)},
        refusals=(409,),
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, federation = self._find(req, ident, "update")
        query_flag(req.query(("rollback",)), "rollback")
        guard = _make_guard(req)
        document = req.document()
        changes = patch.read_patch(document)
        if not changes:
            raise InvalidRequest("The patch is empty: say what is to be changed.")
        member = document[0].get("value")
        if _is_about_one_member(changes[0], member):
            act = federations.join if changes[0].op is Op.ADD else federations.leave
            act(self.service, requester, federation.uuid, _read_member(changes, member), guard=guard)
        else:
            asked = _read_changes(req, federation, changes)
            if asked:
                federations.update(self.service, requester, federation.uuid, asked, guard=guard)
            elif guard:
                guard(federation)
        answer(resp, {"uuid": federation.uuid}, status=202)

    @promises(
        "delete_federation", "Delete a federation", rule="federation:delete", answers={204: Answer()}, refusals=(409,)
    )
    def on_delete(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester, federation = self._find(req, ident, "delete")
        req.query(())
        federations.delete(self.service, requester, federation.uuid, guard=_make_guard(req))
        resp.status = 204

    def _find(self, req: Request, ident: str, rule: str) -> tuple[Requester, Federation]:
        requester = self.requester(req)
        found = federations.get(self.service, read_ident(ident, "federation"), Scope.own(requester))
        self.policy.require(f"federation:{rule}", requester, columns(found))
        return requester, found


def _is_about_one_member(change: Change, value: object) -> bool:
    """Tell `add /member_ids` of one cluster, and `remove` with one, from changes of the whole list."""
    if change.attribute != _MEMBERS or change.key is not None:
        return False
    return (change.op is Op.ADD and not isinstance(value, list)) or (change.op is Op.REMOVE and value is not None)


def _read_member(changes: tuple[Change, ...], member: object) -> str:
    if len(changes) > 1 or not isinstance(member, str):
        raise InvalidRequest("A cluster joins or leaves by one operation alone, with its UUID as the value.")
    return read_ident(member, "cluster")


def _make_guard(req: Request) -> federations.Guard | None:
    return make_guard(req, lambda current: Tagged(schema.full_view(current, req.prefix)))


def _read_changes(req: Request, federation: Federation, changes: tuple[Change, ...]) -> dict[str, Any]:
    target, known = schema.patchable(federation, req.prefix), attributes(FederationChange)
    asked = patch.changeable(patch.apply_patch(changes, target), target, known, schema.NOUN)
    return {name: read_attribute(known[name], value) for name, value in asked.items()}
