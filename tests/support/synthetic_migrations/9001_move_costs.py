"""Move the cost of an extraction into a table of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.store.db.migrate import head

revision = "9001"
down_revision = head()
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "extraction_cost",
        sa.Column("extracted_page_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("cost_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["extracted_page_id"],
            ["extracted_page.id"],
            name=op.f("fk_extraction_cost_extracted_page_id"),
        ),
        sa.PrimaryKeyConstraint("extracted_page_id", name=op.f("pk_extraction_cost")),
    )
    op.execute("INSERT INTO extraction_cost SELECT id, cost_ms FROM extracted_page")
    with op.batch_alter_table("extracted_page") as batch:
        batch.drop_column("cost_ms")


def downgrade() -> None:
    with op.batch_alter_table("extracted_page") as batch:
        batch.add_column(sa.Column("cost_ms", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE extracted_page SET cost_ms = (SELECT cost.cost_ms FROM extraction_cost cost"
        " WHERE cost.extracted_page_id = extracted_page.id)"
    )
    with op.batch_alter_table("extracted_page") as batch:
        batch.alter_column("cost_ms", existing_type=sa.Integer(), nullable=False)
    op.drop_table("extraction_cost")
