"""The stories of articles: their newest texts with structure, links and figures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select, text

from pipeline.core.story import Story, make_story
from pipeline.store.codec.serialization import decode_extracted
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, CleanResultRow, ExtractedPageRow, PageRow

LINKS = text("SELECT url, text, cited_article FROM links WHERE article = :id ORDER BY number")


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link in the text of an article.

    Attributes:
        url: Its absolute URL.
        text: Its text.
        cited_article: The id of the article that it leads to; None if the archive has none.
    """

    url: str
    text: str
    cited_article: int | None


def get_story(database: Database, page_id: int) -> Story | None:
    """Return the story of an article, or None if the page is no article.

    It is also None if the extracted page is damaged.
    """
    with database.read() as db:
        return load_stories(db, [page_id]).get(page_id)


def load_stories(db: Connection, pages: Sequence[int]) -> dict[int, Story]:
    """Return the stories of articles by the ids of their pages.

    Args:
        db: A transaction.
        pages: At most some hundred ids. A page is left out if it is no article, or if its
            extracted page is damaged.
    """
    query = (
        select(
            ArticleRow.page_id,
            PageRow.url,
            CleanResultRow.removed,
            ExtractedPageRow.codec,
            ExtractedPageRow.body,
        )
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id)
        .join(ExtractedPageRow, ExtractedPageRow.id == CleanResultRow.extracted_page_id)
        .where(ArticleRow.page_id.in_(pages))
    )
    stories: dict[int, Story] = {}
    for row in db.execute(query):
        with suppress(ValueError, msgspec.MsgspecError):  # `verify` reports what is damaged
            extracted = decode_extracted(row.codec, row.body)
            rule_by_index = {index: rule for index, rule, _ in row.removed}
            stories[row.page_id] = make_story(extracted, rule_by_index, row.url)
    return stories


def list_links(database: Database, page_id: int) -> tuple[LinkView, ...]:
    """List the links in the newest text of an article, in its order."""
    with database.read() as db:
        return tuple(LinkView(*row) for row in db.execute(LINKS, {"id": page_id}))
