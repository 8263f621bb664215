"""The version documents: `/` says which versions there are, `/v1` what is in it. Both are public."""

from typing import Any

import falcon

from .microversions import MAXIMUM, MINIMUM
from .requests import Request
from .resources import Endpoint, answer

COLLECTIONS = ("clustertemplates", "clusters", "certificates")
"""What is listed is what answers."""
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
        for name in COLLECTIONS:
            document[name] = [
                {"href": f"{req.prefix}/v1/{name}/", "rel": "self"},
                {"href": f"{req.prefix}/{name}/", "rel": "bookmark"},
            ]
        answer(resp, document)
