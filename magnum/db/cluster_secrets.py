"""Secrets of clusters, sealed before they come here: what masters of one cluster share and nobody else may have."""

from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from . import rows
from .tables import cluster_secret as table


def get(tx: Connection, cluster_uuid: str, name: str) -> str | None:
    query = select(table.c.sealed).where(table.c.cluster_uuid == cluster_uuid, table.c.name == name)
    sealed: str | None = tx.execute(query).scalar()
    return sealed


def put_first(tx: Connection, cluster_uuid: str, name: str, sealed: str) -> str:
    """Store it unless there is one already; gives the one that is there then."""
    values = rows.values(table, {"cluster_uuid": cluster_uuid, "name": name, "sealed": sealed})
    rows.insert_if_absent(tx, table, values)
    stored = get(tx, cluster_uuid, name)
    assert stored is not None, "it was stored, or another was there"
    return stored


def delete_of_cluster(tx: Connection, cluster_uuid: str) -> None:
    tx.execute(sql_delete(table).where(table.c.cluster_uuid == cluster_uuid))
