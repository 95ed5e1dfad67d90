"""Keep stories that are published in several pages together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "1004"
down_revision = "1003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
IS_PART = sa.text("part_of IS NOT NULL")


def upgrade() -> None:
    """Add the columns of parts, and the table of their periods."""
    op.add_column("page", sa.Column("part_of", sa.BigInteger(), nullable=True))
    op.add_column("page", sa.Column("part_number", sa.Integer(), nullable=True))
    op.add_column("page", sa.Column("joined_payload_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_page_parts",
        "page",
        ["part_of", "part_number"],
        unique=False,
        sqlite_where=IS_PART,
        postgresql_where=IS_PART,
    )
    op.create_table(
        "joined_period",
        sa.Column("page_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("parts", JSON, nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_joined_period_page_id")),
        sa.ForeignKeyConstraint(
            ["payload_id"], ["payload.id"], name=op.f("fk_joined_period_payload_id")
        ),
        sa.PrimaryKeyConstraint("page_id", "number", name=op.f("pk_joined_period")),
    )
    op.create_index("ix_joined_period_payload_id", "joined_period", ["payload_id"], unique=False)


def downgrade() -> None:
    """Forget which pages are parts. Their bytes stay."""
    op.drop_table("joined_period")
    op.drop_index("ix_page_parts", table_name="page")
    op.drop_column("page", "joined_payload_id")
    op.drop_column("page", "part_number")
    op.drop_column("page", "part_of")
