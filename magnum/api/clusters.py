"""/v1/clusters: what is asked for as one, is made of node groups, and is changed and deleted as one.

What is asked of a cluster is answered with 202 and its UUID as soon as it is written down; the cluster shows the new
status from then on. An extension (docs/extensions.md) is `?wait=`.
"""

from typing import Annotated, Any

import falcon
from msgspec import Meta

from magnum.core import clusters, new_clusters
from magnum.core.clusters import Full, Resize
from magnum.core.errors import InvalidRequest
from magnum.core.new_clusters import NewCluster
from magnum.core.service import Service
from magnum.db.clusters import SORT_KEYS
from magnum.model.clocks import to_datetime
from magnum.model.clusters import ClusterSummary
from magnum.model.paging import Page
from magnum.model.requesters import Requester
from magnum.model.statuses import IN_PROGRESS

from . import paging, patch
from .contract import Accepted, Answer, Body, Query, page_of, promises, refuses
from .microversions import ROLLBACK, ZERO_NODES, Version
from .policy import Policy
from .preconditions import Tagged, make_guard
from .requests import Request, query_flag, query_number
from .resources import Resource, answer, answer_tagged, columns, read_ident
from .schemas import clusters as schema
from .schemas.links import moment
from .schemas.reading import attributes, read_attribute, read_object
from .waiting import Waiters

MOST_SECONDS = 30
"""A request may wait for so long."""
RETRY_AFTER = 5
"""Seconds after which those may come again for whom there was no room to wait."""

_HEALTH = ("health_status", "health_status_reason")
"""Who only reports these need not be allowed more."""
OBSERVED = "Health-Observed-At"

_ROLLBACK = Query("rollback", bool, "whether a resize that fails is undone", since=ROLLBACK)
_WAIT = Query(
    "wait",
    Annotated[int, Meta(ge=0, le=MOST_SECONDS)],
    "how many seconds the answer may wait for a cluster in progress (an extension)",
)
_DELETE_VOLUMES = Query(
    "delete_volumes",
    bool,
    "whether the volumes that the cluster's pods have stored things in are deleted too (an extension)",
)
_QUERIES = paging.queries(SORT_KEYS)


class Clusters(Resource):
    @promises(
        "list_clusters",
        "List clusters",
        rule="cluster:get_all",
        query=_QUERIES,
        answers={200: Answer(page_of("clusters", schema.ClusterSummaryView))},
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        requester, page = self._page(req, "get_all")
        found = clusters.list_page(self.service, self.scope(requester, "cluster:get_all_all_projects"), page)
        views = [schema.overview_view(overview, req.prefix, req.version) for overview in found]
        self._answer(req, resp, page, views, "clusters", last=found[-1].uuid if found else None)

    @promises(
        "list_clusters_detail",
        "List clusters with all their attributes",
        rule="cluster:detail",
        query=_QUERIES,
        answers={200: Answer(page_of("clusters", schema.ClusterView))},
    )
    def on_get_detail(self, req: Request, resp: falcon.Response) -> None:
        requester, page = self._page(req, "detail")
        found = clusters.list_full(self.service, self.scope(requester, "cluster:detail_all_projects"), page)
        views = [schema.full_view(full, req.prefix, req.version) for full in found]
        self._answer(req, resp, page, views, "clusters/detail", last=found[-1].summary.cluster.uuid if found else None)

    @promises(
        "create_cluster",
        "Ask for a cluster",
        rule="cluster:create",
        body=Body(NewCluster, schema.ACCESS),
        answers={202: Answer(Accepted)},
        refusals=(404, 409),
    )
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewCluster, noun=schema.NOUN, access=schema.ACCESS)
        check_zero_nodes(req.version, new.node_count)
        draft = new_clusters.draft(self.service, requester, new, unknown_template_is_404=req.version >= ZERO_NODES)
        self.policy.require("cluster:create", requester)
        uuid = new_clusters.create(self.service, requester, draft, self.offers(req), cloud=req.cloud)
        answer(resp, {"uuid": uuid}, status=202)

    @refuses("all_clusters", "Refused: name the cluster in the path")
    def on_patch(self, _req: Request, _resp: falcon.Response) -> None:
        raise InvalidRequest("Missing argument: name the cluster behind /v1/clusters/.")

    on_delete = on_patch

    def _page(self, req: Request, rule: str) -> tuple[Requester, Page]:
        requester = self.requester(req)
        self.policy.require(f"cluster:{rule}", requester)
        parameters = req.query(paging.PARAMETERS)
        return requester, paging.read_page(parameters, most=self.service.settings.api.max_limit, sort_keys=SORT_KEYS)

    @staticmethod
    def _answer(
        req: Request, resp: falcon.Response, page: Page, views: list[Any], path: str, *, last: str | None
    ) -> None:
        url = f"{req.scheme}://{req.netloc}/v1/{path}"
        answer(resp, paging.collection("clusters", views, page=page, url=url, last=last))


