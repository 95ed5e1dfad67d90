"""Payloads and Drafts of Sites in streams, for those who clean elsewhere, and the way back: which of them are here.

Promises that a Payload comes once for each Site that has it, however often its Pages met it, at flat memory and in short
transactions; and that what comes back is found by its digest alone. How it is made, and whether it is right, is the business of
others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from pipeline.core.models import AnnouncedMetadata, ExtractedPage, RawPage, UrlKind
from pipeline.store.clean import inputs
from pipeline.store.clean.types import PendingPayload
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import decode_extracted
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, ExtractedPageRow, PageRow, PayloadRow
from pipeline.store.db.sql import chunks

STEP = 100  # Pages that are read at a time
HELD = 4_000_000  # bytes of Payloads, unpacked, that are read at a time
DRAFTS = 50  # Drafts that are read at a time
STORED = (PageRow.kind == UrlKind.STORY, PageRow.payload_id.is_not(None))


@dataclass(frozen=True, slots=True)
class PayloadPage:
    """A Page that had a Payload: since when, whether that is its newest, and what its Links said."""

    page_id: int
    url: str
    first_at: datetime
    is_newest: bool
    announced: AnnouncedMetadata


@dataclass(frozen=True, slots=True)
class ExportedPayload:
    """One Payload of a Site. `body` is None where its bytes are damaged; `draft` where there is none or nobody asked."""

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
    """A Payload that is here. `pages` are those of the Site that was asked for; `is_drafted` by the extractors asked for."""

    payload_id: int
    media_type: str
    charset: str
    pages: tuple[tuple[int, AnnouncedMetadata], ...]
    is_extracted: bool


def sites_with_payloads(store: Database) -> tuple[str, ...]:
    """Sites that have Payloads."""
    with store.read() as db:
        return tuple(
            db.scalars(
                select(PageRow.site)
                .where(PageRow.payload_id.is_not(None))
                .distinct()
                .order_by(PageRow.site)
            )
        )


def iter_payloads(
    store: Database, site: str, since: datetime | None, until: datetime | None
) -> Iterator[ExportedPayload]:
    """The Site's Payloads whose first visit lies between the two times, `until` not included, with their bytes."""
    for some in _together(_carried(store, site, since, until)):
        with store.read() as db:
            rows = db.execute(
                select(PayloadRow.id, *COMPRESSED_COLUMNS).where(
                    PayloadRow.id.in_([each.payload_id for each in some])
                )
            ).all()
            found = {row.id: _body(db, row) for row in rows}
        yield from (replace(each, body=found.get(each.payload_id)) for each in some)


def iter_extracted_pages(
    store: Database, site: str, since: datetime | None, until: datetime | None, extractors: str
) -> Iterator[ExportedPayload]:
    """The same Payloads with their Drafts by these extractors, as far as there are some."""
    query = select(
        ExtractedPageRow.payload_id, ExtractedPageRow.codec, ExtractedPageRow.body
    ).where(ExtractedPageRow.extractors == extractors)
    for some in _by_number(_carried(store, site, since, until), DRAFTS):
        with store.read() as db:
            rows = db.execute(
                query.where(ExtractedPageRow.payload_id.in_([each.payload_id for each in some]))
            ).all()
        found = {row.payload_id: row for row in rows}
        for each in some:
            if (row := found.get(each.payload_id)) is not None:
                yield replace(each, extracted=decode_extracted(row.codec, row.body))


def known_payloads(
    store: Database, site: str, digests: Sequence[str], extractors: str
) -> dict[str, KnownPayload]:
    """Those of the digests whose Payloads are here."""
    has = select(ExtractedPageRow.id).where(
        ExtractedPageRow.payload_id == PayloadRow.id, ExtractedPageRow.extractors == extractors
    )
    query = select(
        PayloadRow.id,
        PayloadRow.digest,
        PayloadRow.media_type,
        PayloadRow.charset,
        has.exists().label("drafted"),
    )
    found: dict[str, KnownPayload] = {}
    for chunk in chunks(digests):
        with store.read() as db:
            rows = db.execute(query.where(PayloadRow.digest.in_(chunk))).all()
            pages = inputs.pages_by_payload(db, site, [row.id for row in rows])
        for row in rows:
            its = tuple(pages.get(row.id, ()))
            found[row.digest] = KnownPayload(
                row.id, row.media_type, row.charset, its, bool(row.drafted)
            )
    return found


