"""Authorities that a cluster's members believe beside those that it names: while a rotation runs, or when it failed.

New ones come before the cluster names them, old ones stay until no certificate of theirs is in use any more. Their
certificates lie in the certificate store; here are only the references.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from magnum.model.signing import CaType

from . import rows
from .tables import trusted_authority as table


def trust(tx: Connection, cluster_uuid: str, refs: Mapping[CaType, str]) -> None:
    """Add one reference of each of these types; one that is there already stays."""
    for ca_type, ref in refs.items():
        values = {"cluster_uuid": cluster_uuid, "ca_type": ca_type.value, "ref": ref}
        rows.insert_if_absent(tx, table, rows.values(table, values))


def of_cluster(tx: Connection, cluster_uuid: str, ca_type: CaType) -> tuple[str, ...]:
    own = (table.c.cluster_uuid == cluster_uuid, table.c.ca_type == ca_type.value)
    return tuple(tx.execute(select(table.c.ref).where(*own).order_by(table.c.ref)).scalars())


def forget(tx: Connection, cluster_uuid: str) -> None:
    """Believe none but those that the cluster names."""
    tx.execute(sql_delete(table).where(table.c.cluster_uuid == cluster_uuid))
