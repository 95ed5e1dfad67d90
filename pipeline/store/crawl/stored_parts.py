"""Find the parts of stories whose pages were stored before their parts could be found.

Such a page may stay unchanged for ever, so that no fetch brings its bytes again. Works inside a
transaction of `CrawlSession`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, update

from pipeline.core.models import PartLink, UrlKind
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import PageRow, PayloadRow, SiteRevisitRow

BATCH_SIZE: Final = 100  # stored pages that are in memory at a time


@dataclass(frozen=True, slots=True)
class StoredStory:
    """The newest bytes of a story that is still visited."""

    page_id: int
    url: str  # as the site spells it
    body: bytes
    charset: str


FindParts = Callable[[StoredStory], tuple[PartLink, ...]]
"""Returns the parts to which a page links."""


def parts_version(db: Connection, site: str) -> int | None:
    """Return by which rules the pages of a site were searched; None where nothing is stored."""
    query = select(SiteRevisitRow.parts_version).where(SiteRevisitRow.site == site)
    return db.scalar(query)


def save_parts_version(db: Connection, site: str, version: int) -> None:
    """Note by which rules the pages of a site were searched."""
    db.execute(
        update(SiteRevisitRow).where(SiteRevisitRow.site == site).values(parts_version=version)
    )


def stories_without_parts(db: Connection, site: str, after: int) -> tuple[StoredStory, ...]:
    """Return the next stories without parts that are still visited. Damaged ones have no body.

    Args:
        db: A transaction.
        site: The site's id.
        after: Only pages with a higher id.
    """
    part = aliased(PageRow)
    query = (
        select(
            PageRow.id, PageRow.url, PageRow.requested_url, PayloadRow.charset, *COMPRESSED_COLUMNS
        )
        .join(PayloadRow, PayloadRow.id == PageRow.payload_id)
        .where(
            PageRow.site == site,
            PageRow.kind == UrlKind.STORY,
            PageRow.due_at.is_not(None),
            PageRow.id > after,
            ~select(part.id).where(part.part_of == PageRow.id).exists(),
        )
        .order_by(PageRow.id)
        .limit(BATCH_SIZE)
    )
    stories: list[StoredStory] = []
    for row in db.execute(query).all():
        try:
            body = decompress_payload(db, *row[4:])
        except ValueError:
            body = b""
        stories.append(StoredStory(row.id, row.requested_url or row.url, body, row.charset))
    return tuple(stories)
