"""Store the links in the texts of articles, from which the view `links` is made.

Works inside a transaction of `CleanSession`. The links of an article are deleted with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from pipeline.core.story import StoryLink
from pipeline.core.urls import url_key
from pipeline.store.db.schema import ArticleLinkRow
from pipeline.store.db.sql import chunks, insert_into, storable

LinksByPage = Mapping[int, Sequence[StoryLink]]


def save(db: Connection, links: LinksByPage) -> None:
    """Replace the links of articles.

    Args:
        db: A write transaction in which these pages are articles.
        links: The links of each page, in the order of its text.
    """
    for chunk in chunks(sorted(links)):
        db.execute(delete(ArticleLinkRow).where(ArticleLinkRow.page_id.in_(chunk)))
    rows: list[dict[str, Any]] = []
    for page, page_links in links.items():
        for number, link in enumerate(storable_links(page_links), 1):
            rows.append(
                {
                    "page_id": page,
                    "number": number,
                    "url": link.url,
                    "text": link.text,
                    "url_key": url_key(link.url),
                }
            )
    if rows:
        db.execute(insert_into(db, ArticleLinkRow), rows)


def storable_links(links: Sequence[StoryLink]) -> list[StoryLink]:
    """Return links as they are stored."""
    return [StoryLink(storable(link.url), storable(link.text)) for link in links]


def stored_links(db: Connection, pages: Sequence[int]) -> dict[int, list[StoryLink]]:
    """Return the stored links of pages, in the order of their texts.

    Args:
        db: A connection that reads.
        pages: Ids of articles.

    Returns:
        The links by page. A page without links is absent.
    """
    query = select(ArticleLinkRow.page_id, ArticleLinkRow.url, ArticleLinkRow.text).order_by(
        ArticleLinkRow.page_id, ArticleLinkRow.number
    )
    links: dict[int, list[StoryLink]] = defaultdict(list)
    for chunk in chunks(pages):
        for page, url, text in db.execute(query.where(ArticleLinkRow.page_id.in_(chunk))):
            links[page].append(StoryLink(url, text))
    return links
