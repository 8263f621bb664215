"""Clusters: the adopted table `cluster`, and the sums over node groups that every answer shows.

A page of clusters with their sums is one statement: the page is cut first. Where addresses are shown it is joined to
its node groups, and the rows of one cluster are folded here; an overview has one row for each cluster. Whoever changes
a cluster holds its lock (`operations.lock`).

What is asked for all the time spares the database a temporary table, which on MariaDB costs more than all the rest: one
cluster's rows are sorted here, and a page in the order of the table is not a query in a query.
"""

from collections.abc import Collection, Sequence
from functools import cache, lru_cache, partial
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Result,
    Row,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    select,
    type_coerce,
)
from sqlalchemy import delete as sql_delete
from sqlalchemy.sql.selectable import FromClause

from magnum.model.clusters import Cluster, ClusterOverview, ClusterSummary
from magnum.model.nodegroups import MASTER
from magnum.model.paging import Page
from magnum.model.requesters import Scope
from magnum.model.statuses import AnyStatus, Status
from magnum.model.trusts import TRUST

from . import rows
from .errors import Ambiguous, NotFound
from .idents import exact, in_scope, is_owned, normal_uuid, owner
from .instants import stamp
from .pages import ordering, select_page
from .tables import cloud_resource, cluster, cluster_state, cluster_template, nodegroup

RESOURCE = "Cluster"
SORT_KEYS = rows.sort_keys(Cluster, cluster)
_COLUMNS = rows.columns_of(Cluster, cluster)
_READ = select(*_COLUMNS)
_IN_OVERVIEW = ClusterOverview.__struct_fields__[:-3]  # the last three are sums and of the cluster's state


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
    uuid = normal_uuid(ident)
    if uuid is not None:
        column, values = owner(tx, scope)
        groups = rows.mappings(tx.execute(_by_uuid(tx.dialect.name, column), values | {"uuid": uuid}))
        found = [_fold(sorted(groups, key=lambda row: row["group_id"] or 0))] if groups else []
    else:
        named = _READ.where(exact(tx, cluster.c.name, ident), in_scope(tx, cluster, scope)).limit(2)
        found = _folded(tx.execute(_of_page(named.subquery("page"), Page(limit=2))))
    if not found:
        raise NotFound(RESOURCE, ident)
    if len(found) > 1:
        raise Ambiguous(RESOURCE, ident)
    return found[0]


def summaries(tx: Connection, scope: Scope, page: Page) -> list[ClusterSummary]:
    visible = in_scope(tx, cluster, scope)
    query = select_page(tx, _READ, cluster, page, sort_keys=SORT_KEYS, visible=visible, resource=RESOURCE)
    return _folded(tx.execute(_of_page(query.subquery("page"), page)))


def overviews(tx: Connection, scope: Scope, page: Page) -> list[ClusterOverview]:
    column, values = owner(tx, scope)
    if page.marker is None:
        statement = _first_overview(tx.dialect.name, column, page)
    else:
        statement = _overview(tx, in_scope(tx, cluster, scope), page)
    return [_read_overview(row) for row in tx.execute(statement, values)]


def update(tx: Connection, uuid: str, **columns: object) -> None:
    """Set columns, and `updated_at`."""
    changes = {"updated_at": stamp(tx)} | rows.values(cluster, columns)
    if tx.execute(cluster.update().where(cluster.c.uuid == uuid), changes).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def trustee_password(tx: Connection, uuid: str) -> str | None:
    """Give the password of the cluster's own user as it is stored: sealed, or clear by an earlier release."""
    stored: str | None = tx.execute(select(cluster.c.trustee_password).where(cluster.c.uuid == uuid)).scalar()
    return stored


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


def with_trusts(tx: Connection, trust_ids: Collection[str]) -> set[str]:
    """Give those of these trusts that a cluster names."""
    return set(tx.execute(select(cluster.c.trust_id).where(cluster.c.trust_id.in_(trust_ids))).scalars())


def trusts(tx: Connection) -> dict[str, str]:
    """Give the trust to us that each cluster acts by, but for those that are being deleted."""
    deleting = cluster.c.status.in_([Status.DELETE_IN_PROGRESS, Status.DELETE_FAILED])
    ledger = cloud_resource.c
    to_us = (
        (ledger.cluster_uuid == cluster.c.uuid) & (ledger.kind == TRUST) & (ledger.provider_id == cluster.c.trust_id)
    )
    query = select(cluster.c.uuid, cluster.c.trust_id).join(cloud_resource, to_us).where(~deleting)
    return {row.uuid: row.trust_id for row in tx.execute(query)}


