"""What Alembic runs for every command. The connection comes from `magnum.db.migrate`, inside its transaction."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import TypeDecorator

from magnum.db.migrations.adoption import VERSION_TABLE
from magnum.db.tables import METADATA


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write plain types into revisions: what a column holds may be read differently later."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
    render_item=_render,
    compare_type=True,
    include_name=lambda name, kind, _parents: kind != "table" or name in METADATA.tables,
)
with context.begin_transaction():
    context.run_migrations()
