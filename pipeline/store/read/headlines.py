"""The newest stories for a list: title, site, time and first lines.

It never reads a whole text, so the cost depends on the number of stories and not on the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, RevisionRow

LEAD_LENGTH = 600  # characters of a text that are read


@dataclass(frozen=True, slots=True)
class Headline:
    """One article in a list."""

    id: int
    key: int  # its order key, which is `before` of the next page
    site: str
    title: str
    lead: str
    language: str
    at: datetime  # of publication, or else of the first fetch that brought it
    is_dated: bool  # whether `at` is that of publication
    precision: str  # "day" or "second"
    revisions: int
    gone: bool


def newest_headlines(
    database: Database, limit: int, *, before: int | None = None
) -> tuple[Headline, ...]:
    """List the newest articles, newest first.

    Args:
        limit: The largest number of articles.
        before: Only articles with a lower order key. This asks for the next page.
    """
    query: Select[*tuple[Any, ...]] = select(
        ArticleRow.page_id,
        ArticleRow.order_key,
        PageRow.site,
        ArticleRow.title,
        func.substr(RevisionRow.text, 1, LEAD_LENGTH).label("lead"),
        ArticleRow.language,
        ArticleRow.published_at,
        ArticleRow.published_precision,
        ArticleRow.archived_at,
        RevisionRow.number,
        PageRow.gone_at,
    )
    query = (
        query.join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .order_by(ArticleRow.order_key.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(ArticleRow.order_key < before)
    with database.read() as db:
        return tuple(map(_headline, db.execute(query)))


def _headline(row: Row[*tuple[Any, ...]]) -> Headline:
    return Headline(
        id=row.page_id,
        key=row.order_key,
        site=row.site,
        title=row.title,
        lead=row.lead,
        language=row.language,
        at=row.published_at or row.archived_at,
        is_dated=row.published_at is not None,
        precision=row.published_precision,
        revisions=row.number,
        gone=row.gone_at is not None,
    )
