"""Certificates with their private keys: the adopted table `x509keypair`. The secret store seals them."""

from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from magnum.model.x509keypairs import X509KeyPair

from . import rows
from .instants import stamp
from .tables import x509keypair as table

_READ = select(*rows.columns_of(X509KeyPair, table))


def insert(tx: Connection, row: X509KeyPair) -> None:
    values = rows.values(table, row) | {"created_at": stamp(tx)}
    rows.insert(tx, table, values, resource="Key pair", ident=row.uuid)


def get(tx: Connection, uuid: str) -> X509KeyPair | None:
    row = tx.execute(_READ.where(table.c.uuid == uuid)).mappings().one_or_none()
    return None if row is None else rows.build(X509KeyPair, row)


def delete(tx: Connection, uuid: str) -> None:
    """Delete a key pair, if it is there still."""
    tx.execute(sql_delete(table).where(table.c.uuid == uuid))
