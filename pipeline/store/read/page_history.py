"""The history of one page: its fetches, its runs, the origin of its article, its stored bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, tuple_

from pipeline.core.models import Metadata
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
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
from pipeline.store.db.sql import fetch_as


@dataclass(frozen=True, slots=True)
class Fetch:
    """One capture: a fetch of the page that brought something new."""

    id: int
    run: int | None
    at: datetime
    status: int | None
    outcome: str
    reason: str
    digest: str  # "" if no bytes were stored
    size: int
    media_type: str
    charset: str
    elapsed_ms: int
    location: str
    detail: str
    opt_outs: str


@dataclass(frozen=True, slots=True)
class RunEntry:
    """The outcome of the page in one run."""

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
class Provenance:
    """What an article was made from, and how."""

    metadata: Metadata
    digest: str
    size: int
    recipe: str
    profile: str
    made_at: datetime
    run: int | None
    cost_ms: int  # of the extraction
    text_digest: str


def list_fetches(
    database: Database, page: int, limit: int, *, before: int | None = None
) -> tuple[Fetch, ...]:
    """List the newest fetches that brought something new, newest first.

    Args:
        limit: The largest number of fetches to return.
        before: Only fetches older than the one with this id. This asks for the next page.
    """
    query: Select[*tuple[Any, ...]] = select(
        CaptureRow.id,
        CaptureRow.run_id,
        CaptureRow.fetched_at,
        CaptureRow.status,
        CaptureRow.outcome,
        CaptureRow.reason,
        func.coalesce(PayloadRow.digest, ""),
        CaptureRow.size,
        CaptureRow.media_type,
        CaptureRow.charset,
        CaptureRow.elapsed_ms,
        CaptureRow.location,
        CaptureRow.detail,
        CaptureRow.opt_outs,
    )
    query = (
        query.outerjoin(PayloadRow, PayloadRow.id == CaptureRow.payload_id)
        .where(CaptureRow.page_id == page)
        .order_by(CaptureRow.fetched_at.desc(), CaptureRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        # an imported capture can be older than its id suggests, so the time decides
        known = select(CaptureRow.fetched_at, CaptureRow.id).where(
            CaptureRow.id == before, CaptureRow.page_id == page
        )
        query = query.where(tuple_(CaptureRow.fetched_at, CaptureRow.id) < known.scalar_subquery())
    with database.read() as db:
        return fetch_as(db, query, Fetch)


def list_run_entries(database: Database, page: int, limit: int) -> tuple[RunEntry, ...]:
    """List the newest runs that the page was part of, with its outcome in each."""
    query: Select[*tuple[Any, ...]] = select(
        LedgerEntryRow.run_id,
        RunRow.kind,
        LedgerEntryRow.at,
        LedgerEntryRow.outcome,
        LedgerEntryRow.reason,
        LedgerEntryRow.status,
        LedgerEntryRow.bytes,
        LedgerEntryRow.elapsed_ms,
        LedgerEntryRow.detail,
    )
    query = (
        query.join(RunRow, RunRow.id == LedgerEntryRow.run_id)
        .where(LedgerEntryRow.page_id == page)
        .order_by(LedgerEntryRow.run_id.desc())
        .limit(limit)
    )
    with database.read() as db:
        return fetch_as(db, query, RunEntry)


def get_provenance(database: Database, page: int) -> Provenance | None:
    """Return what the article of a page was made from, or None if the page is no article.

    Args:
        database: The archive.
        page: The id of the page.

    Returns:
        Digest, recipe and run.
    """
    query: Select[*tuple[Any, ...]] = select(
        CleanResultRow.chosen_metadata,
        PayloadRow.digest,
        PayloadRow.size,
        CleanResultRow.recipe,
        CleanResultRow.profile_digest,
        CleanResultRow.created_at,
        CleanResultRow.run_id,
        ExtractedPageRow.cost_ms,
        CleanResultRow.text_digest,
    )
    query = (
        query.join(ArticleRow, ArticleRow.clean_result_id == CleanResultRow.id)
        .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
        .join(ExtractedPageRow, ExtractedPageRow.id == CleanResultRow.extracted_page_id)
        .where(ArticleRow.page_id == page)
    )
    with database.read() as db:
        row = db.execute(query).first()
    if row is None:
        return None
    return Provenance(metadata_from_json(row.chosen_metadata), *row[1:])


def page_payload(database: Database, page: int, digest: str) -> tuple[str, str, bytes] | None:
    """Return a payload that a fetch of this page brought.

    Args:
        digest: SHA-256 of the bytes, in lower-case hex.

    Returns:
        (media type, charset as declared, bytes), or None if the page never had these bytes.
    """
    query = (
        select(CaptureRow.media_type, CaptureRow.charset, *COMPRESSED_COLUMNS)
        .join(PayloadRow, PayloadRow.id == CaptureRow.payload_id)
        .where(CaptureRow.page_id == page, PayloadRow.digest == digest)
        .order_by(CaptureRow.id.desc())
    )
    with database.read() as db:
        row = db.execute(query).first()
        if row is None:
            return None
        return row[0], row[1], decompress_payload(db, *row[2:])


def payload_bytes(database: Database, digest: str) -> bytes | None:
    """Return stored bytes as the server sent them, or None if they are not in the archive.

    Args:
        digest: SHA-256 of the bytes, in lower-case hex.
    """
    query = select(*COMPRESSED_COLUMNS).where(PayloadRow.digest == digest)
    with database.read() as db:
        row = db.execute(query).first()
        return decompress_payload(db, *row) if row else None
