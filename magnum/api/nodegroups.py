"""/v1/clusters/{cluster}/nodegroups, from microversion 1.9 on.

Whoever sees the cluster sees its node groups. Administrators change those of other projects by the rule for changing
clusters of any project.
"""

from collections.abc import Mapping
from typing import Any

import falcon

from magnum.core import nodegroups
from magnum.core.nodegroups import Full, NewNodeGroup, NodeGroupChange
from magnum.db.nodegroups import SORT_KEYS
from magnum.model.requesters import Requester, Scope

from . import paging, patch
from .contract import Answer, Body, Query, page_of, promises
from .microversions import NODEGROUPS, require
from .preconditions import Tagged, make_guard
from .requests import Request
from .resources import Resource, answer, answer_tagged, read_ident
from .schemas import nodegroups as schema
from .schemas.reading import attributes, read_attribute, read_object

_CHANGE_ANY = "cluster:update_all_projects"
_QUERIES = (*paging.queries(SORT_KEYS), Query("role", str, "of which role"))


class NodeGroups(Resource):
    @promises(
        "list_nodegroups",
        "List the node groups of a cluster",
        rule="nodegroup:get_all",
        query=_QUERIES,
        answers={200: Answer(page_of("nodegroups", schema.NodeGroupSummaryView))},
        refusals=(409,),
        since=NODEGROUPS,
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        require(req.version, NODEGROUPS)
        _, scope = _allowed(self, req, "get_all", "nodegroup:get_all_all_projects")
        parameters = req.query((*paging.PARAMETERS, "role"))
        page = paging.read_page(parameters, most=self.service.settings.api.max_limit, sort_keys=SORT_KEYS)
        role = parameters.get("role")
        uuid, found = nodegroups.list_page(self.service, read_ident(ident, "cluster"), scope, page, role=role)
        answer(
            resp,
            paging.collection(
                "nodegroups",
                [schema.summary_view(group, req.prefix) for group in found],
                page=page,
                url=f"{req.scheme}://{req.netloc}/v1/clusters/{uuid}/nodegroups",
                last=found[-1].uuid if found else None,
                filters={} if role is None else {"role": role},
            ),
        )

    @promises(
        "create_nodegroup",
        "Ask for a node group",
        rule="nodegroup:create",
        body=Body(NewNodeGroup, schema.ACCESS),
        answers={202: Answer(schema.NodeGroupView, ("ETag",))},
        refusals=(409,),
        since=NODEGROUPS,
    )
    def on_post(self, req: Request, resp: falcon.Response, ident: str) -> None:
        require(req.version, NODEGROUPS)
        requester, scope = _allowed(self, req, "create", _CHANGE_ANY)
        req.query(())
        new = read_object(req.document(), NewNodeGroup, noun=schema.NOUN, access=schema.ACCESS)
        self.hold_trust(req, requester, read_ident(ident, "cluster"), scope)
        made = nodegroups.create(
            self.service, requester, read_ident(ident, "cluster"), scope, new, offers=self.offers(req)
        )
        answer_tagged(req, resp, _tagged(made, req.prefix), status=202)


class NodeGroupItem(Resource):
    has_tag = True

    @promises(
        "get_nodegroup",
        "Show a node group",
        rule="nodegroup:get",
        answers={200: Answer(schema.NodeGroupView)},
        refusals=(409,),
        since=NODEGROUPS,
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str, nodegroup: str) -> None:
        require(req.version, NODEGROUPS)
        _, scope = _allowed(self, req, "get", "nodegroup:get_one_all_projects")
        req.query(())
        answer_tagged(req, resp, _tagged(self._find(ident, nodegroup, scope), req.prefix))

    @promises(
        "update_nodegroup",
        "Change the bounds, labels and taints of a node group",
        rule="nodegroup:update",
        body=Body(tuple[patch.PatchOperation, ...], changes=NodeGroupChange),
        answers={202: Answer(schema.NodeGroupView, ("ETag",))},
        refusals=(409,),
        since=NODEGROUPS,
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str, nodegroup: str) -> None:
        require(req.version, NODEGROUPS)
        requester, scope = _allowed(self, req, "update", _CHANGE_ANY)
        req.query(())
        full = self._find(ident, nodegroup, scope)
        changes = _read_changes(req, full)
        guard = _make_guard(req)
        if changes:
            self.hold_trust(req, requester, full.group.cluster_id)
            full = nodegroups.update(self.service, requester, full.group, changes, guard=guard)
        elif guard:
            guard(full)
        answer_tagged(req, resp, _tagged(full, req.prefix), status=202)

    @promises(
        "delete_nodegroup",
        "Ask for the removal of a node group",
        rule="nodegroup:delete",
        answers={204: Answer()},
        refusals=(409,),
        since=NODEGROUPS,
    )
    def on_delete(self, req: Request, resp: falcon.Response, ident: str, nodegroup: str) -> None:
        require(req.version, NODEGROUPS)
        requester, scope = _allowed(self, req, "delete", _CHANGE_ANY)
        req.query(())
        cluster, group = read_ident(ident, "cluster"), read_ident(nodegroup, "node group")
        self.hold_trust(req, requester, cluster, scope)
        nodegroups.delete(self.service, requester, cluster, group, scope, guard=_make_guard(req))
        resp.status = 204

    def _find(self, ident: str, nodegroup: str, scope: Scope) -> Full:
        return nodegroups.get(self.service, read_ident(ident, "cluster"), read_ident(nodegroup, "node group"), scope)


def _allowed(resource: Resource, req: Request, rule: str, all_projects_rule: str) -> tuple[Requester, Scope]:
    requester = resource.requester(req)
    resource.policy.require(f"nodegroup:{rule}", requester)
    return requester, resource.scope(requester, all_projects_rule)


def _tagged(full: Full, base: str) -> Tagged:
    return Tagged(schema.full_view(full, base))


def _make_guard(req: Request) -> nodegroups.Guard | None:
    return make_guard(req, lambda current: _tagged(current, req.prefix))


def _read_changes(req: Request, full: Full) -> Mapping[str, Any]:
    """Give the attributes that the patch changes; those that cannot be changed must come out as they were."""
    target = schema.patchable(full, req.prefix)
    known = attributes(NodeGroupChange)
    changes = patch.changeable(patch.apply_patch(patch.read_patch(req.document()), target), target, known, schema.NOUN)
    return {name: read_attribute(known[name], value) for name, value in changes.items()}
