"""Delete what an archive can do without: old replaced results, old ledgers, outdated extractions.

It deletes what the estimate counts before. Payloads and captures of stories, articles and revisions
stay, and so do the ledger entries that say between which visits a page changed or went away. Each
step is a small transaction: nobody waits long, and a killed run leaves less to do. What the log
has leaves or entries of is deleted together with an event of the log. The caller holds the locks
of the site.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from pipeline.core.models import ResultStatus
from pipeline.evidence.leaves import EventKind
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import log, sealing
from pipeline.store.db.evidence.events import Signer
from pipeline.store.db.log_schema import SealedRunRow
from pipeline.store.db.row_classes import aliased
from pipeline.store.db.schema import (
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    LedgerEntryRow,
    PageRow,
    RunRow,
)
from pipeline.store.maintenance import prune_sources
from pipeline.store.maintenance.progress import ProgressCallback

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute

BATCH_SIZE = 500  # rows of one transaction
ROW_BYTES = 120  # about what a row takes beside its texts

Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What of a site is kept. None keeps everything.

    Attributes:
        site: The site.
        results_since: Results that were replaced at this time or later.
        ledgers_since: Ledgers of runs that ended at this time or later.
        sources_since: Versions of sources that a fetch replaced at this time or later.
    """

    site: str
    results_since: datetime | None = None
    ledgers_since: datetime | None = None
    sources_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prunable:
    """What can be deleted of one site: rows of each kind, and about how many bytes."""

    site: str
    results: int = 0
    extracted_pages: int = 0
    runs: int = 0
    entries: int = 0
    bytes: int = 0
    versions: int = 0

    @property
    def rows(self) -> int:
        """All rows that can be deleted."""
        return self.results + self.extracted_pages + self.entries + self.versions


def estimate_prunable(database: Database, rule: RetentionRule, extractors: str) -> Prunable:
    """Count what `prune_site` would delete now.

    Args:
        extractors: The current version of the extractors. Extracted pages of older versions can be
            deleted.
    """
    entries = _old_entries(rule)
    runs = select(func.count(func.distinct(LedgerEntryRow.run_id))).where(*entries)
    result_bytes = _length(cast(CleanResultRow.removed, Text)) + _length(
        cast(CleanResultRow.chosen_metadata, Text)
    )
    queries = (
        _count_and_sum(CleanResultRow.id, result_bytes, _old_results(rule)),
        _count_and_sum(
            ExtractedPageRow.id,
            _length(ExtractedPageRow.body),
            _outdated_extracted_pages(rule, extractors),
        ),
        _count_and_sum(LedgerEntryRow.run_id, _length(LedgerEntryRow.detail), entries),
    )
    counts: list[int] = []
    total_bytes = 0
    with database.read() as db:
        for query in queries:
            count, text_bytes = db.execute(query).one()
            counts.append(int(count))
            total_bytes += int(count) * ROW_BYTES + int(text_bytes)
        run_count = db.scalar(runs) or 0
        versions = prune_sources.old_versions(db, rule.site, rule.sources_since)
        total_bytes += len(versions) * ROW_BYTES
        total_bytes += prune_sources.stored_bytes(db, [version.payload_id for version in versions])
    results, extracted_pages, entry_count = counts
    return Prunable(
        rule.site, results, extracted_pages, run_count, entry_count, total_bytes, len(versions)
    )


def _length(column: Any) -> ColumnElement[int]:
    return func.coalesce(func.sum(func.length(column)), literal(0))


def _count_and_sum(
    id_column: InstrumentedAttribute[int], total: ColumnElement[int], conditions: Conditions
) -> Select[int, int]:
    return select(func.count(id_column), total).where(*conditions)


def prune_site(
    database: Database,
    rule: RetentionRule,
    extractors: str,
    progress: ProgressCallback,
    *,
    batch_size: int = BATCH_SIZE,
    signer: Signer | None = None,
) -> Prunable:
    """Delete what the rule does not keep, in small steps.

    Args:
        extractors: The current version of the extractors.
        batch_size: Rows that are deleted in one transaction.
        signer: The key of the archive, which signs the events of the log.

    Returns:
        What there was to delete.

    Raises:
        StoreError: The log has a key, and it is not here.
    """
    before = estimate_prunable(database, rule, extractors)
    outdated = _outdated_extracted_pages(rule, extractors)
    steps: tuple[tuple[str, Callable[[], int]], ...] = (
        ("results", lambda: _delete_results(database, _old_results(rule), batch_size)),
        ("extracted pages", lambda: _delete_extracted_pages(database, outdated, batch_size)),
        ("ledgers", lambda: _delete_entries(database, rule, batch_size, signer)),
        (
            "versions of sources",
            lambda: prune_sources.delete_versions(
                database, rule.site, rule.sources_since, batch_size, signer
            ),
        ),
    )
    done = 0
    for name, delete_some in steps:
        while deleted := delete_some():
            done += deleted
            progress(f"pruning {name}", done, max(before.rows, done))
    return before


def _old_results(rule: RetentionRule) -> Conditions:
    """Results that were replaced before the rule's time.

    The next result for the same payload says when. A result without a next one stays.
    """
    if rule.results_since is None:
        return [CleanResultRow.id < 0]
    later = aliased(CleanResultRow)
    replaced_at = select(func.min(later.created_at)).where(
        later.page_id == CleanResultRow.page_id,
        later.payload_id == CleanResultRow.payload_id,
        later.id > CleanResultRow.id,
    )
    of_site = select(PageRow.id).where(
        PageRow.id == CleanResultRow.page_id, PageRow.site == rule.site
    )
    return [
        CleanResultRow.status == ResultStatus.REPLACED,
        exists(of_site),
        replaced_at.scalar_subquery() < rule.results_since,
    ]


