"""Counts of clusters and nodes, in one statement."""

from sqlalchemy import Connection, func, select

from magnum.model.requesters import Scope

from .idents import in_scope
from .tables import cluster, nodegroup


def count(tx: Connection, scope: Scope) -> tuple[int, int]:
    """Give how many clusters a scope has, and how many nodes, masters included, were asked for in its node groups."""
    clusters = select(func.count()).select_from(cluster).where(in_scope(tx, cluster, scope))
    nodes = select(func.coalesce(func.sum(nodegroup.c.node_count), 0))
    if scope.project_id is not None:
        nodes = nodes.where(in_scope(tx, nodegroup, scope))
    elif not scope.everything:  # node groups know no user
        nodes = nodes.where(nodegroup.c.cluster_id.in_(select(cluster.c.uuid).where(in_scope(tx, cluster, scope))))
    found = tx.execute(select(clusters.scalar_subquery(), nodes.scalar_subquery())).one()
    return int(found[0]), int(found[1])
