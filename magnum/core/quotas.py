"""Quotas: how many clusters a project may have. A row of `quotas` decides, else [quotas] max_clusters_per_project."""

from sqlalchemy import Connection

from magnum.db import clusters, quotas
from magnum.model.requesters import Scope

from .errors import Forbidden
from .service import Service

CLUSTER = "Cluster"


def check_clusters(tx: Connection, service: Service, scope: Scope) -> None:
    """Refuse when the project has as many clusters as it may. It counts for certain only under the project's lock."""
    limit = quotas.limit(tx, scope.project_id, CLUSTER) if scope.project_id is not None else None
    if limit is None:
        limit = service.settings.quotas.max_clusters_per_project
    if clusters.count(tx, scope) >= limit:
        raise Forbidden(
            f"The resource limit is exceeded: this project may have {limit} clusters and has them. "
            "Delete one, or ask the operator for a higher quota."
        )
