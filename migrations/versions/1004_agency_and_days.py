"""Name the news agency of each article, and keep a date without a time as a day.

Articles get what their results already say. The rest comes when their pages are cleaned again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1004"
down_revision = "1003"
branch_labels = None
depends_on = None

# The columns of the view before and after this version.
OLD_COLUMNS = """
       article.authors AS authors,
       article.published_at AS published_at,
       article.published_source AS published_source,
       article.modified_at AS modified_at,
"""
NEW_COLUMNS = """
       article.authors AS authors,
       article.agency AS agency,
       article.published_at AS published_at,
       article.published_source AS published_source,
       article.published_precision AS published_precision,
       article.published_day AS published_day,
       article.modified_at AS modified_at,
       article.modified_precision AS modified_precision,
"""
ARTICLES = """
CREATE VIEW articles AS
SELECT page.id AS id,
       page.site AS site,
       page.url AS url,
       article.title AS title,
       {columns}
       article.language AS language,
       article.section AS section,
       article.tags AS tags,
       article.image AS image,
       revision.text AS text,
       article.word_count AS word_count,
       page.first_seen_at AS first_seen_at,
       page.last_matched_at AS last_seen_at,
       revision.number AS revisions,
       coalesce(sketch.leader_id, article.page_id) AS story_group,
       sketch.similarity AS similarity
FROM article
JOIN page ON page.id = article.page_id
JOIN revision ON revision.id = article.revision_id
LEFT JOIN sketch ON sketch.page_id = article.page_id
"""

# The day of a time lies on the clock that declared it, as far as the result knows that clock.
FILL = {
    "sqlite": """
UPDATE article
SET agency = coalesce(json_extract(clean_result.chosen_metadata, '$.agency'), ''),
    published_day = coalesce(
        json_extract(clean_result.chosen_metadata, '$.published_day'),
        date(
            article.published_at,
            coalesce(json_extract(clean_result.chosen_metadata, '$.published_offset'), 0)
            || ' minutes'
        )
    )
FROM clean_result
WHERE clean_result.id = article.clean_result_id
""",
    "postgresql": """
UPDATE article
SET agency = coalesce(clean_result.chosen_metadata ->> 'agency', ''),
    published_day = coalesce(
        CAST(clean_result.chosen_metadata ->> 'published_day' AS date),
        CAST(
            (article.published_at AT TIME ZONE 'UTC') + make_interval(
                mins => coalesce(
                    CAST(clean_result.chosen_metadata ->> 'published_offset' AS integer), 0
                )
            )
            AS date
        )
    )
FROM clean_result
WHERE clean_result.id = article.clean_result_id
""",
}


def upgrade() -> None:
    """Add the columns, fill them, and show them in the view."""
    op.execute("DROP VIEW articles")
    for name in ("announced_published_precision", "announced_modified_precision"):
        op.add_column(
            "page", sa.Column(name, sa.String(length=8), server_default="", nullable=False)
        )
    op.add_column("article", sa.Column("agency", sa.Text(), server_default="", nullable=False))
    op.add_column("article", sa.Column("published_day", sa.Date(), nullable=True))
    op.add_column(
        "article",
        sa.Column("modified_precision", sa.String(length=8), server_default="", nullable=False),
    )
    op.execute(FILL[op.get_bind().dialect.name])
    # The index does not have the names of agencies yet.
    op.execute("UPDATE article SET index_version = '' WHERE agency <> ''")
    op.execute(ARTICLES.format(columns=NEW_COLUMNS.strip()))


def downgrade() -> None:
    """Remove the columns."""
    op.execute("DROP VIEW articles")
    op.drop_column("article", "modified_precision")
    op.drop_column("article", "published_day")
    op.drop_column("article", "agency")
    for name in ("announced_modified_precision", "announced_published_precision"):
        op.drop_column("page", name)
    op.execute(ARTICLES.format(columns=OLD_COLUMNS.strip()))
