"""The archived lead pictures of stories: which stories have one, and its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select

from pipeline.core.pictures import PICTURE_TYPES
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, PageRow, PayloadRow, StoryPictureRow
from pipeline.store.db.sql import chunks


@dataclass(frozen=True, slots=True)
class LeadPicture:
    """The archived lead picture of a story.

    Attributes:
        story: The id of the story's page.
        picture: The id of the picture's page.
        url: Where the picture was fetched.
        digest: SHA-256 of its bytes, in hex.
    """

    story: int
    picture: int
    url: str
    digest: str


def lead_pictures(database: Database, stories: Sequence[int]) -> dict[int, LeadPicture]:
    """Return the newest archived lead picture of each article that has one, by its id."""
    pictures: dict[int, LeadPicture] = {}
    with database.read() as db:
        for chunk in chunks(stories):
            query = _select(StoryPictureRow.page_id, PageRow.id, PageRow.url, PayloadRow.digest)
            for row in db.execute(query.where(StoryPictureRow.page_id.in_(chunk))):
                pictures[row.page_id] = LeadPicture(*row)
    return pictures


def picture_bytes(database: Database, story: int) -> bytes | None:
    """Return the bytes of the lead picture of an article; None if it has none."""
    with database.read() as db:
        query = _select(*COMPRESSED_COLUMNS).where(StoryPictureRow.page_id == story)
        rows = db.execute(query).all()
        if not rows:
            return None
        try:
            return decompress_payload(db, *rows[-1])
        except ValueError:
            return None


def _select(*columns: Any) -> Select[*tuple[Any, ...]]:
    """Select stored pictures of articles, the newest of each last."""
    query: Select[*tuple[Any, ...]] = select(*columns)
    return (
        query.select_from(StoryPictureRow)
        .join(ArticleRow, ArticleRow.page_id == StoryPictureRow.page_id)
        .join(PageRow, PageRow.id == StoryPictureRow.picture_id)
        .join(PayloadRow, PayloadRow.id == PageRow.payload_id)
        .where(PageRow.hidden_at.is_(None), PayloadRow.media_type.in_(PICTURE_TYPES))
        .order_by(StoryPictureRow.page_id, StoryPictureRow.last_seen_at, StoryPictureRow.picture_id)
    )
