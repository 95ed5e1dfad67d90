"""Note by which `[revisit]` of a site file due dates were computed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1002"
down_revision = "1001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site_revisit",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("after_hours", sa.Double(), nullable=False),
        sa.Column("for_days", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_site_revisit")),
    )


def downgrade() -> None:
    op.drop_table("site_revisit")
