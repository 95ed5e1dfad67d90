"""Reads what is needed to clean some Pages, in few queries whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from pipeline.model import Before, Draft, Told
from pipeline.store.packing import unpack_draft
from pipeline.store.schema import Article, Capture, Extraction, Page
from pipeline.store.schema import Draft as DraftRow
from pipeline.store.sql import chunks
from pipeline.store.values import Material, Met

AnyRow = Row[*tuple[Any, ...]]
TOLD = (Page.told_title, Page.told_published_at, Page.told_modified_at, Page.told_source)


def pages_of(db: Connection, site: str, payloads: Sequence[int]) -> dict[int, list[tuple[int, Told]]]:
    """The Pages of a Site that had these Payloads, and what their Links said: payload → pages."""
    found: dict[int, dict[int, Told]] = defaultdict(dict)
    query = select(Capture.payload_id, Page.id, *TOLD).join(Page, Page.id == Capture.page_id).where(Page.site == site)
    for chunk in chunks(payloads):
        for row in db.execute(query.where(Capture.payload_id.in_(chunk))):
            found[row.payload_id][row.id] = _told(row)
    return {payload: list(pages.items()) for payload, pages in found.items()}


def gather(db: Connection, pages: Sequence[int], extractors: str) -> tuple[Material, ...]:
    """Material for these Pages, in their order."""
    return tuple(material for chunk in chunks(pages) for material in _gather(db, chunk, extractors))


def _gather(db: Connection, pages: Sequence[int], extractors: str) -> list[Material]:
    rows = db.execute(select(Page.id, Page.url, Page.confirmed_at, *TOLD).where(Page.id.in_(pages)).order_by(Page.id)).all()
    visits = _visits(db, pages)
    payloads = sorted({visit.payload_id for each in visits.values() for visit in each})
    drafts = _drafts(db, payloads, extractors)
    before = _before(db, pages)
    return [Material(row.id, row.url, _told(row), _met(row, visits[row.id], drafts), before.get(row.id)) for row in rows]


def _told(row: AnyRow) -> Told:
    return Told(row.told_title, row.told_published_at, row.told_modified_at, row.told_source)


def _visits(db: Connection, pages: Sequence[int]) -> dict[int, list[AnyRow]]:
    """Captures that brought bytes, oldest first: page → captures."""
    query = select(Capture.page_id, Capture.payload_id, Capture.fetched_at, Capture.prior_seen_at)
    query = query.where(Capture.page_id.in_(pages), Capture.payload_id.is_not(None))
    visits: dict[int, list[AnyRow]] = defaultdict(list)
    for row in db.execute(query.order_by(Capture.page_id, Capture.fetched_at, Capture.id)):
        visits[row.page_id].append(row)
    return visits


def _drafts(db: Connection, payloads: Sequence[int], extractors: str) -> dict[int, tuple[int, Draft]]:
    drafts: dict[int, tuple[int, Draft]] = {}
    query = select(DraftRow.payload_id, DraftRow.id, DraftRow.coding, DraftRow.body).where(DraftRow.extractors == extractors)
    for chunk in chunks(payloads):
        for row in db.execute(query.where(DraftRow.payload_id.in_(chunk))):
            drafts[row.payload_id] = (row.id, unpack_draft(row.coding, row.body))
    return drafts


def _before(db: Connection, pages: Sequence[int]) -> dict[int, Before]:
    query = select(Article.page_id, Extraction.payload_id, Extraction.text_digest)
    query = query.join(Extraction, Extraction.id == Article.extraction_id).where(Article.page_id.in_(pages))
    return {row.page_id: Before(row.payload_id, row.text_digest) for row in db.execute(query)}


def _met(page: AnyRow, visits: list[AnyRow], drafts: dict[int, tuple[int, Draft]]) -> tuple[Met, ...]:
    """Stretches in order of time. A payload was last met when the one after it says so, the newest when the Page does."""
    if any(visit.payload_id not in drafts for visit in visits):
        return ()
    ends = [*(visit.prior_seen_at for visit in visits[1:]), page.confirmed_at]
    return tuple(
        Met(visit.payload_id, *drafts[visit.payload_id], visit.fetched_at, max(visit.fetched_at, end or visit.fetched_at))
        for visit, end in zip(visits, ends, strict=True)
    )
