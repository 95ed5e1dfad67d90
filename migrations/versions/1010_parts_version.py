"""Note by which rules the stored pages of a site were searched for parts of stories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1010"
down_revision = "1009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "site_revisit",
        sa.Column("parts_version", sa.Integer(), server_default="0", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("site_revisit", "parts_version")
