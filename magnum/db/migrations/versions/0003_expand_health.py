"""Expand: when a cluster's health is looked at next, and when the stored one was observed."""

from sqlalchemy import BigInteger, Column, MetaData, String, Table

from magnum.db.migrations.additions import add_missing

revision = "0003"
down_revision = "0002"

METADATA = MetaData()

cluster_state = Table(
    "cluster_state",
    METADATA,
    Column("cluster_uuid", String(36), primary_key=True, nullable=False),
    Column("health_due_at", BigInteger),
    Column("health_observed_at", BigInteger),
)


def upgrade() -> None:
    add_missing(METADATA)
