"""The version documents: `/` says which versions there are, `/v1` what is in it. Both are public."""

import falcon
import msgspec

from .contract import Answer, promises
from .microversions import MAXIMUM, MINIMUM
from .requests import Request
from .resources import Endpoint, answer
from .schemas.links import Link, resource_links

_NAMES = (
    *("baymodels", "bays", "clustertemplates", "clusters", "quotas", "certificates", "mservices", "stats"),
    *("federations", "credentials"),
)
COLLECTIONS = {**{name: f"{name}/" for name in _NAMES}, "nodegroups": "clusters/{cluster_id}/nodegroups"}
"""What is listed is what answers, each with its path; bays and baymodels do so up to version 1.10."""
NAME = "OpenStack Magnum API"
DESCRIPTION = "Container clusters as a service: templates, clusters and their certificates."
_GUIDE = "http://docs.openstack.org/developer/magnum/dev/api-spec-v1.html"


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    links: tuple[Link, ...]
    status: str
    max_version: str
    min_version: str


class VersionsView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str
    versions: tuple[VersionView, ...]


class MediaType(msgspec.Struct, frozen=True):
    base: str
    type: str


VersionOneView = msgspec.defstruct(
    "VersionOneView",
    [
        ("id", str),
        ("media_types", tuple[MediaType, ...]),
        ("links", tuple[Link, ...]),
        *((name, tuple[Link, ...]) for name in COLLECTIONS),
    ],
    frozen=True,
    kw_only=True,
)


class Versions(Endpoint):
    @promises("list_versions", "List the versions of the API", answers={200: Answer(VersionsView)})
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        version = VersionView(
            id="v1",
            links=(Link(f"{req.prefix}/v1/", "self"),),
            status="CURRENT",
            max_version=str(MAXIMUM),
            min_version=str(MINIMUM),
        )
        answer(resp, VersionsView(name=NAME, description=DESCRIPTION, versions=(version,)))


class VersionOne(Endpoint):
    @promises("get_version", "List what is in version 1", answers={200: Answer(VersionOneView)})
    def on_get(self, req: Request, resp: falcon.Response) -> None:
        described_by = (
            Link(_GUIDE, "describedby", "text/html"),
            Link(f"{req.prefix}/v1/openapi.json", "describedby", "application/json"),
        )
        answer(
            resp,
            VersionOneView(
                id="v1",
                media_types=(MediaType("application/json", "application/vnd.openstack.magnum.v1+json"),),
                links=(Link(f"{req.prefix}/v1/", "self"), *described_by),
                **{name: resource_links(req.prefix, path) for name, path in COLLECTIONS.items()},
            ),
        )
