"""A run whose ledger was pruned says so: its counts stay, and are not taken for wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # plain: SQLite adds the column without copying the table
    op.add_column("run", sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute("ALTER TABLE run DROP COLUMN pruned_at")
