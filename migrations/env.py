"""Alembic's environment.

It runs on the connection that `pipeline.store.db.migrate` passes, or, started by the `alembic`
command, on the archive of the settings.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from pipeline.config.settings import load_settings
from pipeline.store.db.engine import Database
from pipeline.store.db.row_classes import Base, complete_indexes
from pipeline.store.db.schema import OUTSIDE_MODELS
from pipeline.store.db.types import PostgresJson, UTCDateTime


def _is_model(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and (name or "").startswith(OUTSIDE_MODELS))


def _render_type(kind: str, item: Any, autogenerate_context: Any) -> str | Literal[False]:
    """Write plain types into migrations, so that these do not change when our types do."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, PostgresJson):
        autogenerate_context.imports.add("from sqlalchemy.dialects import postgresql")
        return "postgresql.JSONB()"
    return False


def run(connection: Connection) -> None:
    """Run the migrations on a connection."""
    complete_indexes()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=_is_model,
        render_as_batch=True,
        transactional_ddl=True,  # also on SQLite: the store begins its transactions itself
        compare_type=True,
        render_item=_render_type,
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    with Database(load_settings().database_url).migration_transaction() as own:
        run(own)
