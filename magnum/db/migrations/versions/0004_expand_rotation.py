"""Expand: what each node may have signed, and authorities that are trusted while others take their place."""

from sqlalchemy import Column, MetaData, String, Table, Text

from magnum.db.migrations.additions import add_missing

revision = "0004"
down_revision = "0003"

METADATA = MetaData()

node = Table("node", METADATA, Column("uuid", String(36), primary_key=True, nullable=False), Column("limits", Text))

trusted_authority = Table(
    "trusted_authority",
    METADATA,
    Column("cluster_uuid", String(36), primary_key=True, nullable=False),
    Column("ca_type", String(32), primary_key=True),
    Column("ref", String(255), primary_key=True),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)


def upgrade() -> None:
    add_missing(METADATA)