def statuses(tx: Connection, uuids: Collection[str]) -> dict[str, AnyStatus | None]:
    """Give the statuses of many clusters in one statement; those that are gone are left out."""
    query = select(cluster.c.uuid, cluster.c.status).where(cluster.c.uuid.in_(uuids))
    return {row.uuid: row.status for row in tx.execute(query)}


def all_uuids(tx: Connection) -> list[str]:
    return list(tx.execute(select(cluster.c.uuid).order_by(cluster.c.id)).scalars())


# To build a statement takes longer than to run it: those that are asked for all the time are built once.


@cache
def _by_uuid(dialect: str, owner_column: str | None) -> Select[Any]:
    wanted = (cluster.c.uuid == bindparam("uuid"), is_owned(dialect, cluster, owner_column))
    return _with_nodegroups(cluster, _COLUMNS).where(*wanted)


@lru_cache(maxsize=64)
def _first_overview(dialect: str, owner_column: str | None, page: Page) -> Select[Any]:
    return _overview(None, is_owned(dialect, cluster, owner_column), page)


def _overview(tx: Connection | None, visible: ColumnElement[bool], page: Page) -> Select[Any]:
    cut = partial(select_page, tx, table=cluster, page=page, sort_keys=SORT_KEYS, visible=visible, resource=RESOURCE)
    if page.sort_key == "id":
        return cut(query=_shown(cluster))
    needed = dict.fromkeys((*_IN_OVERVIEW, "id", page.sort_key))
    found = cut(query=select(*(cluster.c[name] for name in needed if name in cluster.c))).subquery("page")
    return _shown(found).order_by(*ordering(found, page))


def _shown(found: FromClause) -> Select[Any]:
    """Give what an overview shows of these clusters; the last columns are for `_read_overview`."""
    columns = [type_coerce(found.c[name], String) if name == "status" else found.c[name] for name in _IN_OVERVIEW]
    masters = func.sum(case((nodegroup.c.role == MASTER, nodegroup.c.node_count), else_=0))
    texts = [cast(func.coalesce(number, 0), String(20)) for number in (masters, func.sum(nodegroup.c.node_count))]
    # Two numbers in one text, because a query inside a row gives one value, and two of them take twice as long.
    counts = select(texts[0] + " " + texts[1]).where(nodegroup.c.cluster_id == found.c.uuid).scalar_subquery()
    state = found.outerjoin(cluster_state, cluster_state.c.cluster_uuid == found.c.uuid)
    return select(*columns, cluster_state.c.health_observed_at, counts).select_from(state)


def _read_overview(row: Row[Any]) -> ClusterOverview:
    *values, observed_at, counts = list[Any](row)
    masters, _, nodes = counts.partition(" ")
    values += (int(masters), int(nodes) - int(masters), observed_at)
    return ClusterOverview(*values)


def _of_page(found: FromClause, page: Page) -> Select[Any]:
    return _with_nodegroups(found, tuple(found.c)).order_by(*ordering(found, page), nodegroup.c.id)


def _with_nodegroups(source: FromClause, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Give one row for each node group, with what is shown of it, of the cluster's state and of its template."""
    return (
        select(
            *columns,
            nodegroup.c.id.label("group_id"),
            nodegroup.c.role.label("group_role"),
            nodegroup.c.node_count.label("group_count"),
            nodegroup.c.node_addresses.label("group_addresses"),
            cluster_state.c.generation,
            cluster_state.c.health_observed_at,
            cluster_template.c.labels.label("template_labels"),
        )
        .select_from(source)
        .outerjoin(nodegroup, nodegroup.c.cluster_id == source.c.uuid)
        .outerjoin(cluster_state, cluster_state.c.cluster_uuid == source.c.uuid)
        .outerjoin(cluster_template, cluster_template.c.uuid == source.c.cluster_template_id)
    )


def _folded(result: Result[Any]) -> list[ClusterSummary]:
    return [_fold(list(group)) for _, group in groupby(rows.mappings(result), key=lambda row: row["id"])]


def _fold(group: list[dict[str, Any]]) -> ClusterSummary:
    masters = [row for row in group if row["group_role"] == MASTER]
    workers = [row for row in group if row["group_role"] != MASTER]
    return ClusterSummary(
        cluster=rows.build(Cluster, group[0]),
        node_count=sum(row["group_count"] or 0 for row in workers),
        master_count=sum(row["group_count"] or 0 for row in masters),
        node_addresses=tuple(address for row in workers for address in row["group_addresses"]),
        master_addresses=tuple(address for row in masters for address in row["group_addresses"]),
        generation=group[0]["generation"] or 1,
        template_labels=group[0]["template_labels"],
        health_observed_at=group[0]["health_observed_at"],
    )
