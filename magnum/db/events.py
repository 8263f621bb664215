"""Events of clusters. Only ever added, read in order, and deleted with the last that is known of a cluster."""

from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from magnum.model.events import Event, EventLevel

from . import rows
from .tables import event

_READ = select(*rows.columns_of(Event, event))


def insert(tx: Connection, new: Event) -> None:
    tx.execute(event.insert(), rows.values(event, new))


def of_cluster(
    tx: Connection, cluster_uuid: str, *, after: int | None = None, limit: int = 1000, descending: bool = False
) -> list[Event]:
    """Give events, oldest first unless `descending`, from the one that follows the id `after`."""
    query = _READ.where(event.c.cluster_uuid == cluster_uuid)
    if after is not None:
        query = query.where(event.c.id < after if descending else event.c.id > after)
    query = query.order_by(event.c.id.desc() if descending else event.c.id).limit(limit)
    return [rows.build(Event, row, level=EventLevel(row["level"])) for row in tx.execute(query).mappings()]


def newest_text(tx: Connection, cluster_uuid: str, kind: str) -> str | None:
    """Give what the newest event of this kind says."""
    own = (event.c.cluster_uuid == cluster_uuid, event.c.kind == kind)
    return tx.execute(select(event.c.text).where(*own).order_by(event.c.id.desc()).limit(1)).scalar()


def forget(tx: Connection, cluster_uuid: str) -> None:
    tx.execute(sql_delete(event).where(event.c.cluster_uuid == cluster_uuid))