def payloads_by_id(store: Database, ids: Sequence[int]) -> Iterator[PendingPayload]:
    """These Payloads, to be extracted once more; one whose bytes are damaged is left out."""
    query = select(PayloadRow.id, PayloadRow.charset, PayloadRow.media_type, *COMPRESSED_COLUMNS)
    for number in ids:
        with store.read() as db:
            row = db.execute(query.where(PayloadRow.id == number)).one()
            body = _body(db, row)
        if body is not None:
            yield PendingPayload(RawPage(row.id, body, row.charset, row.media_type), ())


def _by_number(found: Iterator[ExportedPayload], most: int) -> Iterator[list[ExportedPayload]]:
    some = list[ExportedPayload]()
    for each in found:
        some.append(each)
        if len(some) == most:
            yield some
            some = []
    yield from [some] if some else []


def _together(found: Iterator[ExportedPayload]) -> Iterator[list[ExportedPayload]]:
    """As many as may be in memory at the same time, but one at the least."""
    some, held = list[ExportedPayload](), 0
    for each in found:
        some.append(each)
        held += each.size
        if held >= HELD:
            yield some
            some, held = [], 0
    yield from [some] if some else []


def _carried(
    store: Database, site: str, since: datetime | None, until: datetime | None
) -> Iterator[ExportedPayload]:
    """By the first of its Pages each: so it comes once."""
    after = 0
    while True:
        with store.read() as db:
            stories = select(PageRow.id).where(PageRow.site == site, *STORED, PageRow.id > after)
            pages = list(db.scalars(stories.order_by(PageRow.id).limit(STEP)))
            rows = _payloads(db, pages)
            bearers = _bearers(db, site, [row.id for row in rows])
        if not pages:
            return
        for row in rows:
            if not (its := bearers[row.id]):
                continue
            first = min(each.first_at for each in its)
            is_ours = min(each.page_id for each in its) > after
            if is_ours and (since is None or first >= since) and (until is None or first < until):
                yield ExportedPayload(
                    site, row.id, row.digest, row.media_type, row.charset, row.size, first, its
                )
        after = pages[-1]


def _payloads(db: Connection, pages: Sequence[int]) -> list[Row[*tuple[Any, ...]]]:
    """All that these Pages ever had, each once."""
    query = (
        select(CaptureRow.payload_id)
        .where(CaptureRow.page_id.in_(pages), CaptureRow.payload_id.is_not(None))
        .distinct()
    )
    columns = (
        PayloadRow.id,
        PayloadRow.digest,
        PayloadRow.media_type,
        PayloadRow.charset,
        PayloadRow.size,
    )
    ids = sorted(each for each in db.scalars(query) if each is not None)
    rows = select(*columns).order_by(PayloadRow.id)
    return [
        row for chunk in chunks(ids) for row in db.execute(rows.where(PayloadRow.id.in_(chunk)))
    ]


def _bearers(db: Connection, site: str, ids: Sequence[int]) -> dict[int, tuple[PayloadPage, ...]]:
    told = {
        payload: dict(pages) for payload, pages in inputs.pages_by_payload(db, site, ids).items()
    }
    newest = (PageRow.payload_id == CaptureRow.payload_id).label("is_newest")
    query = select(
        CaptureRow.payload_id,
        PageRow.id,
        PageRow.url,
        newest,
        func.min(CaptureRow.fetched_at).label("first_at"),
    )
    query = query.join(PageRow, PageRow.id == CaptureRow.page_id).where(
        PageRow.site == site, *STORED
    )
    query = query.group_by(CaptureRow.payload_id, PageRow.id, PageRow.url, newest).order_by(
        PageRow.id
    )
    found: dict[int, list[PayloadPage]] = {payload: [] for payload in ids}
    for chunk in chunks(ids):
        for row in db.execute(query.where(CaptureRow.payload_id.in_(chunk))):
            bearer = PayloadPage(
                row.id, row.url, row.first_at, bool(row.is_newest), told[row.payload_id][row.id]
            )
            found[row.payload_id].append(bearer)
    return {payload: tuple(its) for payload, its in found.items()}


def _body(db: Connection, row: Row[*tuple[Any, ...]]) -> bytes | None:
    try:
        return decompress_payload(db, row.codec, row.body, row.dictionary_id)
    except ValueError:
        return None
