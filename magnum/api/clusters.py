"""/v1/clusters and the actions on one.

What is asked of a cluster is answered with 202 and its UUID as soon as it is written down; the cluster shows the new
status from then on. Extensions (docs/extensions.md) are `?wait=` and the actions `plan` and `retry`.
"""

from typing import Any

import falcon
import msgspec

from magnum.core import clusters, new_clusters, plans, retries, upgrades
from magnum.core.clusters import Full, Resize
from magnum.core.errors import InvalidRequest
from magnum.core.new_clusters import NewCluster
from magnum.core.service import Service
from magnum.db.clusters import SORT_KEYS
from magnum.model.clusters import ClusterSummary
from magnum.model.paging import Page
from magnum.model.requesters import Requester
from magnum.model.statuses import IN_PROGRESS

from . import paging, patch
from .microversions import RESIZE, ROLLBACK, UPGRADE, ZERO_NODES, Version, require
from .policy import Policy
from .requests import Request, query_flag, query_number
from .resources import Resource, answer, columns, read_ident
from .schemas import clusters as schema
from .schemas.reading import attributes, read_attribute, read_object
from .waiting import Waiters

MOST_SECONDS = 30
"""A request may wait for so long."""
RETRY_AFTER = 5
"""Seconds after which those may come again for whom there was no room to wait."""


