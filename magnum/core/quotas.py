"""Quotas: how many clusters a project may have. A row of `quotas` decides, else [quotas] max_clusters_per_project.

Whether a project exists is for an identity service to say. Where there is none to ask, every name of one is taken.
"""

from typing import Protocol

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, quotas
from magnum.model.paging import Page
from magnum.model.quotas import CLUSTER, Quota
from magnum.model.requesters import Scope
from magnum.openstack.errors import NotAllowed, Unanswered

from . import fields
from .errors import Forbidden, InvalidRequest, NotFound, Unavailable
from .service import Service


class NewQuota(msgspec.Struct, frozen=True, kw_only=True):
    project_id: fields.Text | None = None
    resource: fields.QuotaResource = CLUSTER
    hard_limit: fields.Limit = 1


class Projects(Protocol):
    """The identity service, asked as whoever makes the request."""

    def exists(self, project_id: str) -> bool:
        """Raises `openstack.errors.NotAllowed` or `Unanswered`."""
        ...


class Usage(msgspec.Struct, frozen=True):
    """How many there may be of something, and how many there are."""

    limit: int
    used: int

    @property
    def headroom(self) -> int:
        return max(0, self.limit - self.used)


def clusters_usage(tx: Connection, service: Service, scope: Scope) -> Usage:
    row = quotas.find(tx, scope.project_id, CLUSTER) if scope.project_id is not None else None
    limit = row.hard_limit if row is not None else service.settings.quotas.max_clusters_per_project
    return Usage(limit, clusters.count(tx, scope))


def check_clusters(tx: Connection, service: Service, scope: Scope) -> None:
    """Refuse when the project has as many clusters as it may. It counts for certain only under the project's lock."""
    usage = clusters_usage(tx, service, scope)
    if not usage.headroom:
        raise Forbidden(
            f"The resource limit is exceeded: this project may have {usage.limit} clusters and has them. "
            "Delete one, or ask the operator for a higher quota."
        )


def list_page(service: Service, page: Page, *, project_id: str | None) -> list[Quota]:
    return service.database.read(lambda tx: quotas.list_page(tx, page, project_id=project_id))


def get(service: Service, project_id: str, resource: str) -> Quota:
    """Give what holds: the row, or the default of the configuration, which has no id."""
    found = service.database.read(lambda tx: quotas.find(tx, project_id, resource))
    default = service.settings.quotas.max_clusters_per_project
    return found or Quota(project_id=project_id, resource=CLUSTER, hard_limit=default)


def create(service: Service, new: NewQuota, projects: Projects | None) -> Quota:
    project_id = new.project_id
    if project_id is None:
        raise InvalidRequest("The mandatory attribute project_id is missing.")
    if projects is not None:
        _check_project(projects, project_id)
    quota = Quota(project_id=project_id, resource=new.resource, hard_limit=new.hard_limit)
    return service.database.write(lambda tx: quotas.insert(tx, quota))


def update(service: Service, project_id: str, resource: str, hard_limit: int) -> Quota:
    return service.database.write(lambda tx: quotas.update(tx, project_id, resource, hard_limit))


def delete(service: Service, project_id: str, resource: str) -> None:
    service.database.write(lambda tx: quotas.delete(tx, project_id, resource))


def _check_project(projects: Projects, project_id: str) -> None:
    try:
        exists = projects.exists(project_id)
    except NotAllowed:
        raise Forbidden("Keystone does not let you look up projects, so you cannot set quotas of them.") from None
    except Unanswered as error:
        text = "Keystone cannot be asked whether the project exists. Try again shortly."
        raise Unavailable(text) from error
    if not exists:
        raise NotFound(f"The project {project_id} does not exist.")
