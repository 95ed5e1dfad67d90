"""Runs and their ledgers: a run is opened, its entries get outcomes, and it is closed.

A closed run has no pending entry, and its counts are the sums of its entries. A run whose process
died is closed by the next run of its site.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, or_, select, update

from pipeline.core.errors import StoreError
from pipeline.core.models import Capture, Outcome, Reason
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events, sealing
from pipeline.store.db.schema import ForgottenCountRow, LedgerEntryRow, PageRow, RunRow
from pipeline.store.db.sql import chunks, insert_for, storable, upsert

READ_STATUS: Final = select(RunRow.status, RunRow.kind, RunRow.site).where(
    RunRow.id == bindparam("run")
)


def open_run(db: Connection, site: str, kind: str, recipe: str = "", scope: str = "") -> int:
    """Open a run and return its id.

    Args:
        db: A write transaction.
        site: The site's id.
        kind: crawl, import, clean, review or rollback.
        recipe: The recipe of a clean.
        scope: Which part of the site the run is about; "" for the usual one.

    Raises:
        StoreError: The archive was handed over to a copy.
    """
    events.require_open_log(db)
    values = {
        "site": site,
        "kind": kind,
        "started_at": datetime.now(UTC),
        "status": "running",
        "recipe": recipe,
        "scope": scope,
        "counts": {},
    }
    return int(db.execute(insert(RunRow).values(values).returning(RunRow.id)).scalar_one())


def require_running(db: Connection, run: int) -> None:
    """Require that a run is open, and keep others from closing it in this transaction.

    Several processes may work for one run. One of them may outlive the command that started it.

    Args:
        db: A write transaction.
        run: The run's id.

    Raises:
        StoreError: The run is closed and sealed: what is added now would look like a forgery.
    """
    # SQLite has one writer anyway
    row = db.execute(READ_STATUS.with_for_update(read=True), {"run": run}).first()
    if row is None or row.status != "running":
        raise _closed_error(run, row)


def _closed_error(run: int, row: Row[*tuple[Any, ...]] | None) -> StoreError:
    """Return the sentence for somebody who writes to a run that is closed."""
    if row is None:
        return StoreError(f"run {run} does not exist; start a run first")
    return StoreError(
        f"run {run} was closed meanwhile ({row.status}) and takes nothing more;"
        f" the next {row.kind} of '{row.site}' does the rest of its work"
    )


@contextmanager
def writing(store: Database, run: int) -> Iterator[Connection]:
    """Open a write transaction for an open run: see `require_running`.

    Args:
        store: The archive.
        run: The run's id.

    Yields:
        The connection of the transaction.
    """
    with store.write() as db:
        require_running(db, run)
        yield db


def add_entries(
    db: Connection, run: int, entries: Iterable[tuple[int, Outcome, Reason]], at: datetime
) -> None:
    """Add pages to the ledger of a run.

    An existing entry stays as it is. The exception: one that is refused or known and was not
    fetched becomes pending, and a refused one becomes known.

    Args:
        db: A write transaction.
        run: The run's id.
        entries: Page id, outcome and reason of each entry.
        at: The time of the entries.
    """
    rows: list[dict[str, Any]] = []
    for page, outcome, reason in entries:
        rows.append(
            {"run_id": run, "page_id": page, "outcome": outcome, "reason": reason, "at": at}
        )
    statement = _add_entries_statement(db.dialect.name)
    for chunk in chunks(rows):
        db.execute(statement, list(chunk))


@cache
def _add_entries_statement(dialect: str) -> Any:
    """Build the statement of `add_entries` once, which costs more than running it."""
    statement = insert_for(dialect, LedgerEntryRow)
    was_not_fetched = and_(
        or_(LedgerEntryRow.outcome == Outcome.REFUSED, LedgerEntryRow.outcome == Outcome.KNOWN),
        LedgerEntryRow.status.is_(None),
    )
    is_taken_up = and_(was_not_fetched, statement.excluded.outcome == Outcome.PENDING)
    is_allowed_now = and_(
        LedgerEntryRow.outcome == Outcome.REFUSED, statement.excluded.outcome == Outcome.KNOWN
    )
    return statement.on_conflict_do_update(
        index_elements=["run_id", "page_id"],
        set_={name: statement.excluded[name] for name in ("outcome", "reason", "at")},
        where=or_(is_taken_up, is_allowed_now),
    )


def record_outcome(
    db: Connection, run: int, capture: Capture, outcome: Outcome, reason: Reason
) -> None:
    """Write the outcome of one fetch to the ledger."""
    record_outcomes(db, run, ((capture, outcome, reason),))


def record_outcomes(
    db: Connection, run: int, outcomes: Iterable[tuple[Capture, Outcome, Reason]]
) -> None:
    """Write the outcomes of fetches to the ledger. There has to be at least one.

    Args:
        db: A connection in a transaction.
        run: The number of the run.
        outcomes: Each capture that was saved, with the outcome and reason of its URL.
    """
    rows: list[dict[str, Any]] = []
    for capture, outcome, reason in outcomes:
        rows.append(
            {
                "run_id": run,
                "page_id": capture.page_id,
                "outcome": outcome,
                "reason": reason,
                "status": capture.status,
                "bytes": capture.size,
                "elapsed_ms": capture.elapsed_ms,
                "at": capture.fetched_at,
                "detail": storable(capture.detail),
            }
        )
    changed = [name for name in rows[0] if name not in ("run_id", "page_id")]
    db.execute(upsert(db, LedgerEntryRow, ["run_id", "page_id"], changed), rows)


def set_link_count(db: Connection, run: int, page: int, links: int) -> None:
    """Write how many links a source listed."""
    entry = update(LedgerEntryRow).where(
        LedgerEntryRow.run_id == run, LedgerEntryRow.page_id == page
    )
    db.execute(entry.values(links=links))


def close_run(
    db: Connection, run: int, status: str, detail: str, deferred: Reason
) -> dict[str, int]:
    """Close a run, seal it in the log, and return its counts by outcome.

    It can be repeated: a run that is closed with this status stays as it is.

    Args:
        db: A write transaction.
        run: The run's id.
        status: finished, stopped, failed or interrupted.
        detail: A sentence for people; "" for none.
        deferred: The reason of the entries that are still pending; their pages stay due.

    Raises:
        StoreError: Another command closed the run with another status.
    """
    row = db.execute(READ_STATUS.with_for_update(), {"run": run}).first()
    if row is not None and row.status == status:
        return count_outcomes(db, run)
    if row is None or row.status != "running":
        raise _closed_error(run, row)
    is_pending = (LedgerEntryRow.run_id == run, LedgerEntryRow.outcome == Outcome.PENDING)
    # what is leased is pending; a search through all pages would take too long
    pending_pages = select(LedgerEntryRow.page_id).where(*is_pending)
    db.execute(
        update(PageRow)
        .where(PageRow.id.in_(pending_pages), PageRow.lease_run == run)
        .values(lease_run=None, lease_until=None)
    )
    db.execute(
        update(LedgerEntryRow).where(*is_pending).values(outcome=Outcome.DEFERRED, reason=deferred)
    )
    counts = count_outcomes(db, run)
    values = {
        "finished_at": datetime.now(UTC),
        "status": status,
        "detail": storable(detail),
        "counts": counts,
    }
    db.execute(update(RunRow).where(RunRow.id == run).values(values))
    sealing.seal_run(db, run)
    return counts


def count_outcomes(db: Connection, run: int) -> dict[str, int]:
    """Count the ledger entries of a run by outcome, with those that were forgotten.

    Args:
        db: A connection that reads.
        run: The number of the run.

    Returns:
        The numbers by the code of the outcome.
    """
    query = (
        select(LedgerEntryRow.outcome, func.count())
        .where(LedgerEntryRow.run_id == run)
        .group_by(LedgerEntryRow.outcome)
    )
    counts = {str(outcome): count for outcome, count in db.execute(query)}
    for outcome, entries in forgotten_counts(db, [run]).get(run, {}).items():
        counts[outcome] = counts.get(outcome, 0) + entries
    return counts


def forgotten_counts(db: Connection, runs: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return how many ledger entries of runs were forgotten, by run and outcome."""
    counts: dict[int, dict[str, int]] = {}
    for chunk in chunks(runs):
        query = select(ForgottenCountRow).where(ForgottenCountRow.run_id.in_(chunk))
        for row in db.execute(query):
            counts.setdefault(row.run_id, {})[row.outcome] = row.entries
    return counts


