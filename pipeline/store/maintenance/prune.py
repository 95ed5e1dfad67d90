"""What an archive can do without is taken out: results that were replaced long ago, ledgers of old Runs, Drafts by old code.

Promises that what is told before is what is taken, that bytes, visits, Articles and Revisions stay, and that each step is a
small transaction: a kill in between leaves less to do, and nobody waits for long. Whoever calls holds the locks of the Site.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, Text, cast, delete, exists, func, literal, select, update
from sqlalchemy.orm import aliased

from pipeline.core.models import ResultStatus
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    LedgerEntryRow,
    PageRow,
    RunRow,
)

STEP = 2_000  # rows of one transaction
ROW = 120  # bytes that a row takes beside its texts, about

Tell = Callable[[str, int, int], None]  # (stage, done, of)


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What of a Site is kept: results that were replaced since a time, ledgers of Runs that ended since one; None: all."""

    site: str
    results_since: datetime | None = None
    ledgers_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prunable:
    """What can be taken out of one Site: rows and about how many bytes."""

    site: str
    results: int = 0
    extracted_pages: int = 0
    runs: int = 0
    entries: int = 0
    bytes: int = 0

    @property
    def rows(self) -> int:
        return self.results + self.extracted_pages + self.entries


def estimate_prunable(store: Database, keep: RetentionRule, extractors: str) -> Prunable:
    """What `prune` would take out now."""
    results, drafts, entries = _results(keep), _drafts(keep, extractors), _entries(keep)
    with store.read() as db:
        of_results = db.execute(
            _summed(
                results,
                CleanResultRow.id,
                cast(CleanResultRow.removed, Text),
                cast(CleanResultRow.chosen_metadata, Text),
            )
        ).one()
        of_drafts = db.execute(_summed(drafts, ExtractedPageRow.id, ExtractedPageRow.body)).one()
        of_entries = db.execute(
            _summed(entries, LedgerEntryRow.run_id, LedgerEntryRow.detail)
        ).one()
        runs = (
            db.scalar(select(func.count(func.distinct(LedgerEntryRow.run_id))).where(*entries)) or 0
        )
    total = sum(
        int(each[0]) * ROW + int(each[1] or 0) for each in (of_results, of_drafts, of_entries)
    )
    return Prunable(keep.site, of_results[0], of_drafts[0], runs, of_entries[0], total)


def _summed(conditions: list[Any], number: Any, *texts: Any) -> Select[*tuple[Any, ...]]:
    lengths: Any = sum(
        (func.coalesce(func.sum(func.length(each)), 0) for each in texts), start=literal(0)
    )
    return select(func.count(number), lengths).where(*conditions)


def prune_site(store: Database, keep: RetentionRule, extractors: str, tell: Tell) -> Prunable:
    """Takes it out, in small steps. Returns what was there."""
    before = estimate_prunable(store, keep, extractors)
    done = 0
    for name, step in (
        ("results", _drop_results),
        ("drafts", _drop_drafts),
        ("ledgers", _drop_entries),
    ):
        while dropped := step(store, keep, extractors):
            done += dropped
            tell(f"pruning {name}", done, max(before.rows, done))
    return before


def _results(keep: RetentionRule) -> list[Any]:
    """Results whose place was taken before that time. When it was taken, the one behind them says; who has none behind them
    stays."""
    if keep.results_since is None:
        return [CleanResultRow.id < 0]
    later = aliased(CleanResultRow)
    taken = select(func.min(later.created_at)).where(
        later.page_id == CleanResultRow.page_id,
        later.payload_id == CleanResultRow.payload_id,
        later.id > CleanResultRow.id,
    )
    ours = select(PageRow.id).where(PageRow.id == CleanResultRow.page_id, PageRow.site == keep.site)
    return [
        CleanResultRow.status == ResultStatus.REPLACED,
        exists(ours),
        taken.scalar_subquery() < keep.results_since,
    ]


def _drafts(keep: RetentionRule, extractors: str) -> list[Any]:
    """Drafts by other extractors than today's of which nothing is made any more; those of today's are there."""
    if keep.results_since is None:
        return [ExtractedPageRow.id < 0]
    used = select(CleanResultRow.id).where(CleanResultRow.extracted_page_id == ExtractedPageRow.id)
    other = aliased(ExtractedPageRow)
    newer = select(other.id).where(
        other.payload_id == ExtractedPageRow.payload_id, other.extractors == extractors
    )
    ours = select(CaptureRow.id).join(PageRow, PageRow.id == CaptureRow.page_id)
    ours = ours.where(
        CaptureRow.payload_id == ExtractedPageRow.payload_id, PageRow.site == keep.site
    )
    old = [ExtractedPageRow.extractors != extractors, ExtractedPageRow.created_at < keep.results_since]
    return [*old, exists(newer), exists(ours), ~exists(used)]


def _entries(keep: RetentionRule) -> list[Any]:
    """Entries of old Runs; the newest Run of each kind keeps its ledger, however old it is."""
    if keep.ledgers_since is None:
        return [LedgerEntryRow.run_id < 0]
    newest = select(func.max(RunRow.id)).where(RunRow.site == keep.site).group_by(RunRow.kind)
    old = select(RunRow.id).where(
        RunRow.site == keep.site, RunRow.finished_at < keep.ledgers_since, RunRow.id.not_in(newest)
    )
    return [LedgerEntryRow.run_id.in_(old)]


def _drop_results(store: Database, keep: RetentionRule, _extractors: str) -> int:
    with store.write() as db:
        ids = db.scalars(select(CleanResultRow.id).where(*_results(keep)).limit(STEP // 4)).all()
        db.execute(delete(CleanResultRow).where(CleanResultRow.id.in_(ids)))
    return len(ids)


def _drop_drafts(store: Database, keep: RetentionRule, extractors: str) -> int:
    with store.write() as db:
        ids = db.scalars(
            select(ExtractedPageRow.id).where(*_drafts(keep, extractors)).limit(STEP // 4)
        ).all()
        db.execute(delete(ExtractedPageRow).where(ExtractedPageRow.id.in_(ids)))
    return len(ids)


def _drop_entries(store: Database, keep: RetentionRule, _extractors: str) -> int:
    """Of one Run at a time. That its ledger is gone is written with the first of it, so that nobody takes it for lost."""
    with store.write() as db:
        run = db.scalar(select(func.min(LedgerEntryRow.run_id)).where(*_entries(keep)))
        if run is None:
            return 0
        pages = db.scalars(
            select(LedgerEntryRow.page_id).where(LedgerEntryRow.run_id == run).limit(STEP // 4)
        ).all()
        db.execute(
            update(RunRow)
            .where(RunRow.id == run)
            .values(pruned_at=func.coalesce(RunRow.pruned_at, datetime.now(UTC)))
        )
        db.execute(
            delete(LedgerEntryRow).where(
                LedgerEntryRow.run_id == run, LedgerEntryRow.page_id.in_(pages)
            )
        )
    return len(pages)


def unused_bytes(store: Database) -> int:
    """Bytes of a SQLite file that hold nothing and are used again; 0 on PostgreSQL, which sees to that itself."""
    if not store.is_sqlite:
        return 0
    with store.read() as db:
        return int(db.exec_driver_sql("PRAGMA freelist_count").scalar_one()) * int(
            db.exec_driver_sql("PRAGMA page_size").scalar_one()
        )
