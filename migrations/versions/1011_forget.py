"""Let stories be hidden and forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1011"
down_revision = "1010"
branch_labels = None
depends_on = None

REVISIONS = """
CREATE VIEW revisions AS
SELECT revision.page_id AS article,
       page.site AS site,
       page.url AS url,
       revision.number AS number,
       revision.title AS title,
       revision.text AS text,
       revision.first_seen_at AS first_seen_at,
       CASE
           WHEN article.revision_id = revision.id
                AND clean_result.payload_id = coalesce(page.joined_payload_id, page.payload_id)
           THEN page.last_matched_at
           ELSE revision.last_seen_at
       END AS last_seen_at,
       payload.digest AS payload
FROM revision
JOIN page ON page.id = revision.page_id
JOIN clean_result ON clean_result.id = revision.clean_result_id
JOIN payload ON payload.id = clean_result.payload_id
LEFT JOIN article ON article.page_id = revision.page_id
{where}"""
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add when a page was hidden, the secret of taken-down URLs, and counts of what is gone."""
    hidden_at = sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("page", hidden_at)
    op.execute("DROP VIEW revisions")
    op.execute(REVISIONS.format(where="WHERE page.hidden_at IS NULL"))
    op.create_table(
        "archive_secret",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_archive_secret")),
    )
    op.create_table(
        "forgotten_count",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_forgotten_count_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "outcome", name=op.f("pk_forgotten_count")),
    )


def downgrade() -> None:
    """Show hidden pages again. What was forgotten stays away."""
    op.drop_table("forgotten_count")
    op.drop_table("archive_secret")
    op.execute("DROP VIEW revisions")
    op.drop_column("page", "hidden_at")
    op.execute(REVISIONS.format(where=""))
