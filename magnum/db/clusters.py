"""Clusters: the adopted table `cluster`, and the sums over node groups that every answer shows.

A page of clusters with their sums is one statement: the page is cut first. Where addresses are shown it is joined to its
node groups, and the rows of one cluster are folded here; an overview has one row for each cluster. Whoever changes a cluster holds its lock (`operations.lock`).
"""

from itertools import groupby

from sqlalchemy import ColumnElement, Connection, Integer, RowMapping, Select, String, cast, func, select, type_coerce
from sqlalchemy import delete as sql_delete
from sqlalchemy.sql.selectable import Subquery

from magnum.model.clusters import Cluster, ClusterOverview, ClusterSummary
from magnum.model.nodegroups import MASTER
from magnum.model.paging import Page
from magnum.model.requesters import Scope

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
_IN_OVERVIEW = ClusterOverview.__struct_fields__[:-2]  # the last two are sums


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


def overviews(tx: Connection, scope: Scope, page: Page) -> list[ClusterOverview]:
    query = select(*(cluster.c[name] for name in {*_IN_OVERVIEW, "id", page.sort_key} & set(cluster.c.keys())))
    visible = in_scope(tx, cluster, scope)
    query = select_page(tx, query, cluster, page, sort_keys=SORT_KEYS, visible=visible, resource=RESOURCE)
    found = query.subquery("page")
    masters = _sum(found).where(nodegroup.c.role == MASTER)
    shown = [type_coerce(found.c[name], String) if name == "status" else found.c[name] for name in _IN_OVERVIEW]
    result = tx.execute(select(*shown, _number(masters), _number(_sum(found))).order_by(*ordering(found, page)))
    return [ClusterOverview(*row[:-1], row[-1] - row[-2]) for row in result]


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


def all_uuids(tx: Connection) -> list[str]:
    return list(tx.execute(select(cluster.c.uuid).order_by(cluster.c.id)).scalars())


def _summaries(tx: Connection, query: Select[tuple[object, ...]], page: Page) -> list[ClusterSummary]:
    found = query.subquery("page")
    result = tx.execute(_with_nodegroups(found).order_by(*ordering(found, page), nodegroup.c.id)).mappings()
    return [_fold(list(group)) for _, group in groupby(result, key=lambda row: row["id"])]


def _sum(found: Subquery) -> Select[tuple[int | None]]:
    return select(func.sum(nodegroup.c.node_count)).where(nodegroup.c.cluster_id == found.c.uuid)


def _number(query: Select[tuple[int | None]]) -> ColumnElement[int]:
    """Give an integer; MySQL's sums are decimal fractions."""
    return cast(func.coalesce(query.scalar_subquery(), 0), Integer)


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
