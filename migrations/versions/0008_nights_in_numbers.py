"""The nights of each site in numbers, what was found wrong with them, and how many links a place showed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
OPEN = sa.text("closed_at IS NULL")


def upgrade() -> None:
    # plain: SQLite adds the column without copying the table. Of nights before, nobody knows.
    op.add_column("ledger_entry", sa.Column("links", sa.Integer()))
    op.create_table(
        "night",
        sa.Column("run_id", ID, sa.ForeignKey("run.id", name="fk_night_run_id", ondelete="CASCADE"), nullable=False),
        sa.Column("clean_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_night"),
    )
    op.create_table(
        "finding",
        sa.Column("id", ID, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("accepted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.Column("told_closed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_finding"),
    )
    op.create_index("ix_finding_site_closed_at", "finding", ["site", "closed_at"])
    op.create_index(
        "ix_finding_open", "finding", ["site", "kind", "subject"], unique=True, postgresql_where=OPEN, sqlite_where=OPEN
    )


def downgrade() -> None:
    op.drop_table("finding")
    op.drop_table("night")
    op.execute("ALTER TABLE ledger_entry DROP COLUMN links")
