"""The trail of one Page: every visit, every Run that met it, and what its Article is made of, back to the bytes.

Promises frozen values, nothing but reading, and bounded numbers of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, tuple_

from pipeline.model import Metadata
from pipeline.store.dictionaries import PACKED, unpacked
from pipeline.store.engine import Store
from pipeline.store.packing import metadata_from_json
from pipeline.store.schema import Article, Capture, Draft, Extraction, LedgerEntry, Payload, Run


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


def visits(store: Store, page: int, limit: int, *, before: int | None = None) -> tuple[Visit, ...]:
    """The newest visits to a Page that brought something new; with `before` those older than that one."""
    digest = func.coalesce(Payload.digest, "")
    query: Select[*tuple[Any, ...]] = (
        select(
            Capture.id, Capture.run_id, Capture.fetched_at, Capture.status, Capture.outcome, Capture.reason, digest,
            Capture.size, Capture.media_type, Capture.charset, Capture.elapsed_ms, Capture.location, Capture.detail,
            Capture.opt_outs,
        )
        .outerjoin(Payload, Payload.id == Capture.payload_id)
        .where(Capture.page_id == page)
        .order_by(Capture.fetched_at.desc(), Capture.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:  # imported visits are older than their numbers
        known = select(Capture.fetched_at, Capture.id).where(Capture.id == before, Capture.page_id == page)
        query = query.where(tuple_(Capture.fetched_at, Capture.id) < known.scalar_subquery())
    with store.read() as db:
        return tuple(Visit(*row) for row in db.execute(query))


def entries(store: Store, page: int, limit: int) -> tuple[Entry, ...]:
    """The newest Runs that met a Page, and how it fared in them."""
    entry = (
        LedgerEntry.at, LedgerEntry.outcome, LedgerEntry.reason, LedgerEntry.status, LedgerEntry.bytes, LedgerEntry.elapsed_ms,
        LedgerEntry.detail,
    )  # fmt: skip
    query = select(LedgerEntry.run_id, Run.kind, *entry).join(Run, Run.id == LedgerEntry.run_id)
    query = query.where(LedgerEntry.page_id == page).order_by(LedgerEntry.run_id.desc()).limit(limit)
    with store.read() as db:
        return tuple(Entry(*row) for row in db.execute(query))


def making(store: Store, page: int) -> Making | None:
    """What the Article of a Page is made of; None where it is none."""
    query = (
        select(
            Extraction.chosen, Payload.digest, Payload.size, Extraction.recipe, Extraction.memory, Extraction.made_at,
            Extraction.run_id, Draft.cost_ms, Extraction.text_digest,
        )
        .join(Article, Article.extraction_id == Extraction.id)
        .join(Payload, Payload.id == Extraction.payload_id)
        .join(Draft, Draft.id == Extraction.draft_id)
        .where(Article.page_id == page)
    )  # fmt: skip
    with store.read() as db:
        row = db.execute(query).first()
    return Making(metadata_from_json(row.chosen), *row[1:]) if row else None


def payload(store: Store, page: int, digest: str) -> tuple[str, str, bytes] | None:
    """(media type, charset as declared, bytes) of a Payload that a visit to this Page has brought."""
    query = (
        select(Capture.media_type, Capture.charset, *PACKED)
        .join(Payload, Payload.id == Capture.payload_id)
        .where(Capture.page_id == page, Payload.digest == digest)
        .order_by(Capture.id.desc())
    )
    with store.read() as db:
        row = db.execute(query).first()
        return (row[0], row[1], unpacked(db, *row[2:])) if row else None
