"""/v1/stats: how many clusters and nodes there are."""

import falcon

from magnum.core import stats
from magnum.core.errors import InvalidRequest

from .requests import Request
from .resources import Resource, answer, read_ident

_TYPE = "cluster"


class Stats(Resource):
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
        answer(resp, {"clusters": clusters, "nodes": nodes})
