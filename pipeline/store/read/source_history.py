"""What the kept versions of sources say: places of stories on front pages, and robots rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select

from pipeline.core.models import Outcome, UrlKind
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, PageRow, PayloadRow, PlacementRow
from pipeline.store.db.sql import fetch_as

MAX_PLACEMENTS = 200


@dataclass(frozen=True, slots=True)
class Placement:
    """A stretch of visits in which a front page showed a story at the same rank."""

    front_page: str
    rank: int
    first_seen_at: datetime
    last_seen_at: datetime
    visits: int


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """A robots.txt at a time.

    Attributes:
        url: Its URL.
        fetched_at: When a fetch first returned it.
        seen_at: The last fetch up to now that returned the same; None if another one came later.
        status: The HTTP status; None without an answer.
        outcome: The outcome of that fetch: `gone` means that everything is allowed.
        digest: SHA-256 of its bytes; "" where there are none.
        body: Its bytes as served.
    """

    url: str
    fetched_at: datetime
    seen_at: datetime | None
    status: int | None
    outcome: str
    digest: str
    body: bytes


def list_placements(
    database: Database, url: str, limit: int = MAX_PLACEMENTS
) -> tuple[Placement, ...]:
    """List where a story stood on the front page, the newest stretch first.

    Args:
        database: The archive.
        url: The URL of the story.
        limit: The largest number of stretches.
    """
    query = (
        select(
            PageRow.url,
            PlacementRow.rank,
            PlacementRow.first_seen_at,
            PlacementRow.last_seen_at,
            PlacementRow.visits,
        )
        .join(PageRow, PageRow.id == PlacementRow.source_id)
        .where(PlacementRow.url_key == page_key(url))
        .order_by(PlacementRow.first_seen_at.desc(), PlacementRow.rank)
        .limit(limit)
    )
    with database.read() as db:
        return fetch_as(db, query, Placement)


def robots_in_force(database: Database, site: str, url: str, at: datetime) -> RobotsRules | None:
    """Return the robots.txt that a site's crawl had to obey for a URL at a time.

    Args:
        database: The archive.
        site: The id of the site.
        url: A URL on the host.
        at: The time.

    Returns:
        The newest robots.txt of the host that was fetched up to that time; None if none was.
    """
    parts = urlsplit(url)
    robots_url = f"{parts.scheme}://{parts.netloc}/robots.txt"
    capture = (
        select(
            PageRow.url,
            CaptureRow.id,
            CaptureRow.page_id,
            CaptureRow.fetched_at,
            CaptureRow.status,
            CaptureRow.outcome,
            CaptureRow.payload_id,
            PageRow.last_matched_at,
        )
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(PageRow.site == site, PageRow.kind == UrlKind.ROBOTS, PageRow.kind != UrlKind.STORY)
        .where(PageRow.url == robots_url, CaptureRow.fetched_at <= at)
        .order_by(CaptureRow.fetched_at.desc(), CaptureRow.id.desc())
    )
    with database.read() as db:
        row = db.execute(capture.limit(1)).first()
        if row is None:
            return None
        newest = select(func.max(CaptureRow.id)).where(CaptureRow.page_id == row.page_id)
        is_newest = db.scalar(newest) == row.id
        digest, body = "", b""
        if row.payload_id is not None:
            payload = select(PayloadRow.digest, *COMPRESSED_COLUMNS)
            stored = db.execute(payload.where(PayloadRow.id == row.payload_id)).one()
            digest = stored.digest
            body = decompress_payload(db, stored.codec, stored.body, stored.dictionary_id)
    is_seen = is_newest and row.outcome == Outcome.FETCHED
    return RobotsRules(
        url=row.url,
        fetched_at=row.fetched_at,
        seen_at=row.last_matched_at if is_seen else None,
        status=row.status,
        outcome=row.outcome,
        digest=digest,
        body=body,
    )
