"""/v1/clusters/{ident}/actions/…: what can be done with a cluster beyond changing and deleting it.

Each action is a path of its own; an unknown one answers 405, as a method that is not there. Resizes and upgrades came
with a microversion, plans and retries are extensions (docs/extensions.md). An action depends on the cluster's ETag, if
it is told to, because what it changes is the cluster.
"""

import falcon
import msgspec

from magnum.core import clusters, plans, retries, upgrades
from magnum.core.clusters import Resize
from magnum.core.errors import InvalidRequest
from magnum.core.new_clusters import NewCluster
from magnum.model.clusters import ClusterSummary
from magnum.model.requesters import Requester

from .clusters import check_zero_nodes, guard_of_cluster, target
from .contract import Accepted, Answer, Body, promises
from .microversions import RESIZE, UPGRADE, require
from .requests import Request
from .resources import Endpoint, Resource, answer, read_ident
from .schemas import clusters as schema
from .schemas.reading import read_object


class Nothing(msgspec.Struct, frozen=True):
    """No arguments."""


class Retried(msgspec.Struct, frozen=True):
    """`operations` are the new ones, by UUID, in the order in which they run."""

    uuid: str
    operations: tuple[str, ...]


class ClusterAction(Resource):
    def find(
        self, requester: Requester, ident: str, *, rule: str, all_projects: str = "cluster:update_all_projects"
    ) -> ClusterSummary:
        summary = clusters.get(self.service, read_ident(ident, "cluster"), self.scope(requester, all_projects))
        self.policy.require(rule, requester, target(summary))
        return summary


class ClusterResize(ClusterAction):
    has_tag = True

    @promises(
        "resize_cluster",
        "Bring a node group to a number of nodes",
        rule="cluster:resize",
        body=Body(schema.ResizeRequest),
        answers={202: Answer(Accepted)},
        refusals=(409,),
        since=RESIZE,
    )
    def on_post(self, req: Request, resp: falcon.Response, ident: str) -> None:
        require(req.version, RESIZE)
        requester = self.requester(req)
        req.query(())
        asked = read_object(req.document(), schema.ResizeRequest, noun=schema.RESIZE_NOUN)
        uuid = self.find(requester, ident, rule="cluster:resize").cluster.uuid
        check_zero_nodes(req.version, asked.node_count)
        resize = Resize(**msgspec.structs.asdict(asked))
        self.hold_trust(req, requester, uuid)
        clusters.resize(self.service, requester, uuid, resize, guard=guard_of_cluster(req))
        answer(resp, {"uuid": uuid}, status=202)


class ClusterUpgrade(ClusterAction):
    has_tag = True

    @promises(
        "upgrade_cluster",
        "Bring a node group to a cluster template",
        rule="cluster:upgrade",
        body=Body(upgrades.Upgrade),
        answers={202: Answer(Accepted)},
        refusals=(409,),
        since=UPGRADE,
    )
    def on_post(self, req: Request, resp: falcon.Response, ident: str) -> None:
        if req.version >= RESIZE and req.version < UPGRADE:  # where there are actions, but not this one
            raise InvalidRequest(
                f"Upgrades are not supported at microversion {req.version}. They are from {UPGRADE} on."
            )
        require(req.version, UPGRADE)
        requester = self.requester(req)
        req.query(())
        asked = read_object(req.document(), upgrades.Upgrade, noun=schema.UPGRADE_NOUN)
        found = self.find(requester, ident, rule="cluster:upgrade", all_projects="cluster:upgrade_all_projects")
        self.hold_trust(req, requester, found.cluster.uuid)
        upgrades.upgrade(self.service, requester, found.cluster.uuid, asked, guard=guard_of_cluster(req))
        answer(resp, {"uuid": found.cluster.uuid}, status=202)


class ClusterRetry(ClusterAction):
    has_tag = True

    @promises(
        "retry_cluster",
        "Try again what has failed",
        rule="cluster:retry",
        body=Body(Nothing, is_optional=True),
        answers={202: Answer(Retried)},
        refusals=(409,),
        is_extension=True,
    )
    def on_post(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        req.query(())
        if req.has_body() and req.document() != {}:
            raise InvalidRequest("A retry takes no arguments: leave the body out, or send an empty object.")
        uuid = self.find(requester, ident, rule="cluster:retry").cluster.uuid
        self.hold_trust(req, requester, uuid)
        started = retries.retry(self.service, requester, uuid, guard=guard_of_cluster(req))
        answer(resp, Retried(uuid, tuple(started)), status=202)


class ChangePlan(ClusterAction):
    """A plan of a resize or an upgrade: what it is asked for with, under its name."""

    @promises(
        "plan_change",
        "Say what a resize or an upgrade would do",
        rule="cluster:plan",
        body=Body(schema.PlannedResize, other_shape=schema.PlannedUpgrade),
        answers={200: Answer(plans.Plan)},
        refusals=(409,),
        is_extension=True,
    )
    def on_post(self, req: Request, resp: falcon.Response, ident: str) -> None:
        requester = self.requester(req)
        req.query(())
        asked = schema.read_planned(req.document())
        summary = self.find(requester, ident, rule="cluster:plan", all_projects="cluster:get_one_all_projects")
        uuid = summary.cluster.uuid
        if isinstance(asked, upgrades.Upgrade):
            forbidden = self.policy.refusal("cluster:upgrade", requester, target(summary))
            answer(resp, plans.plan_upgrade(self.service, requester, uuid, asked, forbidden=forbidden))
            return
        check_zero_nodes(req.version, asked.node_count)
        resize = Resize(**msgspec.structs.asdict(asked))
        forbidden = self.policy.refusal("cluster:resize", requester, target(summary))
        answer(resp, plans.plan_resize(self.service, uuid, resize, forbidden=forbidden))


class CreatePlan(Resource):
    """A plan of a new cluster, for the body that would create it."""

    @promises(
        "plan_create",
        "Say what a new cluster would be",
        rule="cluster:plan",
        body=Body(NewCluster, schema.ACCESS),
        answers={200: Answer(plans.Plan)},
        refusals=(404, 409),
        is_extension=True,
    )
    def on_post(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        req.query(())
        new = read_object(req.document(), NewCluster, noun=schema.NOUN, access=schema.ACCESS)
        check_zero_nodes(req.version, new.node_count)
        self.policy.require("cluster:plan", requester)
        forbidden = self.policy.refusal("cluster:create", requester)
        answer(
            resp,
            plans.plan_create(self.service, requester, new, self.offers(req), forbidden=forbidden, cloud=req.cloud),
        )


class UnknownAction(Endpoint):
    """Any other action: every method answers 405."""
