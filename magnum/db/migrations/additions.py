"""Steps that revisions share. Each looks first: where DDL is not transactional, a revision may run twice."""

from alembic import op
from sqlalchemy import Column, MetaData, Table, inspect


def add_missing(metadata: MetaData) -> None:
    """Make the tables that are missing, and add the columns and indexes that are missing to those that are there."""
    for table in metadata.sorted_tables:
        if inspect(op.get_bind()).has_table(table.name):
            _complete(table)
        else:
            table.create(op.get_bind())


def _complete(table: Table) -> None:
    inspector = inspect(op.get_bind())
    columns = {column["name"] for column in inspector.get_columns(table.name)}
    for column in table.columns:
        if column.name not in columns:
            op.add_column(table.name, Column(column.name, column.type, server_default=column.server_default))
    indexes = {index["name"] for index in inspector.get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in indexes:
            index.create(op.get_bind())
