"""The ledger, `cloud_resource`. Whoever writes in it holds the cluster's lock.

A name is one row for ever: tried again, it is the same row. One that was GONE becomes ATTEMPTED again, and
`attempted_at` is the last time, because that is when the quiet period begins.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from magnum.model.ledger import CloudResource, ResourceState

from . import rows
from .errors import NotFound
from .instants import now
from .tables import cloud_resource as table

_READ = select(*rows.columns_of(CloudResource, table))


def attempt(tx: Connection, cluster_uuid: str, kind: str, name: str) -> CloudResource:
    mine = (table.c.cluster_uuid == cluster_uuid, table.c.kind == kind, table.c.name == name)
    new = {"state": ResourceState.ATTEMPTED, "provider_id": None, "attempted_at": now(tx)}
    identity = {"cluster_uuid": cluster_uuid, "kind": kind, "name": name}
    rows.insert_if_absent(tx, table, rows.values(table, identity | new))
    not_there = table.c.state != ResourceState.PRESENT.value
    tx.execute(table.update().where(*mine, not_there), rows.values(table, new))
    return _build(tx.execute(_READ.where(*mine)).mappings().one())


def confirm(tx: Connection, resource_id: int, provider_id: str) -> None:
    _set(tx, resource_id, state=ResourceState.PRESENT, provider_id=provider_id)


def gone(tx: Connection, resource_id: int) -> None:
    """Make it a tombstone; it keeps the provider's id, for the last look."""
    _set(tx, resource_id, state=ResourceState.GONE)


def discard(tx: Connection, *resource_ids: int) -> None:
    """Forget entries: what they name was never made, or is nobody's any more."""
    tx.execute(sql_delete(table).where(table.c.id.in_(resource_ids)))


def attempts(tx: Connection, kind: str) -> tuple[CloudResource, ...]:
    """Give those of all clusters of which nobody knows yet whether they have been made."""
    mine = (table.c.kind == kind, table.c.state == ResourceState.ATTEMPTED.value)
    return tuple(_build(row) for row in tx.execute(_READ.where(*mine).order_by(table.c.id)).mappings())


def known(tx: Connection, kind: str, provider_ids: Collection[str]) -> set[str]:
    """Give those of these ids that some cluster has."""
    query = select(table.c.provider_id).where(table.c.kind == kind, table.c.provider_id.in_(provider_ids))
    return set(tx.execute(query).scalars())


def of_cluster(tx: Connection, cluster_uuid: str) -> tuple[CloudResource, ...]:
    """Give all, oldest first, tombstones included."""
    query = _READ.where(table.c.cluster_uuid == cluster_uuid).order_by(table.c.id)
    return tuple(_build(row) for row in tx.execute(query).mappings())


def forget(tx: Connection, cluster_uuid: str) -> None:
    tx.execute(sql_delete(table).where(table.c.cluster_uuid == cluster_uuid))


def _set(tx: Connection, resource_id: int, **changes: object) -> None:
    if tx.execute(table.update().where(table.c.id == resource_id), rows.values(table, changes)).rowcount == 0:
        raise NotFound("Ledger entry", str(resource_id))


def _build(row: Mapping[Any, Any]) -> CloudResource:
    return rows.build(CloudResource, row, state=ResourceState(str(row["state"])))
