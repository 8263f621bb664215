"""Quotas: how many clusters a project may have. A row of `quotas` decides, else [quotas] max_clusters_per_project."""

import msgspec
from sqlalchemy import Connection

from magnum.db import clusters, quotas
from magnum.model.requesters import Scope

from .errors import Forbidden
from .service import Service

CLUSTER = "Cluster"


class Usage(msgspec.Struct, frozen=True):
    """How many there may be of something, and how many there are."""

    limit: int
    used: int

    @property
    def headroom(self) -> int:
        return max(0, self.limit - self.used)


def clusters_usage(tx: Connection, service: Service, scope: Scope) -> Usage:
    limit = quotas.limit(tx, scope.project_id, CLUSTER) if scope.project_id is not None else None
    if limit is None:
        limit = service.settings.quotas.max_clusters_per_project
    return Usage(limit, clusters.count(tx, scope))


def check_clusters(tx: Connection, service: Service, scope: Scope) -> None:
    """Refuse when the project has as many clusters as it may. It counts for certain only under the project's lock."""
    usage = clusters_usage(tx, service, scope)
    if not usage.headroom:
        raise Forbidden(
            f"The resource limit is exceeded: this project may have {usage.limit} clusters and has them. "
            "Delete one, or ask the operator for a higher quota."
        )
