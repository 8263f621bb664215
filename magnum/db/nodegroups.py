"""Node groups: the adopted table `nodegroup`. Whoever changes one holds its cluster's lock."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, select
from sqlalchemy import delete as sql_delete

from magnum.model.nodegroups import WORKER, NodeGroup
from magnum.model.paging import Page

from . import rows
from .errors import NotFound
from .idents import exact, matches
from .instants import stamp
from .pages import select_page
from .tables import nodegroup

RESOURCE = "Nodegroup"
SORT_KEYS = rows.sort_keys(NodeGroup, nodegroup)
_READ = select(*rows.columns_of(NodeGroup, nodegroup))


def insert(tx: Connection, new: NodeGroup) -> None:
    created = new.created_at or stamp(tx)
    values = rows.values(nodegroup, new) | {"created_at": created}
    rows.insert(tx, nodegroup, values, resource=RESOURCE, ident=new.name)


def of_cluster(tx: Connection, cluster_uuid: str) -> tuple[NodeGroup, ...]:
    query = _READ.where(nodegroup.c.cluster_id == cluster_uuid).order_by(nodegroup.c.id)
    return tuple(_build(row) for row in tx.execute(query).mappings())


def list_page(tx: Connection, cluster_uuid: str, page: Page, *, role: str | None = None) -> list[NodeGroup]:
    visible = nodegroup.c.cluster_id == cluster_uuid
    if role is not None:
        visible = and_(visible, exact(tx, nodegroup.c.role, role))
    query = select_page(tx, _READ, nodegroup, page, sort_keys=SORT_KEYS, visible=visible, resource=RESOURCE)
    return [_build(row) for row in tx.execute(query).mappings()]


def get(tx: Connection, cluster_uuid: str, ident: str) -> NodeGroup:
    query = _READ.where(nodegroup.c.cluster_id == cluster_uuid, matches(tx, nodegroup, ident))
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(RESOURCE, ident)
    return _build(row)


def update(tx: Connection, uuid: str, **columns: object) -> None:
    """Set columns, and `updated_at`."""
    changes = {"updated_at": stamp(tx)} | rows.values(nodegroup, columns)
    if tx.execute(nodegroup.update().where(nodegroup.c.uuid == uuid), changes).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def delete(tx: Connection, uuid: str) -> None:
    if tx.execute(sql_delete(nodegroup).where(nodegroup.c.uuid == uuid)).rowcount == 0:
        raise NotFound(RESOURCE, uuid)


def _build(row: Mapping[Any, Any]) -> NodeGroup:
    return rows.build(NodeGroup, row, role=row["role"] or WORKER, node_count=row["node_count"] or 0)
