"""/v1/stats: how many clusters and nodes there are."""

from typing import Literal

import falcon
import msgspec

from magnum.core import stats
from magnum.core.errors import InvalidRequest

from .contract import Answer, Query, promises
from .requests import Request
from .resources import Resource, answer, read_ident

_TYPE = "cluster"


class StatsView(msgspec.Struct, frozen=True):
    clusters: int
    nodes: int


class Stats(Resource):
    @promises(
        "get_stats",
        "Count clusters and nodes",
        rule="stats:get_all",
        query=(
            Query("project_id", str, "of which project; administrators see every project's, and all together without"),
            Query("type", Literal["cluster"], "of what"),
        ),
        answers={200: Answer(StatsView)},
        refusals=(404,),
    )
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        requester = self.requester(req)
        self.policy.require("stats:get_all", requester)
        parameters = req.query(("project_id", "type"))
        if parameters.get("type", _TYPE).lower() != _TYPE:
            raise InvalidRequest(f"The query parameter type must be {_TYPE}.")
        project = parameters.get("project_id")
        if project is not None:
            project = read_ident(project, "project")
        clusters, nodes = stats.count(self.service, requester, project)
        answer(resp, StatsView(clusters, nodes))
