"""Articles as the doors are given them: one value with the fields of the view `articles`, and what its group is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.orm import aliased

from pipeline.store.schema import Article, Page, Revision, Sketch
from pipeline.store.sql import chunks


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
    likeness: float | None
    copies: int  # other Articles of its group


def selected() -> Select[*tuple[Any, ...]]:
    """All Articles, to be narrowed down."""
    group = func.coalesce(Sketch.head, Article.page_id)
    follower = aliased(Sketch)
    copies = select(func.count()).select_from(follower).where(follower.head == group).scalar_subquery()
    page = (Page.site, Page.url, Page.first_seen_at, Page.confirmed_at)
    revision = (Revision.text, Revision.number)
    return (
        select(Article, *page, *revision, group.label("story_group"), Sketch.likeness, copies.label("copies"))
        .join(Page, Page.id == Article.page_id)
        .join(Revision, Revision.id == Article.revision_id)
        .outerjoin(Sketch, Sketch.page_id == Article.page_id)
    )


def viewed(row: Any) -> ArticleView:
    """A row of `selected`."""
    return ArticleView(
        row.page_id, row.site, row.url, row.title, tuple(row.authors), row.published_at, row.published_source,
        row.published_precision, row.modified_at, row.language, row.section, tuple(row.tags), row.image, row.text,
        row.word_count, row.first_seen_at, row.confirmed_at, row.number, row.story_group, row.likeness, row.copies,
    )  # fmt: skip


def by_keys(db: Connection, keys: Sequence[int]) -> list[ArticleView]:
    """The Articles of these order keys, in their order, as far as they are there."""
    found = dict[int, ArticleView]()
    for chunk in chunks(keys):
        for row in db.execute(selected().add_columns(Article.order_key).where(Article.order_key.in_(chunk))):
            found[row.order_key] = viewed(row)
    return [found[key] for key in keys if key in found]
