"""Nodes: the single machines. Whoever changes one holds its cluster's lock.

Numbers count up for as long as the node group lives; the mark stands in its own row, so that the number of a machine
that is long gone never comes back with another machine under its name.

What a node may have signed stands in its row too, and ends with it; it is read only when the node asks.
"""

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from magnum.model.credentials import NodeIdentity
from magnum.model.nodes import Node, NodeState
from magnum.model.signing import NodeLimits

from . import rows
from .errors import NotFound
from .tables import node, node_number, nodegroup

RESOURCE = "Node"
_READ = select(*rows.columns_of(Node, node))


def insert(tx: Connection, new: Node) -> None:
    rows.insert(tx, node, rows.values(node, new), resource=RESOURCE, ident=new.name)


def of_cluster(tx: Connection, cluster_uuid: str) -> tuple[Node, ...]:
    query = _READ.where(node.c.cluster_uuid == cluster_uuid).order_by(node.c.nodegroup_uuid, node.c.number)
    return tuple(rows.build(Node, row, state=NodeState(row["state"])) for row in tx.execute(query).mappings())


def save(tx: Connection, changed: Node) -> None:
    values = rows.values(node, changed)
    if tx.execute(node.update().where(node.c.uuid == changed.uuid), values).rowcount == 0:
        raise NotFound(RESOURCE, changed.name)


def delete(tx: Connection, uuid: str) -> None:
    """Delete a node, if it is there still."""
    tx.execute(sql_delete(node).where(node.c.uuid == uuid))


def keep_limits(tx: Connection, uuid: str, limits: NodeLimits) -> None:
    tx.execute(node.update().where(node.c.uuid == uuid).values(limits=msgspec.json.encode(limits).decode()))


def find_identity(tx: Connection, cluster_uuid: str, name: str) -> NodeIdentity | None:
    """Find a node by its name: None when there is none, or nothing was ever signed for it."""
    wanted = (node.c.cluster_uuid == cluster_uuid, node.c.name == name, node.c.limits.is_not(None))
    row = tx.execute(select(node.c.uuid, node.c.limits).where(*wanted)).one_or_none()
    if row is None:
        return None
    limits = msgspec.json.decode(str(row.limits), type=NodeLimits)
    return NodeIdentity(cluster_uuid=cluster_uuid, node_uuid=str(row.uuid), node_name=name, limits=limits)


def next_number(tx: Connection, nodegroup_uuid: str) -> int:
    """Take the next number of a node group, from 1 on."""
    cluster_uuid = tx.execute(select(nodegroup.c.cluster_id).where(nodegroup.c.uuid == nodegroup_uuid)).scalar()
    if cluster_uuid is None:
        raise NotFound("Nodegroup", nodegroup_uuid)
    first = {"nodegroup_uuid": nodegroup_uuid, "cluster_uuid": cluster_uuid, "last_number": 0}
    rows.insert_if_absent(tx, node_number, first)
    mine = node_number.c.nodegroup_uuid == nodegroup_uuid
    tx.execute(node_number.update().where(mine).values(last_number=node_number.c.last_number + 1))
    return int(tx.execute(select(node_number.c.last_number).where(mine)).scalar_one())


def forget(tx: Connection, cluster_uuid: str) -> None:
    """Delete all that is known of a cluster's nodes, their numbers too."""
    tx.execute(sql_delete(node).where(node.c.cluster_uuid == cluster_uuid))
    tx.execute(sql_delete(node_number).where(node_number.c.cluster_uuid == cluster_uuid))
