"""By which key the URLs of one story are told to be one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KNOWN = sa.text("story_key <> ''")


def upgrade() -> None:
    # plain: SQLite adds the column without copying the table. Pages of before are found by their URL alone.
    op.add_column("page", sa.Column("story_key", sa.String(length=32), server_default="", nullable=False))
    op.create_index("ix_page_story", "page", ["site", "story_key"], postgresql_where=KNOWN, sqlite_where=KNOWN)


def downgrade() -> None:
    op.drop_index("ix_page_story", "page")
    op.execute("ALTER TABLE page DROP COLUMN story_key")