class Clusters(Resource):
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        requester, page = self._page(req, "get_all")
        found = clusters.list_page(self.service, self.scope(requester, "cluster:get_all_all_projects"), page)
        views = [schema.overview_view(overview, req.prefix, req.version) for overview in found]
        self._answer(req, resp, page, views, "clusters", last=found[-1].uuid if found else None)

    def on_get_detail(self, req: Request, resp: falcon.Response) -> None:
        requester, page = self._page(req, "detail")
        found = clusters.list_full(self.service, self.scope(requester, "cluster:detail_all_projects"), page)
        views = [schema.full_view(full, req.prefix, req.version) for full in found]
        self._answer(req, resp, page, views, "clusters/detail", last=found[-1].summary.cluster.uuid if found else None)

    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewCluster, noun=schema.NOUN, access=schema.ACCESS)
        _check_zero_nodes(req.version, new.node_count)
        draft = new_clusters.draft(self.service, requester, new, unknown_template_is_404=req.version >= ZERO_NODES)
        self.policy.require("cluster:create", requester)
        answer(resp, {"uuid": new_clusters.create(self.service, requester, draft)}, status=202)

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
    def __init__(self, service: Service, policy: Policy) -> None:
        super().__init__(service, policy)
        self._waiters = Waiters(
            lambda uuids: clusters.find_busy(service, uuids),
            most=max(1, service.settings.api.threads // 4),
            ending=service.ending,
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
        answer(resp, schema.full_view(full, req.prefix, req.version))

    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        parameters = req.query(("rollback",) if req.version >= ROLLBACK else ())
        rollback = query_flag(parameters, "rollback")
        requester, full = self._find_full(req, ident, "update_all_projects")
        health = _read_changes(req, full)
        node_count = health.pop("node_count", None)
        if node_count is not None or not health:  # who only reports health need not be allowed more
            self.policy.require("cluster:update", requester, target(full.summary))
        # Of the cluster, the rule is told who its trustee is; as the owner counts whoever asks.
        asker = {"project_id": requester.project_id, "user_id": requester.user_id}
        self.policy.require("cluster:update_health_status", requester, target(full.summary) | asker)
        resize = None
        if node_count is not None:
            _check_zero_nodes(req.version, node_count)
            resize = Resize(node_count=node_count, rollback=rollback)
        uuid = full.summary.cluster.uuid
        if health or resize:
            clusters.update(self.service, requester, uuid, health=health, resize=resize)
        answer(resp, {"uuid": uuid}, status=202)

    def on_delete(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        req.query(())
        summary = clusters.get(
            self.service, read_ident(ident, "cluster"), self.scope(requester, "cluster:delete_all_projects")
        )
        self.policy.require("cluster:delete", requester, target(summary))
        clusters.delete(self.service, requester, summary.cluster.uuid)
        resp.status = 204

    def _find_full(self, req: Request, ident: str, rule: str) -> tuple[Requester, Full]:
        requester = self.requester(req)
        scope = self.scope(requester, f"cluster:{rule}")
        return requester, clusters.get_full(self.service, read_ident(ident, "cluster"), scope)


class ClusterActions(Resource):
    """`POST …/actions/{action}`. An unknown action answers 405, as a method that is not there."""

    def on_post(self, req: Request, resp: falcon.Response, ident: str, action: str) -> None:
        actions = {"resize": self._resize, "upgrade": self._upgrade, "plan": self._plan, "retry": self._retry}
        if action not in actions:
            raise falcon.HTTPMethodNotAllowed([])
        actions[action](req, resp, ident)

    def _resize(self, req: Request, resp: falcon.Response, ident: str) -> None:
        require(req.version, RESIZE)
        requester = self.requester(req)
        req.query(())
        asked = read_object(req.document(), schema.ResizeRequest, noun=schema.RESIZE_NOUN)
        uuid = self._find(requester, ident, rule="cluster:resize").cluster.uuid
        _check_zero_nodes(req.version, asked.node_count)
        clusters.resize(self.service, requester, uuid, Resize(**msgspec.structs.asdict(asked)))
        answer(resp, {"uuid": uuid}, status=202)

    def _upgrade(self, req: Request, resp: falcon.Response, ident: str) -> None:
        require(req.version, UPGRADE)
        requester = self.requester(req)
        req.query(())
        asked = read_object(req.document(), upgrades.Upgrade, noun=schema.UPGRADE_NOUN)
        found = self._find(requester, ident, rule="cluster:upgrade", all_projects="cluster:upgrade_all_projects")
        upgrades.upgrade(self.service, requester, found.cluster.uuid, asked)
        answer(resp, {"uuid": found.cluster.uuid}, status=202)

    def _plan(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        req.query(())
        asked = schema.read_planned_resize(req.document())
        summary = self._find(requester, ident, rule="cluster:plan", all_projects="cluster:get_one_all_projects")
        resize = Resize(**msgspec.structs.asdict(asked))
        forbidden = self.policy.refusal("cluster:resize", requester, target(summary))
        answer(resp, plans.plan_resize(self.service, summary.cluster.uuid, resize, forbidden=forbidden))

    def _retry(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        req.query(())
        if req.has_body() and req.document() != {}:
            raise InvalidRequest("A retry takes no arguments: leave the body out, or send an empty object.")
        uuid = self._find(requester, ident, rule="cluster:retry").cluster.uuid
        started = retries.retry(self.service, requester, uuid)
        answer(resp, {"uuid": uuid, "operations": started}, status=202)

    def _find(
        self, requester: Requester, ident: str, *, rule: str, all_projects: str = "cluster:update_all_projects"
    ) -> ClusterSummary:
        summary = clusters.get(self.service, read_ident(ident, "cluster"), self.scope(requester, all_projects))
        self.policy.require(rule, requester, target(summary))
        return summary


class ClusterPlans(Resource):
    """`POST /v1/clusters/actions/plan`: a plan of a new cluster, for the body that would create it."""

    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewCluster, noun=schema.NOUN, access=schema.ACCESS)
        _check_zero_nodes(req.version, new.node_count)
        self.policy.require("cluster:plan", requester)
        forbidden = self.policy.refusal("cluster:create", requester)
        answer(resp, plans.plan_create(self.service, requester, new, forbidden=forbidden))


def target(summary: ClusterSummary) -> dict[str, Any]:
    return columns(
        summary.cluster,
        node_count=summary.node_count,
        master_count=summary.master_count,
        node_addresses=summary.node_addresses,
        master_addresses=summary.master_addresses,
    )


def _check_zero_nodes(version: Version, node_count: int) -> None:
    if node_count == 0 and version < ZERO_NODES:
        raise InvalidRequest(
            f"node_count must be at least 1 at microversion {version}: zero nodes need a newer one. "
            f"It is supported from {ZERO_NODES} on."
        )


def _read_changes(req: Request, full: Full) -> dict[str, Any]:
    """Give the attributes that the patch changes; those that cannot be changed must come out as they were."""
    target = schema.patchable(full, req.prefix, req.version)
    known = attributes(schema.ClusterChange)
    changes = patch.changeable(patch.apply_patch(patch.read_patch(req.document()), target), target, known, schema.NOUN)
    return {name: read_attribute(known[name], value) for name, value in changes.items()}