def _outdated_extracted_pages(rule: RetentionRule, extractors: str) -> Conditions:
    """Extracted pages by old extractors that no result uses and that the current ones have made."""
    if rule.results_since is None:
        return [ExtractedPageRow.id < 0]
    result = select(CleanResultRow.id).where(
        CleanResultRow.extracted_page_id == ExtractedPageRow.id
    )
    other = aliased(ExtractedPageRow)
    current = select(other.id).where(
        other.payload_id == ExtractedPageRow.payload_id, other.extractors == extractors
    )
    of_site = (
        select(CaptureRow.id)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(CaptureRow.payload_id == ExtractedPageRow.payload_id, PageRow.site == rule.site)
    )
    return [
        ExtractedPageRow.extractors != extractors,
        ExtractedPageRow.created_at < rule.results_since,
        exists(current),
        exists(of_site),
        ~exists(result),
    ]


def _old_entries(rule: RetentionRule) -> Conditions:
    """Ledger entries of old runs. The newest run of each kind keeps its ledger, however old.

    An entry stays if it is of a capture, or of the last visit before one, or of the last visit.
    """
    if rule.ledgers_since is None:
        return [LedgerEntryRow.run_id < 0]
    newest = select(func.max(RunRow.id)).where(RunRow.site == rule.site).group_by(RunRow.kind)
    old_runs = select(RunRow.id).where(
        RunRow.site == rule.site,
        RunRow.finished_at < rule.ledgers_since,
        RunRow.id.not_in(newest),
    )
    bounded = select(CaptureRow.id).where(
        CaptureRow.page_id == LedgerEntryRow.page_id,
        or_(
            CaptureRow.run_id == LedgerEntryRow.run_id,
            CaptureRow.prior_seen_at == LedgerEntryRow.at,
        ),
    )
    last_visit = select(PageRow.id).where(
        PageRow.id == LedgerEntryRow.page_id, PageRow.last_matched_at == LedgerEntryRow.at
    )
    return [LedgerEntryRow.run_id.in_(old_runs), ~exists(bounded), ~exists(last_visit)]


def _delete_results(database: Database, conditions: Conditions, batch_size: int) -> int:
    query = select(CleanResultRow.id).where(*conditions).limit(batch_size)
    with database.write() as db:
        ids = db.scalars(query).all()
        db.execute(delete(CleanResultRow).where(CleanResultRow.id.in_(ids)))
    return len(ids)


def _delete_extracted_pages(database: Database, conditions: Conditions, batch_size: int) -> int:
    query = select(ExtractedPageRow.id).where(*conditions).limit(batch_size)
    with database.write() as db:
        ids = db.scalars(query).all()
        db.execute(delete(ExtractedPageRow).where(ExtractedPageRow.id.in_(ids)))
    return len(ids)


def _delete_entries(
    database: Database, rule: RetentionRule, batch_size: int, signer: Signer | None
) -> int:
    """Delete entries of one run.

    With the first of them `run.pruned_at` is set and the log gets an event, so that nobody takes
    the ledger for damaged. With the last of them the hashes of the ledger go, too.
    """
    conditions = _old_entries(rule)
    with database.write() as db:
        run = db.scalar(select(func.min(LedgerEntryRow.run_id)).where(*conditions))
        if run is None:
            return 0
        of_run = and_(LedgerEntryRow.run_id == run, *conditions)
        pages = db.scalars(select(LedgerEntryRow.page_id).where(of_run).limit(batch_size)).all()
        this_run = update(RunRow).where(RunRow.id == run)
        if db.scalar(select(RunRow.pruned_at).where(RunRow.id == run)) is None:
            _log_pruned_ledger(db, rule.site, run, signer)
            db.execute(this_run.values(pruned_at=datetime.now(UTC)))
        db.execute(
            delete(LedgerEntryRow).where(
                LedgerEntryRow.run_id == run, LedgerEntryRow.page_id.in_(pages)
            )
        )
        left = select(LedgerEntryRow.page_id).where(LedgerEntryRow.run_id == run).limit(1)
        if db.scalar(left) is None:
            sealed = update(SealedRunRow).where(SealedRunRow.run_id == run)
            db.execute(sealed.values(ledger=None))
    return len(pages)


def _log_pruned_ledger(db: Connection, site: str, run: int, signer: Signer | None) -> None:
    sealing.start(db)  # where there is no log yet, it begins here and adopts the run
    runs = list(db.scalars(select(SealedRunRow.uuid).where(SealedRunRow.run_id == run)))
    details = {"site": site, "what": "ledger", "runs": runs}
    log.append_event(db, EventKind.PRUNE, details, signer)


def unused_bytes(database: Database) -> int:
    """Return the bytes of a SQLite file that hold nothing and are used again.

    It is 0 on PostgreSQL, which reuses space itself.
    """
    if not database.is_sqlite:
        return 0
    with database.read() as db:
        pages = int(db.exec_driver_sql("PRAGMA freelist_count").scalar_one())
        page_size = int(db.exec_driver_sql("PRAGMA page_size").scalar_one())
    return pages * page_size