def close_interrupted_runs(db: Connection, site: str, kind: str) -> tuple[int, ...]:
    """Close the runs of a site whose process died, and return their ids.

    The caller has to hold the lock of the site.

    Args:
        db: A connection in a transaction.
        site: The id of the site.
        kind: The kind of the runs, such as `crawl`.

    Returns:
        The numbers of the runs, which have the status `interrupted` now.
    """
    query = select(RunRow.id).where(
        RunRow.site == site, RunRow.kind == kind, RunRow.status == "running"
    )
    # locked, so that a run which another command closes now is not among them
    run_ids = tuple(db.scalars(query.with_for_update()))
    for run in run_ids:
        close_run(db, run, "interrupted", "the process ended before its work", Reason.INTERRUPTED)
    return run_ids


def running_message(store: Database, site: str, kind: str, holder: str = "") -> str:
    """Return the sentence for somebody who starts a run while another one is active.

    Args:
        store: The archive.
        site: The site's id.
        kind: The kind of the run.
        holder: The process that holds the lock, where it is known.
    """
    query = select(RunRow.id, RunRow.started_at).where(
        RunRow.site == site, RunRow.kind == kind, RunRow.status == "running"
    )
    with store.read() as db:
        row = db.execute(query.order_by(RunRow.id.desc())).first()
    action = "crawled" if kind == "crawl" else "cleaned"
    if row is None:
        return f"{site}: is already being {action} by {holder or 'another process'}; let it finish"
    owner = f"run {row.id}, {holder}" if holder else f"run {row.id}"
    return (
        f"{site}: already being {action} since {row.started_at:%Y-%m-%d %H:%M} UTC ({owner});"
        " let it finish"
    )
