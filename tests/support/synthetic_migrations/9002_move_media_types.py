"""Store each media type once, and refer to it from payloads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "9002"
down_revision = "9001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FOREIGN_KEY = "fk_payload_media_type_id"


@contextmanager
def _without_views() -> Iterator[None]:
    """Take away the views meanwhile: SQLite rebuilds no table that a view shows."""
    definitions: list[str] = []
    if op.get_bind().dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
        for name, definition in op.get_bind().execute(sa.text(query)).all():
            definitions.append(definition)
            op.execute(f"DROP VIEW {name}")
    yield
    for definition in definitions:
        op.execute(definition)


def upgrade() -> None:
    with _without_views():
        _move()


def _move() -> None:
    op.create_table(
        "media_type",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_type")),
    )
    op.execute(
        "INSERT INTO media_type (name) SELECT DISTINCT media_type FROM payload ORDER BY media_type"
    )
    with op.batch_alter_table("payload") as batch:
        batch.add_column(sa.Column("media_type_id", BIG_ID, nullable=True))
    op.execute(
        "UPDATE payload SET media_type_id ="
        " (SELECT id FROM media_type WHERE name = payload.media_type)"
    )
    with op.batch_alter_table("payload") as batch:
        batch.alter_column("media_type_id", existing_type=BIG_ID, nullable=False)
        batch.create_foreign_key(FOREIGN_KEY, "media_type", ["media_type_id"], ["id"])
        batch.drop_column("media_type")


def downgrade() -> None:
    with _without_views():
        _move_back()


def _move_back() -> None:
    with op.batch_alter_table("payload") as batch:
        batch.add_column(sa.Column("media_type", sa.Text(), nullable=True))
    op.execute(
        "UPDATE payload SET media_type ="
        " (SELECT name FROM media_type WHERE id = payload.media_type_id)"
    )
    with op.batch_alter_table("payload") as batch:
        batch.alter_column("media_type", existing_type=sa.Text(), nullable=False)
        batch.drop_constraint(FOREIGN_KEY, type_="foreignkey")
        batch.drop_column("media_type_id")
    op.drop_table("media_type")
