"""Tags that feeds and sitemaps name, and what pages do not want done with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # plain: SQLite adds the columns without copying the tables
    op.add_column("page", sa.Column("told_tags", sa.Text(), server_default="", nullable=False))
    op.add_column("capture", sa.Column("opt_outs", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.execute("ALTER TABLE capture DROP COLUMN opt_outs")
    op.execute("ALTER TABLE page DROP COLUMN told_tags")
