"""/v1/clusters and the actions on one.

What is asked of a cluster is answered with 202 and its UUID as soon as it is written down; the cluster shows the new
status from then on.
"""

from typing import Any

import falcon
import msgspec

from magnum.core import clusters, new_clusters
from magnum.core.clusters import Full, Resize
from magnum.core.errors import InvalidRequest
from magnum.core.new_clusters import NewCluster
from magnum.db.clusters import SORT_KEYS
from magnum.model.clusters import ClusterSummary
from magnum.model.paging import Page
from magnum.model.requesters import Requester

from . import paging, patch
from .microversions import RESIZE, ROLLBACK, ZERO_NODES, Version, require
from .requests import Request, query_flag
from .resources import Resource, answer, columns, read_ident
from .schemas import clusters as schema
from .schemas.reading import attributes, read_attribute, read_object


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
    def on_get(self, req: Request, resp: falcon.Response, ident: str) -> None:
        req.query(())
        requester, full = self._find_full(req, ident, "get_one_all_projects")
        self.policy.require("cluster:get", requester, _target(full.summary))
        answer(resp, schema.full_view(full, req.prefix, req.version))

    def on_patch(self, req: Request, resp: falcon.Response, ident: str) -> None:
        parameters = req.query(("rollback",) if req.version >= ROLLBACK else ())
        rollback = query_flag(parameters, "rollback")
        requester, full = self._find_full(req, ident, "update_all_projects")
        health = _read_changes(req, full)
        node_count = health.pop("node_count", None)
        if node_count is not None or not health:  # who only reports health need not be allowed more
            self.policy.require("cluster:update", requester, _target(full.summary))
        self.policy.require("cluster:update_health_status", requester)
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
        self.policy.require("cluster:delete", requester, _target(summary))
        clusters.delete(self.service, requester, summary.cluster.uuid)
        resp.status = 204

    def _find_full(self, req: Request, ident: str, rule: str) -> tuple[Requester, Full]:
        requester = self.requester(req)
        scope = self.scope(requester, f"cluster:{rule}")
        return requester, clusters.get_full(self.service, read_ident(ident, "cluster"), scope)


class ClusterActions(Resource):
    """`POST …/actions/{action}`. An unknown action answers 405, as a method that is not there."""

    def on_post(self, req: Request, resp: falcon.Response, ident: str, action: str) -> None:
        if action != "resize":
            raise falcon.HTTPMethodNotAllowed([])
        require(req.version, RESIZE)
        requester = self.requester(req)
        req.query(())
        asked = read_object(req.document(), schema.ResizeRequest, noun=schema.RESIZE_NOUN)
        scope = self.scope(requester, "cluster:update_all_projects")
        summary = clusters.get(self.service, read_ident(ident, "cluster"), scope)
        self.policy.require("cluster:resize", requester, _target(summary))
        _check_zero_nodes(req.version, asked.node_count)
        resize = Resize(**msgspec.structs.asdict(asked))
        clusters.resize(self.service, requester, summary.cluster.uuid, resize)
        answer(resp, {"uuid": summary.cluster.uuid}, status=202)


def _target(summary: ClusterSummary) -> dict[str, Any]:
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
    changes = patch.apply_patch(patch.read_patch(req.document()), target)
    known = attributes(schema.ClusterChange)
    frozen = [name for name, value in changes.items() if name not in known and _differs(value, target.values[name])]
    if frozen:
        raise InvalidRequest(f"These attributes of a cluster cannot be changed: {', '.join(sorted(frozen))}.")
    return {name: read_attribute(known[name], value) for name, value in changes.items() if name in known}


def _differs(value: Any, current: Any) -> bool:
    return bool(current) if value is msgspec.UNSET else value != current
