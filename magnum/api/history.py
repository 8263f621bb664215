"""/v1/clusters/{ident}/events and …/operations: what happened to a cluster, and what is being done to it.

Extensions, at every microversion: docs/extensions.md. Events come oldest first and are numbered, so whoever has read
some goes on after the last one; operations come newest first, because the current one is what one looks for.
"""

from collections.abc import Callable

import falcon

from magnum.core import clusters, events, operations
from magnum.model.clusters import Cluster
from magnum.model.paging import Page

from . import paging
from .clusters import target
from .contract import Answer, page_of, promises
from .requests import Request
from .resources import Resource, answer, read_ident
from .schemas import history as schema

_SORT_KEYS = ("id",)


class ClusterEvents(Resource):
    @promises(
        "list_events",
        "List what happened to a cluster, oldest first",
        rule="cluster:get_events",
        query=paging.queries(_SORT_KEYS, marker="the id of the last event seen"),
        answers={200: Answer(page_of("events", schema.EventView))},
        refusals=(409,),
        is_extension=True,
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        page = _read_page(self, req, usual_dir="asc", read_marker=paging.read_number)
        cluster = _find(self, req, ident, "cluster:get_events")
        found = events.of_cluster(self.service, cluster.uuid, page)
        url = f"{req.scheme}://{req.netloc}/v1/clusters/{cluster.uuid}/events"
        views = [schema.event_view(event) for event in found]
        answer(resp, paging.collection("events", views, page=page, url=url, last=str(found[-1].id) if found else None))


class ClusterOperations(Resource):
    @promises(
        "list_operations",
        "List what is being done to a cluster, and what was, newest first",
        rule="cluster:get_operations",
        query=paging.queries(_SORT_KEYS),
        answers={200: Answer(page_of("operations", schema.OperationView))},
        refusals=(409,),
        is_extension=True,
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        page = _read_page(self, req, usual_dir="desc")
        cluster = _find(self, req, ident, "cluster:get_operations")
        found = operations.history(self.service, cluster.uuid, page)
        url = f"{req.scheme}://{req.netloc}/v1/clusters/{cluster.uuid}/operations"
        views = [schema.operation_view(standing) for standing in found]
        last = found[-1].operation.uuid if found else None
        answer(resp, paging.collection("operations", views, page=page, url=url, last=last))


def _read_page(
    resource: Resource, req: Request, *, usual_dir: str, read_marker: Callable[[str], str | int] | None = None
) -> Page:
    most = resource.service.settings.api.max_limit
    return paging.read_page(
        req.query(paging.PARAMETERS), most=most, sort_keys=_SORT_KEYS, usual_dir=usual_dir, read_marker=read_marker
    )


def _find(resource: Resource, req: Request, ident: str, rule: str) -> Cluster:
    requester = resource.requester(req)
    scope = resource.scope(requester, "cluster:get_one_all_projects")
    summary = clusters.get(resource.service, read_ident(ident, "cluster"), scope)
    resource.policy.require(rule, requester, target(summary))
    return summary.cluster
