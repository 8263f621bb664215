"""The version documents: `/` says which versions there are, `/v1` what is in it. Both are public."""

from typing import Any

import falcon

from .microversions import MAXIMUM, MINIMUM
from .requests import Request
from .resources import Endpoint, answer
from .schemas.links import resource_links

_NAMES = (
    *("baymodels", "bays", "clustertemplates", "clusters", "quotas", "certificates", "mservices", "stats"),
    *("federations", "credentials"),
)
COLLECTIONS = {**{name: f"{name}/" for name in _NAMES}, "nodegroups": "clusters/{cluster_id}/nodegroups"}
"""What is listed is what answers, each with its path; bays and baymodels do so up to version 1.10."""
_GUIDE = "http://docs.openstack.org/developer/magnum/dev/api-spec-v1.html"


class Versions(Endpoint):
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        version = {
            "id": "v1",
            "links": [{"href": f"{req.prefix}/v1/", "rel": "self"}],
            "status": "CURRENT",
            "max_version": str(MAXIMUM),
            "min_version": str(MINIMUM),
        }
        answer(
            resp,
            {
                "name": "OpenStack Magnum API",
                "description": "Container clusters as a service: templates, clusters and their certificates.",
                "versions": [version],
            },
        )


class VersionOne(Endpoint):
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        document: dict[str, Any] = {
            "id": "v1",
            "media_types": [{"base": "application/json", "type": "application/vnd.openstack.magnum.v1+json"}],
            "links": [
                {"href": f"{req.prefix}/v1/", "rel": "self"},
                {"href": _GUIDE, "rel": "describedby", "type": "text/html"},
            ],
        }
        for name, path in COLLECTIONS.items():
            document[name] = resource_links(req.prefix, path)
        answer(resp, document)
