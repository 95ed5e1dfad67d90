"""Leave hidden pages out of the views of visits, links and placements, and unnamed in `ledger`."""

from __future__ import annotations

from alembic import op

revision = "1015"
down_revision = "1014"
branch_labels = None
depends_on = None

LEDGER = """
CREATE VIEW ledger AS
SELECT ledger_entry.run_id AS run,
       run.kind AS run_kind,
       page.site AS site,
       page.kind AS kind,
       {url} AS url,
       ledger_entry.outcome AS outcome,
       ledger_entry.reason AS reason,
       ledger_entry.status AS status,
       ledger_entry.bytes AS bytes,
       ledger_entry.at AS at,
       {detail} AS detail
FROM ledger_entry
JOIN run ON run.id = ledger_entry.run_id
JOIN page ON page.id = ledger_entry.page_id
"""
IF_SHOWN = "CASE WHEN page.hidden_at IS NULL THEN {column} ELSE '' END"
VISITS = """
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
WHERE {shown}
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
WHERE {shown}
  AND ledger_entry.outcome = 'unchanged'
  AND ledger_entry.status IS NOT NULL
  AND NOT EXISTS (
      SELECT 1
      FROM capture
      WHERE capture.page_id = ledger_entry.page_id AND capture.run_id = ledger_entry.run_id
  )
"""
LINKS = """
CREATE VIEW links AS
SELECT article_link.page_id AS article,
       article_link.number AS number,
       article_link.url AS url,
       article_link.text AS text,
       coalesce(cited.page_id, moved.page_id) AS cited_article
FROM article_link
LEFT JOIN page AS target ON target.url_key = article_link.url_key
LEFT JOIN article AS cited ON cited.page_id = target.id
LEFT JOIN article AS moved ON moved.page_id = target.redirect_to
WHERE {shown}
"""
PLACEMENTS = """
CREATE VIEW placements AS
SELECT front.site AS site,
       story.id AS id,
       story.url AS url,
       front.url AS front_page,
       placement.rank AS rank,
       placement.first_seen_at AS first_seen_at,
       placement.last_seen_at AS last_seen_at,
       placement.visits AS visits
FROM placement
JOIN page AS front ON front.id = placement.source_id
JOIN page AS listed ON listed.url_key = placement.url_key
JOIN page AS story ON story.id = coalesce(listed.redirect_to, listed.id)
WHERE story.kind = 'story' AND {shown}
"""
ALWAYS = "1 = 1"


def upgrade() -> None:
    """Create the views again, without hidden pages."""
    _replace(
        LEDGER.format(
            url=IF_SHOWN.format(column="page.url"),
            detail=IF_SHOWN.format(column="ledger_entry.detail"),
        ),
        VISITS.format(shown="page.hidden_at IS NULL"),
        LINKS.format(shown="target.hidden_at IS NULL"),
        PLACEMENTS.format(shown="story.hidden_at IS NULL"),
    )


def downgrade() -> None:
    """Create the views again, with hidden pages."""
    _replace(
        LEDGER.format(url="page.url", detail="ledger_entry.detail"),
        VISITS.format(shown=ALWAYS),
        LINKS.format(shown=ALWAYS),
        PLACEMENTS.format(shown=ALWAYS),
    )


def _replace(*views: str) -> None:
    for name in ("ledger", "visits", "links", "placements"):
        op.execute(f"DROP VIEW {name}")
    for view in views:
        op.execute(view)
