"""Expand: a table for what all nodes of a role in one cluster hold in common and nobody else."""

from sqlalchemy import Column, MetaData, String, Table, Text

from magnum.db.migrations.additions import add_missing

revision = "0002"
down_revision = "0001"

METADATA = MetaData()

cluster_secret = Table(
    "cluster_secret",
    METADATA,
    Column("cluster_uuid", String(36), primary_key=True, nullable=False),
    Column("name", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)


def upgrade() -> None:
    add_missing(METADATA)
