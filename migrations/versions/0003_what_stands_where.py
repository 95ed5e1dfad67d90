"""What stands where on the pages of a site, and a memory of lines that is bounded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REMEMBERED = sa.text("remembered_at IS NOT NULL")

# Of pages that the memory knows already, the ones first seen are let go of first.
REMEMBER = """
UPDATE page SET remembered_at = first_seen_at WHERE EXISTS (SELECT 1 FROM line WHERE line.page_id = page.id)
"""


def upgrade() -> None:
    # plain: SQLite adds the column without copying the table
    op.add_column("page", sa.Column("remembered_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(REMEMBER)
    op.create_index(
        "ix_page_remembered",
        "page",
        ["site", "remembered_at"],
        postgresql_where=REMEMBERED,
        sqlite_where=REMEMBERED,
    )
    op.create_table(
        "container",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("extractors", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("story", sa.Integer(), nullable=False),
        sa.Column("other", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("site", "extractors", "name", name=op.f("pk_container")),
    )


def downgrade() -> None:
    op.drop_table("container")
    op.drop_index("ix_page_remembered", "page")
    op.execute("ALTER TABLE page DROP COLUMN remembered_at")
