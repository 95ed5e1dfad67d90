"""Results that can be had back: every Extraction names its Run and what became of it, and none takes another's row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ACCEPTED, HELD, UNLEARNT = sa.text("verdict = 'accepted'"), sa.text("verdict = 'held'"), sa.text("NOT learnt")

# Until now all Payloads of a Page were cleaned alike: the result of the Page's last recipe stands, else the newest.
REPLACE = """
UPDATE extraction SET verdict = 'replaced' WHERE EXISTS (
    SELECT 1 FROM extraction AS other JOIN page ON page.id = other.page_id
    WHERE other.page_id = extraction.page_id AND other.payload_id = extraction.payload_id AND other.id <> extraction.id
    AND (other.recipe = page.clean_recipe
         OR (extraction.recipe <> page.clean_recipe AND other.id > extraction.id))
)
"""
# The old key has room for one result of a recipe, and no word for one that does not stand.
DROP = """
DELETE FROM extraction WHERE verdict IN ('held', 'rejected') OR verdict = 'replaced' AND EXISTS (
    SELECT 1 FROM extraction AS other
    WHERE other.page_id = extraction.page_id AND other.payload_id = extraction.payload_id AND other.recipe = extraction.recipe
    AND (other.verdict = 'accepted' OR other.verdict = 'replaced' AND other.id > extraction.id)
)
"""


def upgrade() -> None:
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scope", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("draft", schema=None) as batch_op:
        # "1" is true to both, and a plain value: SQLite adds the column without copying the table
        batch_op.add_column(sa.Column("learnt", sa.Boolean(), server_default="1", nullable=False))
    op.create_index("ix_draft_unlearnt", "draft", ["payload_id"], postgresql_where=UNLEARNT, sqlite_where=UNLEARNT)
    with op.batch_alter_table("extraction", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_id", BIG_ID, nullable=True))
        batch_op.add_column(sa.Column("verdict", sa.String(length=16), server_default="accepted", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_extraction_page_id_payload_id_recipe"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_extraction_page_id_payload_id_run_id"), ["page_id", "payload_id", "run_id"]
        )
        batch_op.create_foreign_key(batch_op.f("fk_extraction_run_id"), "run", ["run_id"], ["id"], ondelete="SET NULL")
    op.execute(REPLACE)
    op.create_index("ix_extraction_run_id", "extraction", ["run_id"])
    op.create_index("ix_extraction_held", "extraction", ["page_id"], postgresql_where=HELD, sqlite_where=HELD)
    op.create_index(
        "ix_extraction_standing",
        "extraction",
        ["page_id", "payload_id"],
        unique=True,
        postgresql_where=ACCEPTED,
        sqlite_where=ACCEPTED,
    )


def downgrade() -> None:
    op.execute(DROP)
    op.drop_index("ix_extraction_standing", "extraction")
    op.drop_index("ix_extraction_held", "extraction")
    op.drop_index("ix_extraction_run_id", "extraction")
    with op.batch_alter_table("extraction", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_extraction_run_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_extraction_page_id_payload_id_run_id"), type_="unique")
        batch_op.drop_column("verdict")
        batch_op.drop_column("run_id")
        batch_op.create_unique_constraint(
            batch_op.f("uq_extraction_page_id_payload_id_recipe"), ["page_id", "payload_id", "recipe"]
        )
    op.drop_index("ix_draft_unlearnt", "draft")
    op.execute("ALTER TABLE draft DROP COLUMN learnt")
    op.execute("ALTER TABLE run DROP COLUMN scope")
