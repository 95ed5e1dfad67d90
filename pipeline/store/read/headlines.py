"""The newest stories, as a list shows them: title, site, time and first lines, and never a whole text.

Promises a cost that depends on the number of stories asked for and not on the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, RevisionRow

LEAD = 600  # letters of a text that are read for its first lines


@dataclass(frozen=True, slots=True)
class Headline:
    """One Article in a list."""

    id: int
    key: int  # its place in the order of all: `before` of the next page
    site: str
    title: str
    lead: str
    language: str
    at: datetime  # of publication, or else of the first visit that brought it
    is_dated: bool  # whether `at` is that of publication
    precision: str  # "day" or "second"
    revisions: int
    gone: bool


def newest_headlines(
    store: Database, limit: int, *, before: int | None = None
) -> tuple[Headline, ...]:
    """The newest Articles, those first that were published last; with `before` those behind that key."""
    text = func.substr(RevisionRow.text, 1, LEAD).label("lead")
    order = ArticleRow.order_key.desc()
    query = (
        select(
            ArticleRow.page_id, ArticleRow.order_key, PageRow.site, ArticleRow.title, text, ArticleRow.language, ArticleRow.published_at,
            ArticleRow.published_precision, ArticleRow.archived_at, RevisionRow.number, PageRow.gone_at,
        )
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .order_by(order)
        .limit(limit)
    )  # fmt: skip
    with store.read() as db:
        rows = db.execute(
            query if before is None else query.where(ArticleRow.order_key < before)
        ).all()
    return tuple(
        Headline(
            row.page_id, row.order_key, row.site, row.title, row.lead, row.language, row.published_at or row.archived_at,
            row.published_at is not None, row.published_precision, row.number, row.gone_at is not None,
        )
        for row in rows
    )  # fmt: skip
