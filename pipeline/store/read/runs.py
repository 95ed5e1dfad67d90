"""Runs, their ledgers and the state of sites.

`site_statuses` also checks ledgers: it names each run whose counts are not the sums of its entries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, case, func, select

from pipeline.core.errors import NightdeskError
from pipeline.core.models import Outcome, ResultStatus, UrlKind
from pipeline.store.db import locks, site_counts
from pipeline.store.db.engine import Database
from pipeline.store.db.run_log import forgotten_counts
from pipeline.store.db.schema import (
    CURRENT_PAYLOAD,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    RunRow,
)
from pipeline.store.db.sql import fetch_as, storable

DIED = "the process ended before its work"
RECENT = timedelta(days=3)  # `recent_crawls` returns all crawls of this time

ReasonCounts = dict[tuple[str, str], int]  # (outcome, reason) → entries


IS_SHOWN = PageRow.hidden_at.is_(None)
# A hidden page keeps its entry, so that the ledger adds up, and loses its name.
SHOWN_URL = case((IS_SHOWN, PageRow.url), else_="").label("url")
SHOWN_DETAIL = case((IS_SHOWN, LedgerEntryRow.detail), else_="").label("detail")


@dataclass(frozen=True, slots=True)
class RunView:
    """One run."""

    id: int
    site: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    status: str
    detail: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class RunLogEntry:
    """The outcome of one URL in one run. The fields are the columns of the SQL view `ledger`."""

    run: int
    run_kind: str
    site: str
    kind: str
    url: str
    outcome: str
    reason: str
    status: int | None
    bytes: int
    at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class LedgerEntryView:
    """The outcome of one page in a run that the caller knows."""

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


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """One site at a glance."""

    site: str
    pages: int = 0
    stored: int = 0
    articles: int = 0
    due: int = 0
    last: dict[str, RunView] = field(default_factory=dict)  # the newest run of each kind
    unbalanced: tuple[int, ...] = ()  # runs whose ledger does not add up


RUN_COLUMNS = (
    RunRow.id,
    RunRow.site,
    RunRow.kind,
    RunRow.started_at,
    RunRow.finished_at,
    RunRow.status,
    RunRow.detail,
    RunRow.counts,
)
DUE_STORIES = select(func.count()).where(
    PageRow.site == bindparam("site"),
    PageRow.kind == UrlKind.STORY,
    PageRow.due_at <= bindparam("now"),
)


def list_runs(
    database: Database, limit: int, site: str | None = None, *, before: int | None = None
) -> tuple[RunView, ...]:
    """List the newest runs, newest first.

    Args:
        limit: The largest number of runs to return.
        site: Only runs of this site. None or "" means all sites.
        before: Only runs with a smaller id. This is how to ask for the next page.
    """
    query = select(*RUN_COLUMNS).order_by(RunRow.id.desc()).limit(limit)
    if site:
        query = query.where(RunRow.site == site)
    if before is not None:
        query = query.where(RunRow.id < before)
    with database.read() as db:
        runs = fetch_as(db, query, RunView)
    return tuple(as_it_is_now(database, run) for run in runs)


def as_it_is_now(database: Database, run: RunView) -> RunView:
    """Return a run whose process has died as interrupted, although nothing has closed it yet.

    Such a run is left from a kill, or comes with a backup that was made during it.

    Args:
        database: The archive.
        run: A run as its row says.

    Returns:
        The run with the status `interrupted`, or the same run.
    """
    if run.status != "running" or not has_died(database, run.kind, run.site):
        return run
    return replace(run, status="interrupted", detail=DIED)


def has_died(database: Database, kind: str, site: str) -> bool:
    """Return whether no process works on an open run.

    Args:
        database: The archive.
        kind: The kind of the run.
        site: The site of the run.
    """
    action = "crawl" if kind in ("crawl", "discover") else "clean"
    try:
        locks.acquire(database, f"{action}:{site}").release()
    except NightdeskError:  # another process holds it, or this archive cannot be locked
        return False
    return True


def get_run(database: Database, run_id: int) -> RunView | None:
    """Return one run, or None if there is no such run."""
    with database.read() as db:
        row = db.execute(select(*RUN_COLUMNS).where(RunRow.id == run_id)).first()
    return as_it_is_now(database, RunView(*row)) if row else None


def recent_crawls(
    database: Database, now: datetime, site: str | None = None
) -> dict[str, list[tuple[datetime, str]]]:
    """Return when each site was crawled lately. Back-fills are left out.

    Args:
        now: The current time.
        site: Only this site.

    Returns:
        The starts and statuses of the crawls of the last three days by site, oldest first. A site
        without such a crawl has its newest one.
    """
    nightly = [RunRow.kind == "crawl", RunRow.scope == ""]
    if site is not None:
        nightly.append(RunRow.site == site)
    newest = (
        select(RunRow.site, func.max(RunRow.started_at).label("at"))
        .where(*nightly)
        .group_by(RunRow.site)
        .subquery()
    )
    columns = (RunRow.site, RunRow.started_at, RunRow.status)
    recent_query = select(*columns).where(*nightly, RunRow.started_at > now - RECENT)
    newest_query = (
        select(*columns)
        .join(newest, (newest.c.site == RunRow.site) & (newest.c.at == RunRow.started_at))
        .where(*nightly)
    )
    crawls: set[tuple[str, datetime, str]] = set()
    with database.read() as db:
        for query in (recent_query, newest_query):
            for name, started_at, status in db.execute(query):
                crawls.add((name, started_at, status))
    crawls_by_site: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for name, started_at, status in sorted(crawls):
        crawls_by_site[name].append((started_at, status))
    return dict(crawls_by_site)


def run_log(
    database: Database, run_id: int, outcome: str | None = None, limit: int = 1000
) -> tuple[RunLogEntry, ...]:
    """Return the ledger of a run, ordered by outcome and reason.

    Args:
        outcome: Only entries with this outcome.
        limit: The largest number of entries to return.
    """
    query: Select[*tuple[Any, ...]] = select(
        LedgerEntryRow.run_id,
        RunRow.kind,
        PageRow.site,
        PageRow.kind,
        SHOWN_URL,
        LedgerEntryRow.outcome,
        LedgerEntryRow.reason,
        LedgerEntryRow.status,
        LedgerEntryRow.bytes,
        LedgerEntryRow.at,
        SHOWN_DETAIL,
    )
    query = (
        query.join(RunRow, RunRow.id == LedgerEntryRow.run_id)
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id == run_id)
        .order_by(LedgerEntryRow.outcome, LedgerEntryRow.reason, LedgerEntryRow.page_id)
        .limit(limit)
    )
    if outcome:
        query = query.where(LedgerEntryRow.outcome == outcome)
    with database.read() as db:
        return fetch_as(db, query, RunLogEntry)


def list_outcomes(
    database: Database,
    run: int,
    limit: int,
    *,
    outcome: str = "",
    reason: str | None = None,
    url: str = "",
    after: int = 0,
) -> tuple[LedgerEntryView, ...]:
    """List entries of a run's ledger by page id. A later page of the list costs no more.

    Args:
        limit: The largest number of entries to return.
        outcome: Only entries with this outcome. "" means all.
        reason: Only entries with this reason. "" means entries without one, None means all.
        url: Only pages whose URL contains these letters.
        after: Only pages with a larger id. This is how to ask for the next page.
    """
    query: Select[*tuple[Any, ...]] = select(
        LedgerEntryRow.page_id,
        PageRow.kind,
        SHOWN_URL,
        LedgerEntryRow.outcome,
        LedgerEntryRow.reason,
        LedgerEntryRow.status,
        LedgerEntryRow.bytes,
        LedgerEntryRow.elapsed_ms,
        LedgerEntryRow.at,
        SHOWN_DETAIL,
    )
    query = query.join(PageRow, PageRow.id == LedgerEntryRow.page_id)
    query = query.where(LedgerEntryRow.run_id == run, LedgerEntryRow.page_id > after)
    if outcome:
        query = query.where(LedgerEntryRow.outcome == outcome)
    if reason is not None:
        query = query.where(LedgerEntryRow.reason == reason)
    if url:
        query = query.where(PageRow.url.icontains(storable(url), autoescape=True), IS_SHOWN)
    with database.read() as db:
        return fetch_as(db, query.order_by(LedgerEntryRow.page_id).limit(limit), LedgerEntryView)


def count_reasons(database: Database, run_id: int, kind: UrlKind | None = None) -> ReasonCounts:
    """Count the entries of a run by (outcome, reason).

    Args:
        kind: Only URLs of this kind.
    """
    return count_reasons_of_runs(database, (run_id,), kind).get(run_id, {})


def count_reasons_of_runs(
    database: Database, run_ids: Collection[int], kind: UrlKind | None = None
) -> dict[int, ReasonCounts]:
    """Count the entries of runs by (outcome, reason). A run without entries is left out.

    Args:
        kind: Only URLs of this kind.
    """
    columns = (LedgerEntryRow.run_id, LedgerEntryRow.outcome, LedgerEntryRow.reason)
    query = select(*columns, func.count()).where(LedgerEntryRow.run_id.in_(run_ids))
    if kind is not None:
        query = query.join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        query = query.where(PageRow.kind == kind)
    counts: dict[int, ReasonCounts] = defaultdict(dict)
    with database.read() as db:
        for run_id, outcome, reason, number in db.execute(query.group_by(*columns)):
            counts[run_id][outcome, reason] = number
    return counts


def removed_by_rule(database: Database, run_id: int) -> dict[str, int]:
    """Count the blocks that each rule removed from the pages of a clean, most first.

    It counts the results that are accepted now for the newest payload of each page.

    Args:
        database: The archive.
        run_id: The number of a clean.

    Returns:
        The numbers of blocks by the name of the rule.
    """
    query = (
        select(CleanResultRow.removed)
        .join(LedgerEntryRow, LedgerEntryRow.page_id == CleanResultRow.page_id)
        .join(
            PageRow,
            (PageRow.id == CleanResultRow.page_id) & (CleanResultRow.payload_id == CURRENT_PAYLOAD),
        )
        .where(LedgerEntryRow.run_id == run_id, CleanResultRow.status == ResultStatus.ACCEPTED)
    )
    rules: Counter[str] = Counter()
    with database.read() as db:
        for removed in db.scalars(query):
            rules.update(rule for _, rule, _ in removed)
    return dict(rules.most_common())


def ledger_pruned_at(database: Database, run_id: int) -> datetime | None:
    """Return when the ledger of a run was pruned, or None if it is complete."""
    with database.read() as db:
        pruned_at: datetime | None = db.scalar(select(RunRow.pruned_at).where(RunRow.id == run_id))
    return pruned_at


def unbalanced_runs(database: Database, run_ids: Sequence[int]) -> frozenset[int]:
    """Return those of the runs whose ledger does not add up."""
    with database.read() as db:
        return frozenset(_unbalanced(db, list(run_ids)))


def site_ids(database: Database) -> tuple[str, ...]:
    """Return the ids of the sites that have a run in the archive."""
    with database.read() as db:
        return tuple(db.scalars(select(RunRow.site).distinct().order_by(RunRow.site)))


def site_statuses(
    database: Database, now: datetime, site: str | None = None
) -> tuple[SiteStatus, ...]:
    """Return each site of the archive at a glance, by name.

    Args:
        now: The current time. It decides which stories are due.
        site: Only this site. The others then cost nothing.
    """
    newest = select(func.max(RunRow.id)).group_by(RunRow.site, RunRow.kind)
    if site is not None:
        newest = newest.where(RunRow.site == storable(site))
    runs_by_site: dict[str, dict[str, RunView]] = defaultdict(dict)
    with database.read() as db:
        for row in db.execute(select(*RUN_COLUMNS).where(RunRow.id.in_(newest))):
            runs_by_site[row.site][row.kind] = RunView(*row)
        run_ids: list[int] = []
        finished: dict[str, int | None] = {}
        for name, runs in runs_by_site.items():
            run_ids += [run.id for run in runs.values()]
            finished[name] = _newest_if_all_finished(runs.values())
        counts = site_counts.counts_by_site(db, finished)
        due = {name: _count_due(db, name, now) for name in runs_by_site}
        unbalanced = _unbalanced(db, run_ids)
    statuses: list[SiteStatus] = []
    for name, runs in sorted(runs_by_site.items()):
        of_site = tuple(run.id for run in runs.values() if run.id in unbalanced)
        count = counts.get(name, site_counts.SiteCounts())
        last = {kind: as_it_is_now(database, run) for kind, run in runs.items()}
        statuses.append(SiteStatus(name, *count, due[name], last, of_site))
    return tuple(statuses)


def _newest_if_all_finished(runs: Collection[RunView]) -> int | None:
    newest = 0
    for run in runs:
        if run.finished_at is None:
            return None
        newest = max(newest, run.id)
    return newest


def _count_due(db: Connection, site: str, now: datetime) -> int:
    """Count the stories that are due. An index answers this."""
    return db.scalar(DUE_STORIES, {"site": site, "now": now}) or 0


def _unbalanced(db: Connection, run_ids: list[int]) -> set[int]:
    """Find finished runs whose counts differ from their entries, or that have a pending entry."""
    sums: dict[int, dict[str, int]] = defaultdict(dict)
    query = select(LedgerEntryRow.run_id, LedgerEntryRow.outcome, func.count())
    query = query.where(LedgerEntryRow.run_id.in_(run_ids))
    grouped = query.group_by(LedgerEntryRow.run_id, LedgerEntryRow.outcome)
    for run_id, outcome, number in db.execute(grouped):
        sums[run_id][outcome] = number
    for run_id, forgotten in forgotten_counts(db, run_ids).items():
        for outcome, entries in forgotten.items():
            sums[run_id][outcome] = sums[run_id].get(outcome, 0) + entries
    finished = select(RunRow.id, RunRow.counts).where(
        RunRow.id.in_(run_ids), RunRow.finished_at.is_not(None), RunRow.pruned_at.is_(None)
    )
    return {row.id for row in db.execute(finished) if not _adds_up(row, sums[row.id])}


def _adds_up(run: Row[*tuple[Any, ...]], sums: dict[str, int]) -> bool:
    return dict(run.counts) == sums and Outcome.PENDING not in sums
