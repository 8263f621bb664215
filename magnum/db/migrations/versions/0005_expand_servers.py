"""Expand: a node's second address, where it has one, and the id by which its provider knows its machine."""

from sqlalchemy import Column, MetaData, String, Table

from magnum.db.migrations.additions import add_missing

revision = "0005"
down_revision = "0004"

METADATA = MetaData()

node = Table(
    "node",
    METADATA,
    Column("uuid", String(36), primary_key=True, nullable=False),
    Column("floating_address", String(255)),
    Column("server_id", String(255)),
)


def upgrade() -> None:
    add_missing(METADATA)
