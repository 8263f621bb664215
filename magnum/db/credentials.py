"""Credentials of nodes, found by the hash of their token alone. One that has expired is as good as gone."""

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy import delete as sql_delete

from magnum.model.credentials import NodeCredential
from magnum.model.signing import NodeLimits

from . import rows
from .instants import now
from .tables import node_credential as table


def insert(tx: Connection, new: NodeCredential) -> None:
    limits = {"limits": msgspec.json.encode(new.limits).decode()}
    values = rows.values(table, msgspec.structs.asdict(new) | limits)
    rows.insert(tx, table, values, resource="Credential of node", ident=new.node_name)


def find(tx: Connection, token_hash: str) -> NodeCredential | None:
    query = select(table).where(table.c.token_hash == token_hash, table.c.expires_at > now(tx))
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return rows.build(NodeCredential, row, limits=msgspec.json.decode(row["limits"], type=NodeLimits))


def run_out(tx: Connection, cluster_uuid: str) -> frozenset[str]:
    """Name the nodes that had credentials and have none that is valid: they cannot report any more."""
    query = select(table.c.node_uuid).where(table.c.cluster_uuid == cluster_uuid).group_by(table.c.node_uuid)
    return frozenset(tx.execute(query.having(func.max(table.c.expires_at) <= now(tx))).scalars())


def end_node(tx: Connection, node_uuid: str) -> None:
    """End every credential of a node."""
    tx.execute(sql_delete(table).where(table.c.node_uuid == node_uuid))


def delete_of_cluster(tx: Connection, cluster_uuid: str) -> None:
    tx.execute(sql_delete(table).where(table.c.cluster_uuid == cluster_uuid))
