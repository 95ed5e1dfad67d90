"""List what publications change in their stories, and add views of revisions, visits and sites."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "1009"
down_revision = "1008"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_PENDING = sa.text("changes_pending")
VIEWS = {
    "revisions": """
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
""",
    "changes": """
CREATE VIEW changes AS
SELECT change.page_id AS article,
       change.site AS site,
       page.url AS url,
       article.title AS title,
       change.at AS at,
       change.kind AS kind,
       change.number AS revision,
       change.before_at AS before_at,
       change.words_lost AS words_lost,
       change.words_gained AS words_gained,
       change.evidence AS evidence
FROM change
JOIN page ON page.id = change.page_id
JOIN article ON article.page_id = change.page_id
""",
    "visits": """
CREATE VIEW visits AS
SELECT page.id AS page,
       page.site AS site,
       page.kind AS kind,
       page.url AS url,
       capture.fetched_at AS at,
       capture.run_id AS run,
       capture.status AS status,
       capture.outcome AS outcome,
       capture.reason AS reason,
       capture.size AS bytes,
       capture.media_type AS media_type,
       payload.digest AS payload
FROM capture
JOIN page ON page.id = capture.page_id
LEFT JOIN payload ON payload.id = capture.payload_id
UNION ALL
SELECT page.id,
       page.site,
       page.kind,
       page.url,
       ledger_entry.at,
       ledger_entry.run_id,
       ledger_entry.status,
       ledger_entry.outcome,
       ledger_entry.reason,
       ledger_entry.bytes,
       '',
       NULL
FROM ledger_entry
JOIN page ON page.id = ledger_entry.page_id
WHERE ledger_entry.outcome = 'unchanged'
  AND ledger_entry.status IS NOT NULL
  AND NOT EXISTS (
      SELECT 1
      FROM capture
      WHERE capture.page_id = ledger_entry.page_id AND capture.run_id = ledger_entry.run_id
  )
""",
    "sites": """
CREATE VIEW sites AS
SELECT site_counts.site AS id,
       site_counts.pages AS pages,
       site_counts.stored AS stored,
       site_counts.articles AS articles,
       (SELECT count(*) FROM change WHERE change.site = site_counts.site) AS changes,
       (
           SELECT min(run.started_at)
           FROM run
           WHERE run.site = site_counts.site AND run.kind = 'crawl'
       ) AS first_crawl_at,
       (
           SELECT max(run.started_at)
           FROM run
           WHERE run.site = site_counts.site AND run.kind = 'crawl'
       ) AS last_crawl_at
FROM site_counts
""",
}
# The next clean of each site lists the changes of these articles.
MARK_PENDING = """
UPDATE article SET changes_pending = true
WHERE page_id IN (SELECT page_id FROM revision WHERE number > 1)
   OR page_id IN (SELECT page_id FROM capture WHERE outcome = 'gone')
"""


def upgrade() -> None:
    """Add the table and the views, and mark the articles of which changes are to be listed."""
    op.create_table(
        "change",
        sa.Column("page_id", BIG_ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("aspect", sa.String(length=8), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("before_at", MOMENT, nullable=False),
        sa.Column("words_lost", sa.Integer(), nullable=False),
        sa.Column("words_gained", sa.Integer(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_change_page_id")),
        sa.PrimaryKeyConstraint("page_id", "at", "aspect", name=op.f("pk_change")),
    )
    op.create_index("ix_change_at", "change", ["at"], unique=False)
    op.create_index("ix_change_site_at", "change", ["site", "at"], unique=False)
    op.add_column(
        "article",
        sa.Column("changes_pending", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "ix_article_changes_pending",
        "article",
        ["page_id"],
        unique=False,
        sqlite_where=IS_PENDING,
        postgresql_where=IS_PENDING,
    )
    op.execute(MARK_PENDING)
    for statement in VIEWS.values():
        op.execute(statement)


def downgrade() -> None:
    """Remove the table and the views. All that they show follows from other tables."""
    for name in VIEWS:
        op.execute(f"DROP VIEW {name}")
    op.drop_index("ix_article_changes_pending", table_name="article")
    op.drop_column("article", "changes_pending")
    op.drop_table("change")