class ClusterItem(Resource):
    has_tag = True

    def __init__(self, service: Service, policy: Policy) -> None:
        super().__init__(service, policy)
        self._waiters = Waiters(
            lambda uuids: clusters.find_busy(service, uuids),
            most=max(1, service.settings.api.threads // 4),
            ending=service.ending,
        )

    @promises(
        "get_cluster",
        "Show a cluster",
        rule="cluster:get",
        query=(_WAIT,),
        answers={200: Answer(schema.ClusterView, headers=(OBSERVED,))},
        refusals=(409,),
    )
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        seconds = query_number(req.query(("wait",)), "wait", most=MOST_SECONDS)
        requester, full = self._find_full(req, ident, "get_one_all_projects")
        self.policy.require("cluster:get", requester, target(full.summary))
        cluster = full.summary.cluster
        if seconds and cluster.status in IN_PROGRESS:
            project = requester.project_id or f"user {requester.user_id}"
            if self._waiters.wait(cluster.uuid, project=project, seconds=seconds):
                requester, full = self._find_full(req, cluster.uuid, "get_one_all_projects")
            else:
                resp.set_header("Retry-After", str(RETRY_AFTER))
        if full.summary.health_observed_at is not None:
            resp.set_header(OBSERVED, str(moment(to_datetime(full.summary.health_observed_at))))
        answer_tagged(req, resp, _tagged(req, full))

    @promises(
        "update_cluster",
        "Resize a cluster, or report its health",
        rule="cluster:update",
        query=(_ROLLBACK,),
        body=Body(tuple[patch.PatchOperation, ...], changes=schema.ClusterChange),
        answers={202: Answer(Accepted)},
        refusals=(409,),
    )
    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        parameters = req.query(("rollback",) if req.version >= ROLLBACK else ())
        rollback = query_flag(parameters, "rollback")
        requester, full = self._find_full(req, ident, "update_all_projects")
        asked = patch.read_patch(req.document())
        if not asked or any(change.attribute not in _HEALTH for change in asked):
            self.policy.require("cluster:update", requester, target(full.summary))
        # Of the cluster, the rule is told who its trustee is; as the owner counts whoever asks.
        asker = {"project_id": requester.project_id, "user_id": requester.user_id}
        self.policy.require("cluster:update_health_status", requester, target(full.summary) | asker)
        health = _read_changes(req, full, asked)
        node_count, resize = health.pop("node_count", None), None
        if node_count is not None:
            check_zero_nodes(req.version, node_count)
            resize = Resize(node_count=node_count, rollback=rollback)
        uuid = full.summary.cluster.uuid
        guard = guard_of_cluster(req)
        if resize:
            self.hold_trust(req, requester, uuid)
        if health or resize:
            present, offers = full.summary.cluster, self.offers(req)
            clusters.update(self.service, requester, present, offers, health=health, resize=resize, guard=guard)
        elif guard:
            guard(full)
        answer(resp, {"uuid": uuid}, status=202)

    @promises(
        "delete_cluster",
        "Ask for the deletion of a cluster",
        rule="cluster:delete",
        query=(_DELETE_VOLUMES,),
        answers={204: Answer()},
        refusals=(409,),
    )
    def on_delete(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        volumes = query_flag(req.query((_DELETE_VOLUMES.name,)), _DELETE_VOLUMES.name)
        summary = clusters.get(
            self.service, read_ident(ident, "cluster"), self.scope(requester, "cluster:delete_all_projects")
        )
        self.policy.require("cluster:delete", requester, target(summary))
        uuid, guard = summary.cluster.uuid, guard_of_cluster(req)
        clusters.delete(self.service, requester, uuid, volumes=volumes, guard=guard)
        resp.status = 204

    def _find_full(self, req: Request, ident: str, rule: str) -> tuple[Requester, Full]:
        requester = self.requester(req)
        scope = self.scope(requester, f"cluster:{rule}")
        return requester, clusters.get_full(self.service, read_ident(ident, "cluster"), scope)


def guard_of_cluster(req: Request) -> clusters.Guard | None:
    return make_guard(req, lambda current: _tagged(req, current))


def target(summary: ClusterSummary) -> dict[str, Any]:
    return columns(
        summary.cluster,
        node_count=summary.node_count,
        master_count=summary.master_count,
        node_addresses=summary.node_addresses,
        master_addresses=summary.master_addresses,
    )


def check_zero_nodes(version: Version, node_count: int) -> None:
    if node_count == 0 and version < ZERO_NODES:
        raise InvalidRequest(
            f"node_count must be at least 1 at microversion {version}: zero nodes need a newer one. "
            f"It is supported from {ZERO_NODES} on."
        )


def _tagged(req: Request, full: Full) -> Tagged:
    return Tagged(schema.full_view(full, req.prefix, req.version), full.summary.generation)


def _read_changes(req: Request, full: Full, asked: tuple[patch.Change, ...]) -> dict[str, Any]:
    """Give the attributes that the patch changes; those that cannot be changed must come out as they were."""
    target = schema.patchable(full, req.prefix, req.version)
    known = attributes(schema.ClusterChange)
    changes = patch.changeable(patch.apply_patch(asked, target), target, known, schema.NOUN)
    return {name: read_attribute(known[name], value) for name, value in changes.items()}
