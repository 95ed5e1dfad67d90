"""What an article was made of: its bytes, its parts, and what the page shows today instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from pipeline.core.models import Outcome, ResultStatus
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import decode_extracted
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    CURRENT_PAYLOAD,
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    JoinedPeriodRow,
    PageRow,
    PayloadRow,
)
from pipeline.store.db.sql import chunks

FIRST_PART: Final = 1

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class ArticlePart:
    """One page of a story that is published in several pages."""

    number: int
    page: int
    url: str
    digest: str  # SHA-256 of its bytes
    size: int


@dataclass(frozen=True, slots=True)
class LivePage:
    """What the page of an article shows now, if it is not what the article was made of."""

    since: datetime
    state: str  # "gone", or the reason why it is no article: paywall_stub, consent_wall …


@dataclass(frozen=True, slots=True)
class ArticleOrigin:
    """What the text of an article was made of.

    Attributes:
        digest: SHA-256 of the bytes; of a story in several parts, of the list of their digests.
        size: The number of these bytes.
        parts: The parts of the story; () if it has one page.
        missing_parts: How many parts are known and not stored yet.
        live: What the page shows now, if it is something else.
    """

    digest: str
    size: int
    parts: tuple[ArticlePart, ...] = ()
    missing_parts: int = 0
    live: LivePage | None = None

    @property
    def part_missing(self) -> bool:
        """Return whether a part of the story is not stored yet."""
        return self.missing_parts > 0


def article_origin(database: Database, page: int) -> ArticleOrigin | None:
    """Return what the article of a page was made of; None if the page is no article."""
    with database.read() as db:
        return article_origins(db, [page]).get(page)


def article_origins(db: Connection, pages: Sequence[int]) -> dict[int, ArticleOrigin]:
    """Return what the articles of pages were made of, by page.

    Args:
        db: A connection that reads.
        pages: Ids of articles.

    Returns:
        The digest and size of the bytes, the parts with those that are missing, and what the live
        page shows now.
    """
    query = (
        select(
            PageRow.id,
            PageRow.gone_at,
            CURRENT_PAYLOAD.label("current_payload"),
            CleanResultRow.payload_id,
            PayloadRow.digest,
            PayloadRow.size,
        )
        .join(ArticleRow, ArticleRow.page_id == PageRow.id)
        .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id)
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
    )
    rows: list[AnyRow] = []
    for chunk in chunks(pages):
        rows += db.execute(query.where(PageRow.id.in_(chunk)))
    missing = _missing_parts(db, [row.id for row in rows])
    parts = _parts(db, rows)
    live = _live_pages(db, rows)
    origins: dict[int, ArticleOrigin] = {}
    for row in rows:
        origins[row.id] = ArticleOrigin(
            row.digest, row.size, parts.get(row.id, ()), missing.get(row.id, 0), live.get(row.id)
        )
    return origins


def article_payload(database: Database, page: int) -> tuple[str, str, bytes] | None:
    """Return the bytes that the text of a page was made of, of its first part if it has several.

    Of a page that is no article, the newest bytes.

    Returns:
        (media type, charset as declared, bytes), or None if nothing is stored for the page.
    """
    origin = article_origin(database, page)
    query = select(PayloadRow.media_type, PayloadRow.charset, *COMPRESSED_COLUMNS)
    if origin is None:
        query = query.join(PageRow, PageRow.payload_id == PayloadRow.id).where(PageRow.id == page)
    else:
        digest = origin.parts[0].digest if origin.parts else origin.digest
        query = query.where(PayloadRow.digest == digest)
    with database.read() as db:
        row = db.execute(query).first()
        if row is None:
            return None
        return row[0], row[1], decompress_payload(db, *row[2:])


def _missing_parts(db: Connection, pages: Sequence[int]) -> dict[int, int]:
    query = (
        select(PageRow.part_of, func.count())
        .where(PageRow.payload_id.is_(None), PageRow.outcome != Outcome.GONE)
        .group_by(PageRow.part_of)
    )
    missing: dict[int, int] = {}
    for chunk in chunks(pages):
        for page, count in db.execute(query.where(PageRow.part_of.in_(chunk))):
            if page is not None:
                missing[page] = count
    return missing


def _parts(db: Connection, articles: Sequence[AnyRow]) -> dict[int, tuple[ArticlePart, ...]]:
    payload_by_page = {row.id: row.payload_id for row in articles}
    query = select(JoinedPeriodRow.page_id, JoinedPeriodRow.payload_id, JoinedPeriodRow.parts)
    lists: dict[int, list[list[int]]] = {}
    for chunk in chunks(list(payload_by_page)):
        for row in db.execute(query.where(JoinedPeriodRow.page_id.in_(chunk))):
            if row.payload_id == payload_by_page[row.page_id] and len(row.parts) > 1:
                lists[row.page_id] = row.parts
    shown = _parts_with_text(db, list(lists))
    for page, parts in lists.items():
        lists[page] = [part for part in parts if part[0] in shown[page]]
    urls = _urls(db, lists.values())
    payloads = _payloads(db, lists.values())
    parts_by_page: dict[int, tuple[ArticlePart, ...]] = {}
    for page, part_list in lists.items():
        page_parts: list[ArticlePart] = []
        for number, part_page, payload in part_list:
            digest, size = payloads[payload]
            page_parts.append(ArticlePart(number, part_page, urls[part_page], digest, size))
        if len(page_parts) > 1:
            parts_by_page[page] = tuple(page_parts)
    return parts_by_page


def _parts_with_text(db: Connection, pages: Sequence[int]) -> dict[int, set[int]]:
    """Return the parts from which articles have text. A page of comments may look like a part."""
    query = (
        select(
            ArticleRow.page_id,
            CleanResultRow.removed,
            ExtractedPageRow.codec,
            ExtractedPageRow.body,
        )
        .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id)
        .join(ExtractedPageRow, ExtractedPageRow.id == CleanResultRow.extracted_page_id)
    )
    shown: dict[int, set[int]] = {}
    for chunk in chunks(pages):
        for row in db.execute(query.where(ArticleRow.page_id.in_(chunk))):
            removed = {index for index, _, _ in row.removed}
            parts = enumerate(decode_extracted(row.codec, row.body).parts)
            shown[row.page_id] = {part for index, part in parts if index not in removed}
    return shown


def _urls(db: Connection, part_lists: Any) -> dict[int, str]:
    pages = sorted({page for parts in part_lists for _, page, _ in parts})
    urls: dict[int, str] = {}
    for chunk in chunks(pages):
        for page, url in db.execute(select(PageRow.id, PageRow.url).where(PageRow.id.in_(chunk))):
            urls[page] = url
    return urls


def _payloads(db: Connection, part_lists: Any) -> dict[int, tuple[str, int]]:
    ids = sorted({payload for parts in part_lists for _, _, payload in parts})
    query = select(PayloadRow.id, PayloadRow.digest, PayloadRow.size)
    payloads: dict[int, tuple[str, int]] = {}
    for chunk in chunks(ids):
        for payload, digest, size in db.execute(query.where(PayloadRow.id.in_(chunk))):
            payloads[payload] = (digest, size)
    return payloads


def _live_pages(db: Connection, articles: Sequence[AnyRow]) -> dict[int, LivePage]:
    live: dict[int, LivePage] = {}
    others = {row.id: row for row in articles if row.payload_id != row.current_payload}
    states = _states_of_newest(db, list(others))
    for page, state in states.items():
        since = _other_since(db, others[page])
        if since is not None:
            live[page] = LivePage(since, state)
    for row in articles:
        if row.gone_at is not None:
            since = row.gone_at if row.id not in live else min(row.gone_at, live[row.id].since)
            live[row.id] = LivePage(since, "gone")
    return live


def _states_of_newest(db: Connection, pages: Sequence[int]) -> Mapping[int, str]:
    """Return why the newest bytes of pages are no article. One not cleaned yet is left out."""
    query = (
        select(CleanResultRow.page_id, CleanResultRow.reason)
        .join(PageRow, PageRow.id == CleanResultRow.page_id)
        .where(
            CleanResultRow.payload_id == CURRENT_PAYLOAD,
            CleanResultRow.status == ResultStatus.ACCEPTED,
            CleanResultRow.outcome != Outcome.ARCHIVED,
        )
    )
    states: dict[int, str] = defaultdict(str)
    for chunk in chunks(pages):
        for page, reason in db.execute(query.where(CleanResultRow.page_id.in_(chunk))):
            states[page] = reason or Outcome.NOT_ARTICLE
    return states


def _other_since(db: Connection, article: AnyRow) -> datetime | None:
    """Return when the page first returned something else than the article was made of."""
    joined = select(func.max(JoinedPeriodRow.number)).where(
        JoinedPeriodRow.page_id == article.id, JoinedPeriodRow.payload_id == article.payload_id
    )
    later = select(func.min(JoinedPeriodRow.first_seen_at)).where(
        JoinedPeriodRow.page_id == article.id, JoinedPeriodRow.number > joined.scalar_subquery()
    )
    since: datetime | None = db.scalar(later)
    if since is None:
        last = select(func.max(CaptureRow.fetched_at)).where(
            CaptureRow.page_id == article.id, CaptureRow.payload_id == article.payload_id
        )
        other = select(func.min(CaptureRow.fetched_at)).where(
            CaptureRow.page_id == article.id,
            CaptureRow.payload_id.is_not(None),
            CaptureRow.fetched_at > last.scalar_subquery(),
        )
        since = db.scalar(other)
    return since
