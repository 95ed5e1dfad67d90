"""Runs and their ledger: opened, settled entry by entry, closed; and closed for those who died.

Promises that a Run that is over has no pending entry, and that its counts are the sums of its entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from pipeline.core.models import Capture, Outcome, Reason
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import LedgerEntryRow, PageRow, RunRow
from pipeline.store.db.sql import chunks, insert_into, storable, upsert


def open_run(db: Connection, site: str, kind: str, recipe: str = "", scope: str = "") -> int:
    """A new Run's number."""
    values = {
        "site": site,
        "kind": kind,
        "started_at": datetime.now(UTC),
        "status": "running",
        "recipe": recipe,
    }
    return int(
        db.execute(
            insert(RunRow).values(values | {"scope": scope, "counts": {}}).returning(RunRow.id)
        ).scalar_one()
    )


def add_entries(
    db: Connection, run: int, entries: Iterable[tuple[int, Outcome, Reason]], at: datetime
) -> None:
    """Adds Pages to a Run's ledger. A Page that is there already keeps its entry, unless that one refused or passed it over
    and this one takes it up."""
    rows = [
        {"run_id": run, "page_id": page, "outcome": outcome, "reason": reason, "at": at}
        for page, outcome, reason in entries
    ]
    statement = insert_into(db, LedgerEntryRow)
    statement = statement.on_conflict_do_update(
        index_elements=["run_id", "page_id"],
        set_={name: statement.excluded[name] for name in ("outcome", "reason", "at")},
        where=or_(
            and_(
                or_(
                    LedgerEntryRow.outcome == Outcome.REFUSED,
                    LedgerEntryRow.outcome == Outcome.KNOWN,
                ),
                LedgerEntryRow.status.is_(None),
                statement.excluded.outcome == Outcome.PENDING,
            ),
            and_(
                LedgerEntryRow.outcome == Outcome.REFUSED,
                statement.excluded.outcome == Outcome.KNOWN,
            ),
        ),
    )
    for chunk in chunks(rows):
        db.execute(statement, list(chunk))


def record_outcome(db: Connection, run: int, capture: Capture, outcome: Outcome, reason: Reason) -> None:
    """Writes how a visit ended."""
    record_outcomes(db, run, ((capture, outcome, reason),))


def record_outcomes(db: Connection, run: int, visits: Iterable[tuple[Capture, Outcome, Reason]]) -> None:
    """Writes how visits ended."""
    rows = [
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
        for capture, outcome, reason in visits
    ]
    changed = [name for name in rows[0] if name not in ("run_id", "page_id")]
    db.execute(upsert(db, LedgerEntryRow, ["run_id", "page_id"], changed), rows)


def set_link_count(db: Connection, run: int, page: int, links: int) -> None:
    """Writes how many Links a Place showed."""
    entry = update(LedgerEntryRow).where(
        LedgerEntryRow.run_id == run, LedgerEntryRow.page_id == page
    )
    db.execute(entry.values(links=links))


def close_run(
    db: Connection, run: int, status: str, detail: str, deferred: Reason
) -> dict[str, int]:
    """Ends a Run and returns its counts by outcome."""
    pending = (LedgerEntryRow.run_id == run, LedgerEntryRow.outcome == Outcome.PENDING)
    mine = select(LedgerEntryRow.page_id).where(
        *pending
    )  # whatever is leased is pending; all Pages are too many to be asked
    db.execute(
        update(PageRow)
        .where(PageRow.id.in_(mine), PageRow.lease_run == run)
        .values(lease_run=None, lease_until=None)
    )
    db.execute(
        update(LedgerEntryRow).where(*pending).values(outcome=Outcome.DEFERRED, reason=deferred)
    )
    counts = count_outcomes(db, run)
    db.execute(
        update(RunRow)
        .where(RunRow.id == run)
        .values(
            finished_at=datetime.now(UTC), status=status, detail=storable(detail), counts=counts
        )
    )
    return counts


def count_outcomes(db: Connection, run: int) -> dict[str, int]:
    """Entries of a Run by outcome."""
    query = (
        select(LedgerEntryRow.outcome, func.count())
        .where(LedgerEntryRow.run_id == run)
        .group_by(LedgerEntryRow.outcome)
    )
    return {str(outcome): number for outcome, number in db.execute(query)}


def close_interrupted_runs(db: Connection, site: str, kind: str) -> tuple[int, ...]:
    """Ends the Runs of a Site whose process died, and returns their numbers. Only for the holder of the Site's lock."""
    query = select(RunRow.id).where(
        RunRow.site == site, RunRow.kind == kind, RunRow.status == "running"
    )
    dead = tuple(db.scalars(query))
    for run in dead:
        close_run(db, run, "interrupted", "the process ended before its work", Reason.INTERRUPTED)
    return dead


def running_message(store: Database, site: str, kind: str, holder: str = "") -> str:
    """The sentence for someone who came second; `holder` names the process that was first, where it is known."""
    query = select(RunRow.id, RunRow.started_at).where(
        RunRow.site == site, RunRow.kind == kind, RunRow.status == "running"
    )
    with store.read() as db:
        row = db.execute(query.order_by(RunRow.id.desc())).first()
    what = "crawled" if kind == "crawl" else "cleaned"
    if row is None:
        return f"{site}: is already being {what} by {holder or 'another process'}; let it finish"
    who = ", ".join(filter(None, (f"run {row.id}", holder)))
    return f"{site}: already being {what} since {row.started_at:%Y-%m-%d %H:%M} UTC ({who}); let it finish"
