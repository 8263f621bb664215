"""Clusters: the adopted table `cluster`, and the sums over node groups that every answer shows.

A page of clusters with their sums is one statement: the page is cut first, then joined to its node groups, and the rows
of one cluster are folded here. Whoever changes a cluster holds its lock (`operations.lock`).
"""

from collections.abc import Collection
from itertools import groupby

from sqlalchemy import Connection, RowMapping, Select, func, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.sql.selectable import Subquery

from magnum.model.clusters import Cluster, ClusterSummary
from magnum.model.nodegroups import MASTER
from magnum.model.paging import Page
from magnum.model.requesters import Scope
from magnum.model.statuses import AnyStatus

from . import rows
from .errors import Ambiguous, NotFound
from .idents import in_scope, matches
from .instants import stamp
from .pages import ordering, select_page
from .tables import cluster, cluster_state, nodegroup

RESOURCE = "Cluster"
SORT_KEYS = rows.sort_keys(Cluster, cluster)
_COLUMNS = rows.columns_of(Cluster, cluster)
_READ = select(*_COLUMNS)


def insert(tx: Connection, new: Cluster) -> None:
    created = new.created_at or stamp(tx)
    rows.insert(tx, cluster, rows.values(cluster, new) | {"created_at": created}, resource=RESOURCE, ident=new.uuid)


def read(tx: Connection, uuid: str) -> Cluster:
    """Give the cluster alone, whoever owns it."""
    row = tx.execute(_READ.where(cluster.c.uuid == uuid)).mappings().one_or_none()
    if row is None:
        raise NotFound(RESOURCE, uuid)
    return rows.build(Cluster, row)


def get(tx: Connection, ident: str, scope: Scope) -> ClusterSummary:
    visible = in_scope(tx, cluster, scope)
    found = _summaries(tx, _READ.where(matches(tx, cluster, ident), visible).limit(2), Page(limit=2))
    if not found:
        raise NotFound(RESOURCE, ident)
    if len(found) > 1:
        raise Ambiguous(RESOURCE, ident)
    return found[0]


def summaries(tx: Connection, scope: Scope, page: Page) -> list[ClusterSummary]:
    visible = in_scope(tx, cluster, scope)
    query = select_page(tx, _READ, cluster, page, sort_keys=SORT_KEYS, visible=visible, resource=RESOURCE)
    return _summaries(tx, query, page)


def update(tx: Connection, uuid: str, **columns: object) -> None:
    """Set columns, and `updated_at`."""
    changes = {"updated_at": stamp(tx)} | rows.values(cluster, columns)
    if tx.execute(cluster.update().where(cluster.c.uuid == uuid), changes).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def delete(tx: Connection, uuid: str) -> None:
    """Delete the cluster's row and no other; what the last sweep still needs stays."""
    if tx.execute(sql_delete(cluster).where(cluster.c.uuid == uuid)).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def count(tx: Connection, scope: Scope) -> int:
    query = select(func.count()).select_from(cluster).where(in_scope(tx, cluster, scope))
    return int(tx.execute(query).scalar_one())


def exists_with_template(tx: Connection, template_uuid: str) -> bool:
    query = select(cluster.c.id).where(cluster.c.cluster_template_id == template_uuid).limit(1)
    return tx.execute(query).first() is not None


def statuses(tx: Connection, uuids: Collection[str]) -> dict[str, AnyStatus | None]:
    """Give the statuses of many clusters in one statement; those that are gone are left out."""
    query = select(cluster.c.uuid, cluster.c.status).where(cluster.c.uuid.in_(uuids))
    return {row.uuid: row.status for row in tx.execute(query)}


def all_uuids(tx: Connection) -> list[str]:
    return list(tx.execute(select(cluster.c.uuid).order_by(cluster.c.id)).scalars())


def _summaries(tx: Connection, query: Select[tuple[object, ...]], page: Page) -> list[ClusterSummary]:
    found = query.subquery("page")
    result = tx.execute(_with_nodegroups(found).order_by(*ordering(found, page), nodegroup.c.id)).mappings()
    return [_fold(list(group)) for _, group in groupby(result, key=lambda row: row["id"])]


def _with_nodegroups(found: Subquery) -> Select[tuple[object, ...]]:
    sums = (
        nodegroup.c.role.label("group_role"),
        nodegroup.c.node_count.label("group_count"),
        nodegroup.c.node_addresses.label("group_addresses"),
        cluster_state.c.generation,
    )
    return (
        select(*found.c, *sums)
        .outerjoin(nodegroup, nodegroup.c.cluster_id == found.c.uuid)
        .outerjoin(cluster_state, cluster_state.c.cluster_uuid == found.c.uuid)
    )


def _fold(group: list[RowMapping]) -> ClusterSummary:
    masters = [row for row in group if row["group_role"] == MASTER]
    workers = [row for row in group if row["group_role"] != MASTER]
    return ClusterSummary(
        cluster=rows.build(Cluster, group[0]),
        node_count=sum(row["group_count"] or 0 for row in workers),
        master_count=sum(row["group_count"] or 0 for row in masters),
        node_addresses=tuple(address for row in workers for address in row["group_addresses"]),
        master_addresses=tuple(address for row in masters for address in row["group_addresses"]),
        generation=group[0]["generation"] or 1,
    )
