"""Bring a database to the schema of this code."""

from . import tables
from .engine import Database


def create_all(database: Database) -> None:
    """Make every table in an empty database, without a trace of migrations: for databases in memory and for tests."""
    database.write(tables.METADATA.create_all)
