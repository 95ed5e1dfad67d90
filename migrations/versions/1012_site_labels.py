"""Keep the countries and groups of sites, so that searches can use them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1012"
down_revision = "1011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. Commands that read the site files fill it."""
    op.create_table(
        "site_label",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("site", "kind", "value", name=op.f("pk_site_label")),
    )


def downgrade() -> None:
    """Drop the table. The site files keep its values."""
    op.drop_table("site_label")
