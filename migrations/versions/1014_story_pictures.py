"""Note which lead pictures stories declare."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1014"
down_revision = "1013"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table. It is empty until a site file asks for pictures."""
    op.create_table(
        "story_picture",
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("picture_id", BIG_ID, nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["page_id"], ["page.id"], name=op.f("fk_story_picture_page_id_page")
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["page.id"], name=op.f("fk_story_picture_picture_id_page")
        ),
        sa.PrimaryKeyConstraint("page_id", "picture_id", name=op.f("pk_story_picture")),
    )
    op.create_index(op.f("ix_story_picture_picture_id"), "story_picture", ["picture_id"])


def downgrade() -> None:
    """Drop the table. The pictures stay as pages without a story."""
    op.drop_index(op.f("ix_story_picture_picture_id"), table_name="story_picture")
    op.drop_table("story_picture")
