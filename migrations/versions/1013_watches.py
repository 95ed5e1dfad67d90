"""Remember what each watch has found, and what is still to be sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "1013"
down_revision = "1012"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_UNSENT = sa.text("sent_at IS NULL")


def upgrade() -> None:
    """Add the tables of watches, and an index by the time at which articles were archived."""
    op.create_table(
        "watch",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("query_digest", sa.String(length=32), nullable=False),
        sa.Column("since_at", MOMENT, nullable=False),
        sa.Column("checked_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watch")),
    )
    op.create_table(
        "watch_match",
        sa.Column("watch", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("watch", "key", name=op.f("pk_watch_match")),
    )
    op.create_index("ix_watch_match_found_at", "watch_match", ["found_at"], unique=False)
    op.create_table(
        "watch_message",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("delivery_id", sa.String(length=36), nullable=False),
        sa.Column("watch", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=32), nullable=False),
        sa.Column("matches", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("begun_at", MOMENT, nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_message")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_watch_message_delivery_id")),
    )
    op.create_index(
        "ix_watch_message_unsent",
        "watch_message",
        ["watch"],
        unique=False,
        sqlite_where=IS_UNSENT,
        postgresql_where=IS_UNSENT,
    )
    op.create_index("ix_article_archived_at", "article", ["archived_at"], unique=False)


def downgrade() -> None:
    """Forget the watches. The next night begins them anew."""
    op.drop_index("ix_article_archived_at", table_name="article")
    op.drop_table("watch_message")
    op.drop_table("watch_match")
    op.drop_table("watch")
