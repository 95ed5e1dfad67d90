"""The private fields of leaves and entries: values only, as the rows of the archive say them.

They hold no row ids and nothing of how bytes are stored. So the same fields come from both
databases, and after bytes were compressed in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, String, bindparam, select, type_coerce

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
Values = Sequence[Any]
AS_STORED: Final = String()  # SQLite gives times and JSON as text, PostgreSQL as values
STORED_UTC_LENGTH: Final = len("2026-11-28 03:12:44.120000")


def as_stored(column: Any) -> Any:
    """Select a column without the conversions of its type, which take longer than hashing."""
    return type_coerce(column, AS_STORED).label(column.key)


CAPTURE_VALUES: Final = (
    PageRow.url,
    CaptureRow.requested_url,
    as_stored(CaptureRow.fetched_at),
    as_stored(CaptureRow.prior_seen_at),
    CaptureRow.status,
    CaptureRow.outcome,
    CaptureRow.reason,
    as_stored(CaptureRow.headers),
    CaptureRow.media_type,
    CaptureRow.charset,
    CaptureRow.location,
    CaptureRow.detail,
    CaptureRow.opt_outs,
    CaptureRow.size,
    PayloadRow.digest,
)
CAPTURES: Final = (
    select(CaptureRow.id, *CAPTURE_VALUES)
    .join(PageRow, PageRow.id == CaptureRow.page_id)
    .join(PayloadRow, PayloadRow.id == CaptureRow.payload_id, isouter=True)
    .order_by(CaptureRow.id)
)
LEDGER: Final = select(
    LedgerEntryRow.run_id,
    PageRow.url,
    LedgerEntryRow.outcome,
    LedgerEntryRow.reason,
    LedgerEntryRow.status,
    LedgerEntryRow.bytes,
    as_stored(LedgerEntryRow.at),
    LedgerEntryRow.detail,
    LedgerEntryRow.links,
).join(PageRow, PageRow.id == LedgerEntryRow.page_id)
RESULTS: Final = (
    select(
        CleanResultRow.run_id,
        PageRow.url,
        PayloadRow.digest,
        CleanResultRow.recipe,
        CleanResultRow.text_digest,
        as_stored(CleanResultRow.chosen_metadata),
        CleanResultRow.status,
    )
    .join(PageRow, PageRow.id == CleanResultRow.page_id)
    .join(PayloadRow, PayloadRow.id == CleanResultRow.payload_id)
)


# Statements that are built once: building one for each run costs more than reading its rows.
OF_CAPTURES: Final = CAPTURES.where(CaptureRow.run_id == bindparam("run"))
OF_LEDGER: Final = LEDGER.where(LedgerEntryRow.run_id == bindparam("run"))
OF_RESULTS: Final = RESULTS.where(CleanResultRow.run_id == bindparam("run"))


@dataclass(frozen=True, slots=True)
class CaptureFields:
    """A capture, and the private fields of its leaf."""

    capture_id: int
    fields: Fields


def stored_utc(value: str | datetime | None) -> str | None:
    """Return a time as it stands in private fields: see `utc_text`.

    Args:
        value: A value of `as_stored`. A text that is no time is returned as it is, and fits no
            leaf.
    """
    if not isinstance(value, str):
        return utc_text(value)
    if len(value) != STORED_UTC_LENGTH:  # written without microseconds
        try:
            return utc_text(datetime.fromisoformat(value).replace(tzinfo=UTC))
        except ValueError:
            return value
    return f"{value[:10]}T{value[11:]}Z"


def stored_json(value: Any) -> Any:
    """Return a JSON value of `as_stored`. A text that is no JSON is returned as it is."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return value


def capture_fields(values: Values, site: str) -> Fields:
    """Return the private fields of a capture.

    Args:
        values: Those of `CAPTURE_VALUES`.
        site: The site of the run. A page may move to another site later.
    """
    (url, requested_url, fetched_at, prior_seen_at, status, outcome, reason, *rest) = values
    (headers, media_type, charset, location, detail, opt_outs, size, digest) = rest
    return {
        "charset": charset,
        "detail": detail,
        "fetched_at": stored_utc(fetched_at),
        "headers": stored_json(headers),
        "location": location,
        "media_type": media_type,
        "opt_outs": opt_outs,
        "outcome": outcome,
        "payload": digest,
        "prior_seen_at": stored_utc(prior_seen_at),
        "reason": reason,
        "requested_url": requested_url or url,
        "site": site,
        "size": size,
        "status": status,
        "url": url,
    }


def captures_of_run(db: Connection, run: int, site: str) -> list[CaptureFields]:
    """Return the captures of a run in their order."""
    rows = db.execute(OF_CAPTURES, {"run": run})
    return [CaptureFields(row[0], capture_fields(row[1:], site)) for row in rows]


def ledger_fields(row: Values) -> Fields:
    """Return the private fields of a ledger entry, from a row of `LEDGER`."""
    _, url, outcome, reason, status, size, at, detail, links = row
    return {
        "at": stored_utc(at),
        "bytes": size,
        "detail": detail,
        "links": links,
        "outcome": outcome,
        "reason": reason,
        "status": status,
        "url": url,
    }


def ledger_of_run(db: Connection, run: int) -> list[tuple[str, Fields]]:
    """Return the URL and the private fields of each ledger entry of a run, in any order."""
    rows = db.execute(OF_LEDGER, {"run": run})
    return [(row[1], ledger_fields(row)) for row in rows]


def result_fields(row: AnyRow, recipe: str, status: str) -> Fields:
    """Return the private fields of a result of a clean.

    Args:
        row: A row of `RESULTS`.
        recipe: Its recipe when the run was closed.
        status: Its status when the run was closed.
    """
    metadata = stored_json(row.chosen_metadata)
    return {
        "metadata": sha256(canonical_json(metadata)).hexdigest(),
        "payload": row.digest,
        "recipe": recipe,
        "status": status,
        "text": row.text_digest,
        "url": row.url,
    }


def results_of_run(db: Connection, run: int) -> list[tuple[str, Fields]]:
    """Return the URL and the private fields of each result that a clean made, in any order."""
    rows = db.execute(OF_RESULTS, {"run": run})
    return [(row.url, result_fields(row, row.recipe, row.status)) for row in rows]
