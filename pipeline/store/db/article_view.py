"""Articles as the doors are given them: one value with the fields of the view `articles`, and what its group is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.orm import aliased

from pipeline.store.db.schema import ArticleRow, PageRow, RevisionRow, SketchRow
from pipeline.store.db.sql import chunks


@dataclass(frozen=True, slots=True)
class ArticleView:
    """One Article; the fields are those of the view `articles`."""

    id: int
    site: str
    url: str
    title: str
    authors: tuple[str, ...]
    published_at: datetime | None
    published_source: str
    published_precision: str
    modified_at: datetime | None
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
    copies: int  # other Articles of its group


def select_articles() -> Select[*tuple[Any, ...]]:
    """All Articles, to be narrowed down."""
    group = func.coalesce(SketchRow.leader_id, ArticleRow.page_id)
    follower = aliased(SketchRow)
    copies = (
        select(func.count())
        .select_from(follower)
        .where(follower.leader_id == group)
        .scalar_subquery()
    )
    page = (PageRow.site, PageRow.url, PageRow.first_seen_at, PageRow.last_matched_at)
    revision = (RevisionRow.text, RevisionRow.number)
    return (
        select(
            ArticleRow,
            *page,
            *revision,
            group.label("story_group"),
            SketchRow.similarity,
            copies.label("copies"),
        )
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .outerjoin(SketchRow, SketchRow.page_id == ArticleRow.page_id)
    )


def to_article_view(row: Any) -> ArticleView:
    """A row of `selected`."""
    return ArticleView(
        row.page_id, row.site, row.url, row.title, tuple(row.authors), row.published_at, row.published_source,
        row.published_precision, row.modified_at, row.language, row.section, tuple(row.tags), row.image, row.text,
        row.word_count, row.first_seen_at, row.last_matched_at, row.number, row.story_group, row.similarity, row.copies,
    )  # fmt: skip


def articles_by_order_key(db: Connection, keys: Sequence[int]) -> list[ArticleView]:
    """The Articles of these order keys, in their order, as far as they are there."""
    found = dict[int, ArticleView]()
    for chunk in chunks(keys):
        for row in db.execute(
            select_articles().add_columns(ArticleRow.order_key).where(ArticleRow.order_key.in_(chunk))
        ):
            found[row.order_key] = to_article_view(row)
    return [found[key] for key in keys if key in found]
