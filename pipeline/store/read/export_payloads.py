"""Streams of payloads and extracted pages, for those who clean elsewhere, and lookups for imports.

Each payload comes once for each site that has it, however often its pages were fetched. Memory use
stays flat and transactions are short. What comes back is found by its digest alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from sqlalchemy import Connection, Row, func, select

from pipeline.core.models import AnnouncedMetadata, ExtractedPage, RawPage, UrlKind
from pipeline.store.clean import inputs
from pipeline.store.clean.types import PendingPayload
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import decode_extracted
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, ExtractedPageRow, PageRow, PayloadRow
from pipeline.store.db.sql import batches_by_size, chunks

PAGES_PER_READ = 100
EXTRACTED_PER_READ = 50
MAX_BATCH_BYTES = 4_000_000  # decompressed bytes of payloads in one read
STORED = (
    PageRow.kind == UrlKind.STORY,
    PageRow.payload_id.is_not(None),
    PageRow.hidden_at.is_(None),
)

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class PayloadPage:
    """A page that had a payload.

    Attributes:
        page_id: The page.
        url: Its URL.
        first_at: When a fetch first brought the payload.
        is_newest: Whether it is the newest payload of the page.
        announced: What the links of the page said about it.
    """

    page_id: int
    url: str
    first_at: datetime
    is_newest: bool
    announced: AnnouncedMetadata


@dataclass(frozen=True, slots=True)
class ExportedPayload:
    """One payload of a site, with its bytes or its extracted page.

    `body` is None if the bytes are damaged or not wanted, and `extracted` if it is not wanted.
    """

    site: str
    payload_id: int
    digest: str
    media_type: str
    charset: str
    size: int
    first_at: datetime
    pages: tuple[PayloadPage, ...]
    body: bytes | None = None
    extracted: ExtractedPage | None = None


@dataclass(frozen=True, slots=True)
class KnownPayload:
    """A payload that is in the archive.

    Attributes:
        payload_id: Its id.
        media_type: Its media type.
        charset: Its charset as declared.
        pages: Pages of the wanted site that had it, with what their links said.
        is_extracted: Whether the wanted extractors have extracted it.
    """

    payload_id: int
    media_type: str
    charset: str
    pages: tuple[tuple[int, AnnouncedMetadata], ...]
    is_extracted: bool


def sites_with_payloads(database: Database) -> tuple[str, ...]:
    """Return the ids of the sites that have payloads."""
    query = select(PageRow.site).where(PageRow.payload_id.is_not(None)).distinct()
    with database.read() as db:
        return tuple(db.scalars(query.order_by(PageRow.site)))


def iter_payloads(
    database: Database, site: str, since: datetime | None, until: datetime | None
) -> Iterator[ExportedPayload]:
    """Iterate over the payloads of a site with their bytes.

    Args:
        since: Only payloads that were first fetched at this time or later.
        until: Only payloads that were first fetched before this time.
    """
    payloads = _iter_without_bytes(database, site, since, until)
    for batch in batches_by_size(payloads, lambda payload: payload.size, MAX_BATCH_BYTES):
        ids = [payload.payload_id for payload in batch]
        query = select(PayloadRow.id, *COMPRESSED_COLUMNS).where(PayloadRow.id.in_(ids))
        with database.read() as db:
            bodies = {row.id: _body(db, row) for row in db.execute(query).all()}
        for payload in batch:
            yield replace(payload, body=bodies.get(payload.payload_id))


def iter_extracted_pages(
    database: Database,
    site: str,
    since: datetime | None,
    until: datetime | None,
    extractors: str,
) -> Iterator[ExportedPayload]:
    """Iterate over the payloads that have an extracted page by these extractors, with that page.

    Args:
        since: Only payloads that were first fetched at this time or later.
        until: Only payloads that were first fetched before this time.
        extractors: The version of the extractors.
    """
    query = select(
        ExtractedPageRow.payload_id, ExtractedPageRow.codec, ExtractedPageRow.body
    ).where(ExtractedPageRow.extractors == extractors)
    payloads = _iter_without_bytes(database, site, since, until)
    for first in payloads:
        batch = list(chain((first,), islice(payloads, EXTRACTED_PER_READ - 1)))
        ids = [payload.payload_id for payload in batch]
        with database.read() as db:
            rows = db.execute(query.where(ExtractedPageRow.payload_id.in_(ids))).all()
        row_by_payload = {row.payload_id: row for row in rows}
        for payload in batch:
            row = row_by_payload.get(payload.payload_id)
            if row is not None:
                yield replace(payload, extracted=decode_extracted(row.codec, row.body))


def known_payloads(
    database: Database, site: str, digests: Sequence[str], extractors: str
) -> dict[str, KnownPayload]:
    """Return those of the payloads that are in the archive, by digest.

    Args:
        site: The site whose pages are listed with each payload.
        digests: SHA-256 of the payloads, in lower-case hex.
        extractors: The version of the extractors that `is_extracted` is about.
    """
    is_extracted = (
        select(ExtractedPageRow.id)
        .where(
            ExtractedPageRow.payload_id == PayloadRow.id, ExtractedPageRow.extractors == extractors
        )
        .exists()
        .label("is_extracted")
    )
    query = select(
        PayloadRow.id, PayloadRow.digest, PayloadRow.media_type, PayloadRow.charset, is_extracted
    )
    known: dict[str, KnownPayload] = {}
    for chunk in chunks(digests):
        with database.read() as db:
            rows = db.execute(query.where(PayloadRow.digest.in_(chunk))).all()
            pages = inputs.pages_by_payload(db, site, [row.id for row in rows])
        for row in rows:
            known[row.digest] = KnownPayload(
                payload_id=row.id,
                media_type=row.media_type,
                charset=row.charset,
                pages=tuple(pages.get(row.id, ())),
                is_extracted=bool(row.is_extracted),
            )
    return known


def payloads_by_id(database: Database, ids: Sequence[int]) -> Iterator[PendingPayload]:
    """Iterate over these payloads so that they can be extracted. Damaged ones are left out."""
    query = select(PayloadRow.id, PayloadRow.charset, PayloadRow.media_type, *COMPRESSED_COLUMNS)
    for number in ids:
        with database.read() as db:
            row = db.execute(query.where(PayloadRow.id == number)).one()
            body = _body(db, row)
        if body is not None:
            yield PendingPayload(RawPage(row.id, body, row.charset, row.media_type), ())


def _iter_without_bytes(
    database: Database, site: str, since: datetime | None, until: datetime | None
) -> Iterator[ExportedPayload]:
    """The payloads of a site. Each comes with the first of its pages, so it comes once."""
    after = 0
    while True:
        query = select(PageRow.id).where(PageRow.site == site, *STORED, PageRow.id > after)
        with database.read() as db:
            pages = list(db.scalars(query.order_by(PageRow.id).limit(PAGES_PER_READ)))
            rows = _payloads_of_pages(db, pages)
            pages_by_payload = _pages_by_payload(db, site, [row.id for row in rows])
        if not pages:
            return
        for row in rows:
            payload_pages = pages_by_payload[row.id]
            if not payload_pages:
                continue
            if min(page.page_id for page in payload_pages) <= after:
                continue  # it came with an earlier page
            first_at = min(page.first_at for page in payload_pages)
            if (since is None or first_at >= since) and (until is None or first_at < until):
                yield ExportedPayload(
                    site=site,
                    payload_id=row.id,
                    digest=row.digest,
                    media_type=row.media_type,
                    charset=row.charset,
                    size=row.size,
                    first_at=first_at,
                    pages=tuple(payload_pages),
                )
        after = pages[-1]


def _payloads_of_pages(db: Connection, pages: Sequence[int]) -> list[AnyRow]:
    """All payloads that these pages ever had, each once."""
    fetched = select(CaptureRow.payload_id).where(
        CaptureRow.page_id.in_(pages), CaptureRow.payload_id.is_not(None)
    )
    ids = sorted(number for number in db.scalars(fetched.distinct()) if number is not None)
    query = select(
        PayloadRow.id,
        PayloadRow.digest,
        PayloadRow.media_type,
        PayloadRow.charset,
        PayloadRow.size,
    ).order_by(PayloadRow.id)
    rows: list[AnyRow] = []
    for chunk in chunks(ids):
        rows += db.execute(query.where(PayloadRow.id.in_(chunk)))
    return rows


def _pages_by_payload(
    db: Connection, site: str, payloads: Sequence[int]
) -> Mapping[int, Sequence[PayloadPage]]:
    announced: dict[int, dict[int, AnnouncedMetadata]] = {}
    for payload, payload_pages in inputs.pages_by_payload(db, site, payloads).items():
        announced[payload] = dict(payload_pages)
    is_newest = (PageRow.payload_id == CaptureRow.payload_id).label("is_newest")
    query = (
        select(
            CaptureRow.payload_id,
            PageRow.id,
            PageRow.url,
            is_newest,
            func.min(CaptureRow.fetched_at).label("first_at"),
        )
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(PageRow.site == site, *STORED)
        .group_by(CaptureRow.payload_id, PageRow.id, PageRow.url, is_newest)
        .order_by(PageRow.id)
    )
    pages: dict[int, list[PayloadPage]] = defaultdict(list)
    for chunk in chunks(payloads):
        for row in db.execute(query.where(CaptureRow.payload_id.in_(chunk))):
            pages[row.payload_id].append(
                PayloadPage(
                    page_id=row.id,
                    url=row.url,
                    first_at=row.first_at,
                    is_newest=bool(row.is_newest),
                    announced=announced[row.payload_id][row.id],
                )
            )
    return pages


def _body(db: Connection, row: AnyRow) -> bytes | None:
    try:
        return decompress_payload(db, row.codec, row.body, row.dictionary_id)
    except ValueError:
        return None
