"""The ledger of a Run, page by page and narrowed down to what one looks for.

Promises that going on costs as much as beginning: a page of lines starts behind a Page, not behind a number of lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from pipeline.store.db.engine import Database
from pipeline.store.db.schema import LedgerEntryRow, PageRow, RunRow
from pipeline.store.db.sql import storable
from pipeline.store.read.runs import RUN, RunView


@dataclass(frozen=True, slots=True)
class Line:
    """One Page's outcome in a Run."""

    page: int
    kind: str
    url: str
    outcome: str
    reason: str
    status: int | None
    bytes: int
    elapsed_ms: int
    at: datetime
    detail: str


def lines(
    store: Database,
    run: int,
    limit: int,
    *,
    outcome: str = "",
    reason: str | None = None,
    url: str = "",
    after: int = 0,
) -> tuple[Line, ...]:
    """Entries of a Run by the number of their Page, behind the Page `after`: of an outcome, of a reason ("" is the one of those
    that need none), whose URL holds these letters."""
    entry = (
        LedgerEntryRow.outcome, LedgerEntryRow.reason, LedgerEntryRow.status, LedgerEntryRow.bytes, LedgerEntryRow.elapsed_ms, LedgerEntryRow.at,
        LedgerEntryRow.detail,
    )  # fmt: skip
    query: Select[*tuple[Any, ...]] = select(
        LedgerEntryRow.page_id, PageRow.kind, PageRow.url, *entry
    )
    query = query.join(PageRow, PageRow.id == LedgerEntryRow.page_id)
    query = query.where(LedgerEntryRow.run_id == run, LedgerEntryRow.page_id > after)
    query = query.where(LedgerEntryRow.outcome == outcome) if outcome else query
    query = query.where(LedgerEntryRow.reason == reason) if reason is not None else query
    query = query.where(PageRow.url.icontains(storable(url), autoescape=True)) if url else query
    with store.read() as db:
        return tuple(
            Line(*row) for row in db.execute(query.order_by(LedgerEntryRow.page_id).limit(limit))
        )


def runs(
    store: Database, limit: int, *, site: str = "", before: int | None = None
) -> tuple[RunView, ...]:
    """The newest Runs, of a Site where one is named, that began before the Run `before`."""
    query = select(*RUN).order_by(RunRow.id.desc()).limit(limit)
    query = query.where(RunRow.site == site) if site else query
    with store.read() as db:
        return tuple(
            RunView(*row)
            for row in db.execute(query if before is None else query.where(RunRow.id < before))
        )
