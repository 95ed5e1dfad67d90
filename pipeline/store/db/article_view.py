"""Articles as readers get them: one value with the fields of the view `articles`, and its group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from pipeline.core.local_times import as_precise
from pipeline.core.rights.statements import Statements, from_json
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import (
    CURRENT_PAYLOAD,
    ArticleRow,
    CleanResultRow,
    PageRow,
    RevisionRow,
    SketchRow,
)
from pipeline.store.db.sql import chunks


@dataclass(frozen=True, slots=True)
class ArticleView:
    """One article. The fields are those of the view `articles`.

    A date whose precision is "day" has no time: the field holds the beginning of that day in UTC.
    """

    id: int
    site: str
    url: str
    title: str
    authors: tuple[str, ...]
    agency: str
    published_at: datetime | None
    published_source: str
    published_precision: str
    published_day: date | None
    modified_at: datetime | None
    modified_precision: str
    language: str
    section: str
    tags: tuple[str, ...]
    image: str
    text: str
    word_count: int
    first_seen_at: datetime
    last_seen_at: datetime | None
    revisions: int
    story_group: int
    similarity: float | None
    copies: int  # other articles of its group
    rights: Statements = ()  # what the publisher declares about uses of it


def article_values(article: ArticleView) -> dict[str, Any]:
    """Return the fields of an article for JSON: a date without a time is only its day."""
    return asdict(article) | {
        "published_at": as_precise(article.published_at, article.published_precision),
        "modified_at": as_precise(article.modified_at, article.modified_precision),
    }


def select_articles() -> Select[*tuple[Any, ...]]:
    """Return the query for all articles, to be narrowed down.

    Returns:
        A query with the columns of an `ArticleView`.
    """
    group = func.coalesce(SketchRow.leader_id, ArticleRow.page_id)
    follower = aliased(SketchRow)
    copies = (
        select(func.count())
        .select_from(follower)
        .where(follower.leader_id == group)
        .scalar_subquery()
    )
    result = aliased(CleanResultRow)  # callers may join the results, too
    payload = (
        select(result.payload_id).where(result.id == ArticleRow.clean_result_id).scalar_subquery()
    )
    # the page may show something else today: a consent wall, the beginning for non-subscribers
    last_seen_at = case(
        (payload == CURRENT_PAYLOAD, PageRow.last_matched_at), else_=RevisionRow.last_seen_at
    )
    page = (PageRow.site, PageRow.url, PageRow.first_seen_at, last_seen_at.label("last_seen_at"))
    revision = (RevisionRow.text, RevisionRow.number)
    story_group = (group.label("story_group"), SketchRow.similarity, copies.label("copies"))
    return (
        select(ArticleRow, *page, *revision, *story_group)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .outerjoin(SketchRow, SketchRow.page_id == ArticleRow.page_id)
    )


def to_article_view(row: Any) -> ArticleView:
    """Convert a row of `select_articles`."""
    return ArticleView(
        id=row.page_id,
        site=row.site,
        url=row.url,
        title=row.title,
        authors=tuple(row.authors),
        agency=row.agency,
        published_at=row.published_at,
        published_source=row.published_source,
        published_precision=row.published_precision,
        published_day=row.published_day,
        modified_at=row.modified_at,
        modified_precision=row.modified_precision,
        language=row.language,
        section=row.section,
        tags=tuple(row.tags),
        image=row.image,
        text=row.text,
        word_count=row.word_count,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        revisions=row.number,
        story_group=row.story_group,
        similarity=row.similarity,
        copies=row.copies,
        rights=from_json(row.rights),
    )


def articles_by_order_key(db: Connection, keys: Sequence[int]) -> list[ArticleView]:
    """Return the articles with these order keys, in the order of the keys.

    A key without an article is left out.

    Args:
        db: A connection that reads.
        keys: Order keys: the numbers by which lists are sorted, newest highest.

    Returns:
        The articles.
    """
    if not keys:
        return []  # building the query takes longer than a search without matches
    articles: dict[int, ArticleView] = {}
    query = select_articles().add_columns(ArticleRow.order_key)
    for chunk in chunks(keys):
        for row in db.execute(query.where(ArticleRow.order_key.in_(chunk))):
            articles[row.order_key] = to_article_view(row)
    return [articles[key] for key in keys if key in articles]
