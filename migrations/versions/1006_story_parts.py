"""Keep stories that are published in several pages together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "1006"
down_revision = "1005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
IS_PART = sa.text("part_of IS NOT NULL")
# A page may show something else today than its article was made of, such as a consent wall.
LAST_SEEN = """CASE
           WHEN clean_result.payload_id = coalesce(page.joined_payload_id, page.payload_id)
           THEN page.last_matched_at
           ELSE revision.last_seen_at
       END"""
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
       {last_seen} AS last_seen_at,
       revision.number AS revisions,
       coalesce(sketch.leader_id, article.page_id) AS story_group,
       sketch.similarity AS similarity
FROM article
JOIN page ON page.id = article.page_id
JOIN revision ON revision.id = article.revision_id
JOIN clean_result ON clean_result.id = article.clean_result_id
LEFT JOIN sketch ON sketch.page_id = article.page_id
"""
OLD_ARTICLES = ARTICLES.replace(
    "JOIN clean_result ON clean_result.id = article.clean_result_id\n", ""
)


def upgrade() -> None:
    """Add the columns of parts, and the table of their periods."""
    op.execute("DROP VIEW articles")
    op.add_column("page", sa.Column("part_of", sa.BigInteger(), nullable=True))
    op.add_column("page", sa.Column("part_number", sa.Integer(), nullable=True))
    op.add_column("page", sa.Column("joined_payload_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_page_parts",
        "page",
        ["part_of", "part_number"],
        unique=False,
        sqlite_where=IS_PART,
        postgresql_where=IS_PART,
    )
    op.create_table(
        "joined_period",
        sa.Column("page_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "payload_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("parts", JSON, nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_joined_period_page_id")),
        sa.ForeignKeyConstraint(
            ["payload_id"], ["payload.id"], name=op.f("fk_joined_period_payload_id")
        ),
        sa.PrimaryKeyConstraint("page_id", "number", name=op.f("pk_joined_period")),
    )
    op.create_index("ix_joined_period_payload_id", "joined_period", ["payload_id"], unique=False)
    op.execute(ARTICLES.format(last_seen=LAST_SEEN))


def downgrade() -> None:
    """Forget which pages are parts. Their bytes stay."""
    op.execute("DROP VIEW articles")
    op.drop_table("joined_period")
    op.drop_index("ix_page_parts", table_name="page")
    op.drop_column("page", "joined_payload_id")
    op.drop_column("page", "part_number")
    op.drop_column("page", "part_of")
    op.execute(OLD_ARTICLES.format(last_seen="page.last_matched_at"))
