"""The trail of one Page: every visit, every Run that met it, and what its Article is made of, back to the bytes.

Promises frozen values, nothing but reading, and bounded numbers of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, tuple_

from pipeline.core.models import Metadata
from pipeline.store.codec.dictionaries import PACKED, unpacked
from pipeline.store.codec.serialization import metadata_from_json
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    LedgerEntryRow,
    PayloadRow,
    RunRow,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One Capture: a visit that brought something new."""

    id: int
    run: int | None
    at: datetime
    status: int | None
    outcome: str
    reason: str
    digest: str  # "" where no bytes were kept
    size: int
    media_type: str
    charset: str
    elapsed_ms: int
    location: str
    detail: str
    opt_outs: str


@dataclass(frozen=True, slots=True)
class Entry:
    """How the Page fared in one Run."""

    run: int
    kind: str
    at: datetime
    outcome: str
    reason: str
    status: int | None
    bytes: int
    elapsed_ms: int
    detail: str


@dataclass(frozen=True, slots=True)
class Making:
    """What an Article is made of."""

    metadata: Metadata
    digest: str
    size: int
    recipe: str
    memory: str
    made_at: datetime
    run: int | None
    cost_ms: int  # of extracting
    text_digest: str


def visits(
    store: Database, page: int, limit: int, *, before: int | None = None
) -> tuple[Visit, ...]:
    """The newest visits to a Page that brought something new; with `before` those older than that one."""
    digest = func.coalesce(PayloadRow.digest, "")
    query: Select[*tuple[Any, ...]] = (
        select(
            CaptureRow.id, CaptureRow.run_id, CaptureRow.fetched_at, CaptureRow.status, CaptureRow.outcome, CaptureRow.reason, digest,
            CaptureRow.size, CaptureRow.media_type, CaptureRow.charset, CaptureRow.elapsed_ms, CaptureRow.location, CaptureRow.detail,
            CaptureRow.opt_outs,
        )
        .outerjoin(PayloadRow, PayloadRow.id == CaptureRow.payload_id)
        .where(CaptureRow.page_id == page)
        .order_by(CaptureRow.fetched_at.desc(), CaptureRow.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:  # imported visits are older than their numbers
        known = select(CaptureRow.fetched_at, CaptureRow.id).where(
            CaptureRow.id == before, CaptureRow.page_id == page
        )
        query = query.where(tuple_(CaptureRow.fetched_at, CaptureRow.id) < known.scalar_subquery())
    with store.read() as db:
        return tuple(Visit(*row) for row in db.execute(query))


def entries(store: Database, page: int, limit: int) -> tuple[Entry, ...]:
    """The newest Runs that met a Page, and how it fared in them."""
    entry = (
        LedgerEntryRow.at, LedgerEntryRow.outcome, LedgerEntryRow.reason, LedgerEntryRow.status, LedgerEntryRow.bytes, LedgerEntryRow.elapsed_ms,
        LedgerEntryRow.detail,
    )  # fmt: skip
    query = select(LedgerEntryRow.run_id, RunRow.kind, *entry).join(
        RunRow, RunRow.id == LedgerEntryRow.run_id
    )
    query = (
        query.where(LedgerEntryRow.page_id == page)
        .order_by(LedgerEntryRow.run_id.desc())
        .limit(limit)
    )
    with store.read() as db:
        return tuple(Entry(*row) for row in db.execute(query))


def making(store: Database, page: int) -> Making | None:
    """What the Article of a Page is made of; None where it is none."""
    query = (
        select(
            CleanResultRow.chosen_metadata, PayloadRow.digest, PayloadRow.size, CleanResultRow.recipe, CleanResultRow.memory, CleanResultRow.made_at,
            CleanResultRow.run_id, ExtractedPageRow.cost_ms, CleanResultRow.text_digest,
        )
        .join(ArticleRow, ArticleRow.clean_result_id == CleanResultRow.id)
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
        .join(ExtractedPageRow, ExtractedPageRow.id == CleanResultRow.extracted_page_id)
        .where(ArticleRow.page_id == page)
    )  # fmt: skip
    with store.read() as db:
        row = db.execute(query).first()
    return Making(metadata_from_json(row.chosen_metadata), *row[1:]) if row else None


def payload(store: Database, page: int, digest: str) -> tuple[str, str, bytes] | None:
    """(media type, charset as declared, bytes) of a Payload that a visit to this Page has brought."""
    query = (
        select(CaptureRow.media_type, CaptureRow.charset, *PACKED)
        .join(PayloadRow, PayloadRow.id == CaptureRow.payload_id)
        .where(CaptureRow.page_id == page, PayloadRow.digest == digest)
        .order_by(CaptureRow.id.desc())
    )
    with store.read() as db:
        row = db.execute(query).first()
        return (row[0], row[1], unpacked(db, *row[2:])) if row else None
