"""Keep the spelling in which each URL is requested.

Known pages were requested in the canonical spelling. That stays so, because their validators belong
to it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1001"
down_revision = "1000"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and fill it for known pages."""
    op.add_column("page", sa.Column("requested_url", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE page SET requested_url = url")


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("page", "requested_url")
