"""The numbers of each night as rows, computed from the ledger and the results once a night is over.

A row follows from the ledger and can be computed again while that exists. Reading the past of a
site takes one query, however long its ledgers are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night, NightStats
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import IssueRow, NightStatsRow, RunRow
from pipeline.store.db.sql import chunks, upsert
from pipeline.store.monitoring.night_counts import PendingNight, count_nights

VERSION = 1  # of the numbers; rows of another version are computed again
MAX_NIGHTS = 120  # nights that are read, and computed again
RUNS_PER_NIGHT = 3  # a crawl has about one clean, but more on a site with back-fills
NIGHTS_PER_WRITE = 50

AnyRow = Row[*tuple[Any, ...]]
NIGHT_COLUMNS = (
    RunRow.id,
    RunRow.site,
    RunRow.started_at,
    RunRow.status,
    RunRow.detail,
    NightStatsRow.stats,
)


@dataclass(frozen=True, slots=True)
class _IssueTime:
    """When an issue was open: from its first night up to the first one without it."""

    kind: IssueKind
    since: datetime
    until: datetime


def compute_night_stats(database: Database, sites: Sequence[str]) -> int:
    """Compute the rows of the newest nights that have none, or that a clean has added to.

    Args:
        database: The archive.
        sites: The ids of the sites.

    Returns:
        How many rows were computed.
    """
    with database.read() as db:
        nights = _pending_nights(db, sites)
    for batch in chunks(nights, NIGHTS_PER_WRITE):
        with database.write() as db:
            rows = []
            for night, stats in zip(batch, count_nights(db, batch), strict=True):
                row = {"run_id": night.run, "clean_run_id": night.clean, "version": VERSION}
                rows.append(row | {"stats": stats.to_json()})
            changed = ["clean_run_id", "version", "stats"]
            db.execute(upsert(db, NightStatsRow, ["run_id"], changed), rows)
    return len(nights)


def load_nights(database: Database, site: str, limit: int = MAX_NIGHTS) -> tuple[Night, ...]:
    """Return the newest nights of a site, oldest first, each with its kinds of issues."""
    return nights_by_site(database, (site,), limit).get(site, ())


def nights_by_site(
    database: Database, sites: Collection[str], limit: int = MAX_NIGHTS
) -> dict[str, tuple[Night, ...]]:
    """Return the newest nights of sites, oldest first, each with its kinds of issues.

    Args:
        database: The archive.
        sites: The ids of the sites.
        limit: Nights of a site, at most.
    """
    place = func.row_number().over(partition_by=RunRow.site, order_by=RunRow.id.desc())
    newest = (
        select(RunRow.id, place.label("place"))
        .join(NightStatsRow, NightStatsRow.run_id == RunRow.id)
        .where(RunRow.site.in_(sites), RunRow.kind == "crawl")
        .subquery()
    )
    query = (
        select(*NIGHT_COLUMNS)
        .join(NightStatsRow, NightStatsRow.run_id == RunRow.id)
        .join(newest, newest.c.id == RunRow.id)
        .where(newest.c.place <= limit)
        .order_by(RunRow.id)
    )
    nights: dict[str, list[Night]] = defaultdict(list)
    with database.read() as db:
        rows = db.execute(query).all()
        if not rows:
            return {}
        since = min(row.started_at for row in rows)
        issue_times = _issue_times(db, sites, since)
    for row in rows:
        nights[row.site].append(_night(row, issue_times[row.site]))
    return {site: tuple(of_site) for site, of_site in nights.items()}


def _night(row: AnyRow, issue_times: Sequence[_IssueTime]) -> Night:
    kinds: set[str] = set()
    for issue in issue_times:
        if issue.since <= row.started_at < issue.until:
            kinds.add(issue.kind)
    return Night(
        run=row.id,
        site=row.site,
        started_at=row.started_at,
        status=row.status,
        stats=NightStats.from_json(row.stats),
        detail=row.detail,
        issue_kinds=frozenset(kinds),
    )


def _issue_times(
    db: Connection, sites: Collection[str], since: datetime
) -> dict[str, list[_IssueTime]]:
    """When the issues of sites were open that nobody accepted."""
    query = select(IssueRow.site, IssueRow.kind, IssueRow.opened_at, IssueRow.closed_at).where(
        IssueRow.site.in_(sites),
        ~IssueRow.accepted,
        or_(IssueRow.closed_at.is_(None), IssueRow.closed_at >= since),
    )
    never = datetime.max.replace(tzinfo=since.tzinfo)
    times: dict[str, list[_IssueTime]] = defaultdict(list)
    for row in db.execute(query):
        if row.kind in set(IssueKind):
            time = _IssueTime(IssueKind(row.kind), row.opened_at, row.closed_at or never)
            times[row.site].append(time)
    return times


def _pending_nights(db: Connection, sites: Sequence[str]) -> list[PendingNight]:
    """Finished crawls without a valid row, oldest first.

    Back-fills are left out, because no night could be compared with one. Of most sites only the
    newest crawl has no row. The nights of the others are looked at one by one.
    """
    newest = _newest_runs(db, sites, "crawl")
    cleans = _newest_runs(db, sites, "clean")
    without_row = (
        select(RunRow.site, RunRow.id)
        .outerjoin(NightStatsRow, NightStatsRow.run_id == RunRow.id)
        .where(
            RunRow.site.in_(sites),
            RunRow.kind == "crawl",
            RunRow.finished_at.is_not(None),
            RunRow.scope == "",
            RunRow.pruned_at.is_(None),
            or_(NightStatsRow.version.is_(None), NightStatsRow.version != VERSION),
        )
    )
    several: set[str] = set()
    for site, run in db.execute(without_row):
        if run != newest.get(site):
            several.add(site)
    pending: list[PendingNight] = []
    for row in db.execute(_select_crawls().where(RunRow.id.in_(newest.values()))).all():
        clean = cleans.get(row.site, 0)
        clean = clean if clean > row.id else 0
        if row.site not in several and _needs_stats(row, clean, 0):
            pending.append(PendingNight(row.id, row.site, clean, 0))
    for site in sorted(several):
        pending += _pending_nights_of(db, site)
    return sorted(pending, key=lambda night: night.run)


def _newest_runs(db: Connection, sites: Collection[str], kind: str) -> dict[str, int]:
    """The newest crawl, or the newest finished clean, of each site."""
    query = (
        select(RunRow.site, func.max(RunRow.id))
        .where(RunRow.site.in_(sites), RunRow.kind == kind)
        .group_by(RunRow.site)
    )
    if kind == "clean":
        query = query.where(RunRow.finished_at.is_not(None))
    return {row[0]: row[1] for row in db.execute(query)}


def _select_crawls() -> Any:
    return select(
        RunRow.id,
        RunRow.site,
        RunRow.kind,
        RunRow.finished_at,
        RunRow.scope,
        RunRow.pruned_at,
        NightStatsRow.clean_run_id,
        NightStatsRow.version,
    ).outerjoin(NightStatsRow, NightStatsRow.run_id == RunRow.id)


def _pending_nights_of(db: Connection, site: str) -> list[PendingNight]:
    query = (
        _select_crawls()
        .where(RunRow.site == site, RunRow.kind.in_(("crawl", "clean")))
        .order_by(RunRow.id.desc())
        .limit(RUNS_PER_NIGHT * MAX_NIGHTS)
    )
    pending: list[PendingNight] = []
    clean, next_crawl = 0, 0
    for row in db.execute(query).all():
        if row.kind == "clean":
            if row.finished_at:
                clean = max(clean, row.id)
            continue
        if _needs_stats(row, clean, next_crawl):
            pending.append(PendingNight(row.id, site, clean, next_crawl))
        clean, next_crawl = 0, row.id
    return pending[:MAX_NIGHTS]


def _needs_stats(crawl: AnyRow, clean: int, next_crawl: int) -> bool:
    # the numbers of a pruned ledger cannot be computed again, so they stay
    if not crawl.finished_at or crawl.scope or crawl.pruned_at:
        return False
    if crawl.version != VERSION:
        return True
    return bool(crawl.clean_run_id < clean and not next_crawl)
