"""PostgreSQL's full-text index takes pairs of neighbouring words, since it keeps no places in its lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WAITS = sa.text("indexed = ''")


def upgrade() -> None:
    """All articles wait for the next clean, which adds their pairs in small steps; until then what is there answers as
    before. A new column is faster than a new value in each row. SQLite's index has the places, and stays."""
    if op.get_context().dialect.name != "postgresql":
        return
    op.drop_index("ix_article_unindexed", "article", postgresql_where=WAITS)
    op.drop_column("article", "indexed")
    op.add_column("article", sa.Column("indexed", sa.String(length=8), server_default="", nullable=False))
    op.create_index("ix_article_unindexed", "article", ["page_id"], postgresql_where=WAITS)


def downgrade() -> None:
    """Nothing: no query of before meets the pairs."""
