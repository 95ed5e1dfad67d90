"""Save the further parts of stories that are published in several pages.

Works inside a transaction of `CrawlSession`. A part is a page of kind `part`. It has no schedule of
its own: each visit of its story makes it due, so that a change of any part is seen with the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, or_, select, update

from pipeline.core.models import Link, LinkDecision, PartLink, UrlKind
from pipeline.store.crawl import frontier
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db import taken_down
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import PageRow
from pipeline.store.db.sql import chunks

MAX_FURTHER_PARTS: Final = 19  # of one story


def save_links(
    db: Connection, site: str, story: int, links: Sequence[PartLink], at: datetime
) -> None:
    """Save the parts to which a page of a story links. They are due at once.

    A number that is taken stays with its page, and a page of another site or kind stays as it is.
    A story page that turns out to be a part becomes one.

    Args:
        db: A write transaction.
        site: The site's id.
        story: The id of the story's first page.
        links: The parts.
        at: The time of the fetch.
    """
    known = select(PageRow.part_number).where(PageRow.part_of == story)
    numbers = set(db.scalars(known))
    links_by_key: dict[str, PartLink] = {}
    for link in links:
        if link.number not in numbers and len(numbers) < MAX_FURTHER_PARTS:
            numbers.add(link.number)
            links_by_key[page_key(link.url)] = link
    links_by_key = taken_down.without_taken_down(db, links_by_key)
    if not links_by_key:
        return
    decisions = {
        key: LinkDecision(Link(link.url, UrlKind.PART)) for key, link in links_by_key.items()
    }
    frontier.insert_pages(db, site, decisions, None, at)
    for key, link in links_by_key.items():
        is_free = PageRow.part_of.is_(None) & (PageRow.id != story)
        is_story = PageRow.kind.in_((UrlKind.STORY, UrlKind.PART))
        db.execute(
            update(PageRow)
            .where(PageRow.url_key == key, PageRow.site == site, is_free, is_story)
            .values(
                kind=UrlKind.PART,
                part_of=story,
                part_number=link.number,
                due_at=at,
                needs_clean=False,
                story_key="",
            )
        )


def make_due(db: Connection, stories: Sequence[int], at: datetime) -> None:
    """Make all parts of visited stories due."""
    for chunk in chunks(stories):
        db.execute(
            update(PageRow)
            .where(PageRow.part_of.in_(chunk), or_(PageRow.due_at.is_(None), PageRow.due_at > at))
            .values(due_at=at)
        )


def mark_changed(db: Connection, stories: Sequence[int]) -> None:
    """Let the next clean join stories again of which a page has new bytes."""
    part = aliased(PageRow)
    has_part = select(part.id).where(part.part_of == PageRow.id)
    for chunk in chunks(stories):
        db.execute(
            update(PageRow)
            .where(PageRow.id.in_(chunk), PageRow.payload_id.is_not(None), has_part.exists())
            .values(needs_clean=True)
        )
