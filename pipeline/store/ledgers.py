"""The ledger of a Run, page by page and narrowed down to what one looks for.

Promises that going on costs as much as beginning: a page of lines starts behind a Page, not behind a number of lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from pipeline.store.engine import Store
from pipeline.store.history import RUN, RunView
from pipeline.store.schema import LedgerEntry, Page, Run
from pipeline.store.sql import storable


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
    store: Store, run: int, limit: int, *, outcome: str = "", reason: str | None = None, url: str = "", after: int = 0
) -> tuple[Line, ...]:
    """Entries of a Run by the number of their Page, behind the Page `after`: of an outcome, of a reason ("" is the one of those
    that need none), whose URL holds these letters."""
    entry = (
        LedgerEntry.outcome, LedgerEntry.reason, LedgerEntry.status, LedgerEntry.bytes, LedgerEntry.elapsed_ms, LedgerEntry.at,
        LedgerEntry.detail,
    )  # fmt: skip
    query: Select[*tuple[Any, ...]] = select(LedgerEntry.page_id, Page.kind, Page.url, *entry)
    query = query.join(Page, Page.id == LedgerEntry.page_id)
    query = query.where(LedgerEntry.run_id == run, LedgerEntry.page_id > after)
    query = query.where(LedgerEntry.outcome == outcome) if outcome else query
    query = query.where(LedgerEntry.reason == reason) if reason is not None else query
    query = query.where(Page.url.icontains(storable(url), autoescape=True)) if url else query
    with store.read() as db:
        return tuple(Line(*row) for row in db.execute(query.order_by(LedgerEntry.page_id).limit(limit)))


def runs(store: Store, limit: int, *, site: str = "", before: int | None = None) -> tuple[RunView, ...]:
    """The newest Runs, of a Site where one is named, that began before the Run `before`."""
    query = select(*RUN).order_by(Run.id.desc()).limit(limit)
    query = query.where(Run.site == site) if site else query
    with store.read() as db:
        return tuple(RunView(*row) for row in db.execute(query if before is None else query.where(Run.id < before)))
