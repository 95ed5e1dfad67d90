"""Reads of Runs, their ledgers, and the state of Sites, for the doors.

Promises frozen values and nothing but reading. `states` proves the ledgers: a Run whose counts are not the sums of its entries
is named.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from pipeline.core.models import Outcome, ResultStatus, UrlKind
from pipeline.store.db import site_counts
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CleanResultRow, LedgerEntryRow, PageRow, RunRow
from pipeline.store.db.sql import storable


@dataclass(frozen=True, slots=True)
class RunView:
    """One Run."""

    id: int
    site: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    status: str
    detail: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One URL's outcome in one Run; the fields are those of the view `ledger`."""

    run: int
    job: str
    site: str
    kind: str
    url: str
    outcome: str
    reason: str
    status: int | None
    bytes: int
    when: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class SiteState:
    """One Site at a glance."""

    site: str
    pages: int = 0
    stored: int = 0
    articles: int = 0
    due: int = 0
    last: dict[str, RunView] = field(default_factory=dict)  # by kind of Run
    unbalanced: tuple[int, ...] = ()  # Runs whose ledger does not add up


RUN = (
    RunRow.id,
    RunRow.site,
    RunRow.kind,
    RunRow.started_at,
    RunRow.finished_at,
    RunRow.status,
    RunRow.detail,
    RunRow.counts,
)


DUE = select(func.count()).where(
    PageRow.site == bindparam("site"),
    PageRow.kind == UrlKind.STORY,
    PageRow.due_at <= bindparam("now"),
)


def runs(store: Database, limit: int, site: str | None = None) -> tuple[RunView, ...]:
    """The newest Runs."""
    query = select(*RUN).order_by(RunRow.id.desc()).limit(limit)
    with store.read() as db:
        return tuple(
            RunView(*row) for row in db.execute(query.where(RunRow.site == site) if site else query)
        )


def run(store: Database, run_id: int) -> RunView | None:
    """One Run."""
    with store.read() as db:
        row = db.execute(select(*RUN).where(RunRow.id == run_id)).first()
    return RunView(*row) if row else None


def run_ledger(
    store: Database, run_id: int, outcome: str | None = None, limit: int = 1000
) -> tuple[LedgerLine, ...]:
    """The ledger of a Run, troubles and news before what is known."""
    query = (
        select(
            LedgerEntryRow.run_id, RunRow.kind, PageRow.site, PageRow.kind, PageRow.url, LedgerEntryRow.outcome, LedgerEntryRow.reason,
            LedgerEntryRow.status, LedgerEntryRow.bytes, LedgerEntryRow.at, LedgerEntryRow.detail,
        )
        .join(RunRow, RunRow.id == LedgerEntryRow.run_id)
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id == run_id)
        .order_by(LedgerEntryRow.outcome, LedgerEntryRow.reason, LedgerEntryRow.page_id)
        .limit(limit)
    )  # fmt: skip
    with store.read() as db:
        rows = db.execute(query.where(LedgerEntryRow.outcome == outcome) if outcome else query)
        return tuple(LedgerLine(*row) for row in rows)


def reasons(
    store: Database, run_id: int, kind: UrlKind | None = None
) -> dict[tuple[str, str], int]:
    """Entries of a Run by (outcome, reason)."""
    query = select(LedgerEntryRow.outcome, LedgerEntryRow.reason, func.count()).where(
        LedgerEntryRow.run_id == run_id
    )
    if kind is not None:
        query = query.join(PageRow, PageRow.id == LedgerEntryRow.page_id).where(
            PageRow.kind == kind
        )
    with store.read() as db:
        return {
            (row[0], row[1]): row[2]
            for row in db.execute(query.group_by(LedgerEntryRow.outcome, LedgerEntryRow.reason))
        }


def states(store: Database, now: datetime, site: str | None = None) -> tuple[SiteState, ...]:
    """Every Site of the archive at a glance, by name; or one alone, which costs that one."""
    newest = select(func.max(RunRow.id)).group_by(RunRow.site, RunRow.kind)
    if site is not None:
        newest = newest.where(RunRow.site == storable(site))
    last: dict[str, dict[str, RunView]] = defaultdict(dict)
    with store.read() as db:
        for row in db.execute(select(*RUN).where(RunRow.id.in_(newest))):
            last[row.site][row.kind] = RunView(*row)
        counts = site_counts.of(
            db, {name: _newest_if_over(kinds.values()) for name, kinds in last.items()}
        )
        due = {name: _due(db, name, now) for name in last}
        wrong = _unbalanced(db, [each.id for kinds in last.values() for each in kinds.values()])
    return tuple(
        SiteState(
            each,
            *counts.get(each, site_counts.Count()),
            due[each],
            kinds,
            tuple(run.id for run in kinds.values() if run.id in wrong),
        )
        for each, kinds in sorted(last.items())
    )


def _newest_if_over(runs: Collection[RunView]) -> int | None:
    return None if any(run.finished_at is None for run in runs) else max(run.id for run in runs)


def _due(db: Connection, site: str, now: datetime) -> int:
    """Stories that are due: an index has them."""
    return db.scalar(DUE, {"site": site, "now": now}) or 0


def sites(store: Database) -> tuple[str, ...]:
    """Ids of the Sites that the archive has Runs of."""
    with store.read() as db:
        return tuple(db.scalars(select(RunRow.site).distinct().order_by(RunRow.site)))


def struck(store: Database, run_id: int) -> dict[str, int]:
    """Blocks struck by each Rule in what stands of the Pages of a clean, most first."""
    query = (
        select(CleanResultRow.removed)
        .join(LedgerEntryRow, LedgerEntryRow.page_id == CleanResultRow.page_id)
        .join(
            PageRow,
            (PageRow.id == CleanResultRow.page_id)
            & (PageRow.payload_id == CleanResultRow.payload_id),
        )
        .where(LedgerEntryRow.run_id == run_id, CleanResultRow.status == ResultStatus.ACCEPTED)
    )
    rules: Counter[str] = Counter()
    with store.read() as db:
        for strikes in db.scalars(query):
            rules.update(rule for _, rule, _ in strikes)
    return dict(rules.most_common())


def pruned_at(store: Database, run_id: int) -> datetime | None:
    """When the ledger of a Run was let go of; None where it is there."""
    with store.read() as db:
        found: datetime | None = db.scalar(select(RunRow.pruned_at).where(RunRow.id == run_id))
    return found


def unbalanced(store: Database, run_ids: Sequence[int]) -> frozenset[int]:
    """Those of the Runs whose ledger does not add up."""
    with store.read() as db:
        return frozenset(_unbalanced(db, list(run_ids)))


def _unbalanced(db: Connection, run_ids: list[int]) -> set[int]:
    """Runs that are over and whose counts are not the sums of their entries, or that left an entry pending."""
    sums: dict[int, dict[str, int]] = defaultdict(dict)
    query = select(LedgerEntryRow.run_id, LedgerEntryRow.outcome, func.count()).where(
        LedgerEntryRow.run_id.in_(run_ids)
    )
    for run_id, outcome, number in db.execute(
        query.group_by(LedgerEntryRow.run_id, LedgerEntryRow.outcome)
    ):
        sums[run_id][outcome] = number
    over = db.execute(
        select(RunRow.id, RunRow.counts).where(
            RunRow.id.in_(run_ids), RunRow.finished_at.is_not(None), RunRow.pruned_at.is_(None)
        )
    )
    return {
        row.id
        for row in over
        if dict(row.counts) != sums[row.id] or Outcome.PENDING in sums[row.id]
    }
