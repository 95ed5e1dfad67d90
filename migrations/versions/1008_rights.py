"""Keep what publishers declare about the use of each article."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "1008"
down_revision = "1007"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
ARTICLES = """
CREATE VIEW articles AS
SELECT page.id AS id,
       page.site AS site,
       page.url AS url,
       article.title AS title,
       article.authors AS authors,
       article.agency AS agency,
       article.published_at AS published_at,
       article.published_source AS published_source,
       article.published_precision AS published_precision,
       article.published_day AS published_day,
       article.modified_at AS modified_at,
       article.modified_precision AS modified_precision,
       article.language AS language,
       article.section AS section,
       article.tags AS tags,
       article.image AS image,
       revision.text AS text,
       article.word_count AS word_count,
       page.first_seen_at AS first_seen_at,
       CASE
           WHEN clean_result.payload_id = coalesce(page.joined_payload_id, page.payload_id)
           THEN page.last_matched_at
           ELSE revision.last_seen_at
       END AS last_seen_at,
       revision.number AS revisions,
       coalesce(sketch.leader_id, article.page_id) AS story_group,
       sketch.similarity AS similarity{rights}
FROM article
JOIN page ON page.id = article.page_id
JOIN revision ON revision.id = article.revision_id
JOIN clean_result ON clean_result.id = article.clean_result_id
LEFT JOIN sketch ON sketch.page_id = article.page_id
"""
RIGHTS = """,
       article.rights AS rights"""


def upgrade() -> None:
    """Add the rights. The next clean of each site computes them."""
    op.execute("DROP VIEW articles")
    op.add_column("article", sa.Column("rights", JSON, server_default="[]", nullable=False))
    asked_at = sa.Column("tdmrep_asked_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("site_revisit", asked_at)
    op.create_table(
        "rights_basis",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("basis", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("site", name=op.f("pk_rights_basis")),
    )
    op.execute(ARTICLES.format(rights=RIGHTS))


def downgrade() -> None:
    """Forget the rights. What they were computed from stays."""
    op.execute("DROP VIEW articles")
    op.drop_table("rights_basis")
    op.drop_column("site_revisit", "tdmrep_asked_at")
    op.drop_column("article", "rights")
    op.execute(ARTICLES.format(rights=""))
