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

from pipeline.model import Kind, Outcome, Standing
from pipeline.store import tallies
from pipeline.store.engine import Store
from pipeline.store.schema import Extraction, LedgerEntry, Page, Run
from pipeline.store.sql import storable


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


RUN = (Run.id, Run.site, Run.kind, Run.started_at, Run.finished_at, Run.status, Run.detail, Run.counts)


DUE = select(func.count()).where(Page.site == bindparam("site"), Page.kind == Kind.STORY, Page.due_at <= bindparam("now"))


def runs(store: Store, limit: int, site: str | None = None) -> tuple[RunView, ...]:
    """The newest Runs."""
    query = select(*RUN).order_by(Run.id.desc()).limit(limit)
    with store.read() as db:
        return tuple(RunView(*row) for row in db.execute(query.where(Run.site == site) if site else query))


def run(store: Store, run_id: int) -> RunView | None:
    """One Run."""
    with store.read() as db:
        row = db.execute(select(*RUN).where(Run.id == run_id)).first()
    return RunView(*row) if row else None


def run_ledger(store: Store, run_id: int, outcome: str | None = None, limit: int = 1000) -> tuple[LedgerLine, ...]:
    """The ledger of a Run, troubles and news before what is known."""
    query = (
        select(
            LedgerEntry.run_id, Run.kind, Page.site, Page.kind, Page.url, LedgerEntry.outcome, LedgerEntry.reason,
            LedgerEntry.status, LedgerEntry.bytes, LedgerEntry.at, LedgerEntry.detail,
        )
        .join(Run, Run.id == LedgerEntry.run_id)
        .join(Page, Page.id == LedgerEntry.page_id)
        .where(LedgerEntry.run_id == run_id)
        .order_by(LedgerEntry.outcome, LedgerEntry.reason, LedgerEntry.page_id)
        .limit(limit)
    )  # fmt: skip
    with store.read() as db:
        rows = db.execute(query.where(LedgerEntry.outcome == outcome) if outcome else query)
        return tuple(LedgerLine(*row) for row in rows)


def reasons(store: Store, run_id: int, kind: Kind | None = None) -> dict[tuple[str, str], int]:
    """Entries of a Run by (outcome, reason)."""
    query = select(LedgerEntry.outcome, LedgerEntry.reason, func.count()).where(LedgerEntry.run_id == run_id)
    if kind is not None:
        query = query.join(Page, Page.id == LedgerEntry.page_id).where(Page.kind == kind)
    with store.read() as db:
        return {(row[0], row[1]): row[2] for row in db.execute(query.group_by(LedgerEntry.outcome, LedgerEntry.reason))}


def states(store: Store, now: datetime, site: str | None = None) -> tuple[SiteState, ...]:
    """Every Site of the archive at a glance, by name; or one alone, which costs that one."""
    newest = select(func.max(Run.id)).group_by(Run.site, Run.kind)
    if site is not None:
        newest = newest.where(Run.site == storable(site))
    last: dict[str, dict[str, RunView]] = defaultdict(dict)
    with store.read() as db:
        for row in db.execute(select(*RUN).where(Run.id.in_(newest))):
            last[row.site][row.kind] = RunView(*row)
        counts = tallies.of(db, {name: _newest_if_over(kinds.values()) for name, kinds in last.items()})
        due = {name: _due(db, name, now) for name in last}
        wrong = _unbalanced(db, [each.id for kinds in last.values() for each in kinds.values()])
    return tuple(
        SiteState(
            each,
            *counts.get(each, tallies.Count()),
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


def sites(store: Store) -> tuple[str, ...]:
    """Ids of the Sites that the archive has Runs of."""
    with store.read() as db:
        return tuple(db.scalars(select(Run.site).distinct().order_by(Run.site)))


def struck(store: Store, run_id: int) -> dict[str, int]:
    """Blocks struck by each Rule in what stands of the Pages of a clean, most first."""
    query = (
        select(Extraction.struck)
        .join(LedgerEntry, LedgerEntry.page_id == Extraction.page_id)
        .join(Page, (Page.id == Extraction.page_id) & (Page.payload_id == Extraction.payload_id))
        .where(LedgerEntry.run_id == run_id, Extraction.verdict == Standing.ACCEPTED)
    )
    rules: Counter[str] = Counter()
    with store.read() as db:
        for strikes in db.scalars(query):
            rules.update(rule for _, rule, _ in strikes)
    return dict(rules.most_common())


def pruned_at(store: Store, run_id: int) -> datetime | None:
    """When the ledger of a Run was let go of; None where it is there."""
    with store.read() as db:
        found: datetime | None = db.scalar(select(Run.pruned_at).where(Run.id == run_id))
    return found


def unbalanced(store: Store, run_ids: Sequence[int]) -> frozenset[int]:
    """Those of the Runs whose ledger does not add up."""
    with store.read() as db:
        return frozenset(_unbalanced(db, list(run_ids)))


def _unbalanced(db: Connection, run_ids: list[int]) -> set[int]:
    """Runs that are over and whose counts are not the sums of their entries, or that left an entry pending."""
    sums: dict[int, dict[str, int]] = defaultdict(dict)
    query = select(LedgerEntry.run_id, LedgerEntry.outcome, func.count()).where(LedgerEntry.run_id.in_(run_ids))
    for run_id, outcome, number in db.execute(query.group_by(LedgerEntry.run_id, LedgerEntry.outcome)):
        sums[run_id][outcome] = number
    over = db.execute(
        select(Run.id, Run.counts).where(Run.id.in_(run_ids), Run.finished_at.is_not(None), Run.pruned_at.is_(None))
    )
    return {row.id for row in over if dict(row.counts) != sums[row.id] or Outcome.PENDING in sums[row.id]}
