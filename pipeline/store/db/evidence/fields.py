"""The private fields of leaves and entries: values only, as the rows of the archive say them.

They hold no row ids and nothing of how bytes are stored. So the same fields come from both
databases, and after bytes were compressed in another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from pipeline.evidence.leaves import canonical_json, utc_text
from pipeline.store.db.schema import (
    CaptureRow,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
)

AnyRow = Row[*tuple[Any, ...]]
Fields = dict[str, Any]

CAPTURE_COLUMNS: Final = (
    CaptureRow.id,
    CaptureRow.run_id,
    PageRow.url,
    CaptureRow.requested_url,
    CaptureRow.fetched_at,
    CaptureRow.prior_seen_at,
    CaptureRow.status,
    CaptureRow.outcome,
    CaptureRow.reason,
    CaptureRow.headers,
    CaptureRow.media_type,
    CaptureRow.charset,
    CaptureRow.location,
    CaptureRow.detail,
    CaptureRow.opt_outs,
    CaptureRow.size,
    PayloadRow.digest,
)
CAPTURES: Final = (
    select(*CAPTURE_COLUMNS)
    .join(PageRow, PageRow.id == CaptureRow.page_id)
    .join(PayloadRow, PayloadRow.id == CaptureRow.payload_id, isouter=True)
    .order_by(CaptureRow.id)
)
LEDGER: Final = select(
    PageRow.url,
    LedgerEntryRow.outcome,
    LedgerEntryRow.reason,
    LedgerEntryRow.status,
    LedgerEntryRow.bytes,
    LedgerEntryRow.at,
    LedgerEntryRow.detail,
    LedgerEntryRow.links,
).join(PageRow, PageRow.id == LedgerEntryRow.page_id)
RESULTS: Final = (
    select(
        CleanResultRow.id,
        PageRow.url,
        PayloadRow.digest,
        CleanResultRow.recipe,
        CleanResultRow.text_digest,
        CleanResultRow.chosen_metadata,
        CleanResultRow.status,
    )
    .join(PageRow, PageRow.id == CleanResultRow.page_id)
    .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
)


@dataclass(frozen=True, slots=True)
class CaptureFields:
    """A capture, and the private fields of its leaf."""

    capture_id: int
    fields: Fields


def capture_fields(row: AnyRow, site: str) -> Fields:
    """Return the private fields of a capture.

    Args:
        row: A row of `CAPTURES`.
        site: The site of the run. A page may move to another site later.
    """
    return {
        "site": site,
        "url": row.url,
        "requested_url": row.requested_url or row.url,
        "fetched_at": utc_text(row.fetched_at),
        "prior_seen_at": utc_text(row.prior_seen_at),
        "status": row.status,
        "outcome": row.outcome,
        "reason": row.reason,
        "headers": row.headers,
        "media_type": row.media_type,
        "charset": row.charset,
        "location": row.location,
        "detail": row.detail,
        "opt_outs": row.opt_outs,
        "size": row.size,
        "payload": row.digest,
    }


def captures_of_run(db: Connection, run: int, site: str) -> list[CaptureFields]:
    """Return the captures of a run in their order."""
    rows = db.execute(CAPTURES.where(CaptureRow.run_id == run))
    return [CaptureFields(row.id, capture_fields(row, site)) for row in rows]


def ledger_fields(row: AnyRow) -> Fields:
    """Return the private fields of a ledger entry, from a row of `LEDGER`."""
    return {
        "url": row.url,
        "outcome": row.outcome,
        "reason": row.reason,
        "status": row.status,
        "bytes": row.bytes,
        "at": utc_text(row.at),
        "detail": row.detail,
        "links": row.links,
    }


def ledger_of_run(db: Connection, run: int) -> list[tuple[str, Fields]]:
    """Return the URL and the private fields of each ledger entry of a run, in any order."""
    rows = db.execute(LEDGER.where(LedgerEntryRow.run_id == run))
    return [(row.url, ledger_fields(row)) for row in rows]


def result_fields(row: AnyRow, recipe: str, status: str) -> Fields:
    """Return the private fields of a result of a clean.

    Args:
        row: A row of `RESULTS`.
        recipe: Its recipe when the run was closed.
        status: Its status when the run was closed.
    """
    return {
        "url": row.url,
        "payload": row.digest,
        "recipe": recipe,
        "text": row.text_digest,
        "metadata": sha256(canonical_json(row.chosen_metadata)).hexdigest(),
        "status": status,
    }


def results_of_run(db: Connection, run: int) -> list[tuple[str, Fields]]:
    """Return the URL and the private fields of each result that a clean made, in any order."""
    rows = db.execute(RESULTS.where(CleanResultRow.run_id == run))
    return [(row.url, result_fields(row, row.recipe, row.status)) for row in rows]
