"""The numbers of each night as rows, computed from the ledger and the results once a night is over.

A row follows from the ledger and can be computed again while that exists. Reading the past of a
site takes one query, however long its ledgers are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, and_, case, cast, func, or_, select

from pipeline.core.link_rules import TRAP_REASONS, may_be_story
from pipeline.core.models import LISTING_KINDS, Outcome, Reason, ResultStatus, UrlKind
from pipeline.monitoring.issues import IssueKind
from pipeline.monitoring.night_stats import Night, NightStats, SourceStats
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    CURRENT_PAYLOAD,
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ContainerRow,
    IssueRow,
    LedgerEntryRow,
    NightStatsRow,
    PageRow,
    RevisionRow,
    RunRow,
)
from pipeline.store.db.sql import upsert

VERSION = 1  # of the numbers; rows of another version are computed again
MAX_NIGHTS = 120  # nights that are read, and computed again
RUNS_PER_NIGHT = 3  # a crawl has about one clean, but more on a site with back-fills
MAX_SOURCES = 60
MAX_VALUES = 12  # reasons and charsets
TURNED_AWAY_STATUSES = (401, 403, 429, 451, 503)
REQUEST_OUTCOMES = (
    Outcome.FETCHED,
    Outcome.UNCHANGED,
    Outcome.REDIRECTED,
    Outcome.GONE,
    Outcome.FAILED,
)
EXTERNAL_DATE_SOURCES = ("", "feed", "sitemap", "url", "htmldate")  # not the page's own words
REPLACEMENT_CHARACTER = "\ufffd"

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _PendingNight:
    """A crawl whose row is to be computed.

    Attributes:
        run: The crawl.
        clean: Its last clean that is finished, or 0.
        next_crawl: The crawl after it, or 0.
    """

    run: int
    clean: int
    next_crawl: int


@dataclass(frozen=True, slots=True)
class _IssueTime:
    """When an issue was open: from its first night up to the first one without it."""

    kind: IssueKind
    since: datetime
    until: datetime


def compute_night_stats(database: Database, site: str) -> int:
    """Compute the rows of a site's newest nights that have none, or that a clean has added to.

    Returns:
        How many rows were computed.
    """
    with database.read() as db:
        nights = _pending_nights(db, site)
    for night in nights:
        with database.write() as db:
            stats = _night_stats(db, site, night)
            row = {
                "run_id": night.run,
                "clean_run_id": night.clean,
                "version": VERSION,
                "stats": stats.to_json(),
            }
            changed = ["clean_run_id", "version", "stats"]
            db.execute(upsert(db, NightStatsRow, ["run_id"], changed), row)
    return len(nights)


def load_nights(database: Database, site: str, limit: int = MAX_NIGHTS) -> tuple[Night, ...]:
    """Return the newest nights of a site, oldest first, each with its kinds of issues."""
    query = (
        select(
            RunRow.id,
            RunRow.site,
            RunRow.started_at,
            RunRow.status,
            RunRow.detail,
            NightStatsRow.stats,
        )
        .join(NightStatsRow, NightStatsRow.run_id == RunRow.id)
        .where(RunRow.site == site, RunRow.kind == "crawl")
        .order_by(RunRow.id.desc())
        .limit(limit)
    )
    with database.read() as db:
        rows = list(reversed(db.execute(query).all()))
        issue_times = _issue_times(db, site, rows[0].started_at) if rows else []
    nights: list[Night] = []
    for row in rows:
        kinds: set[str] = set()
        for issue in issue_times:
            if issue.since <= row.started_at < issue.until:
                kinds.add(issue.kind)
        nights.append(
            Night(
                run=row.id,
                site=row.site,
                started_at=row.started_at,
                status=row.status,
                stats=NightStats.from_json(row.stats),
                detail=row.detail,
                issue_kinds=frozenset(kinds),
            )
        )
    return tuple(nights)


def _issue_times(db: Connection, site: str, since: datetime) -> list[_IssueTime]:
    """When the issues of a site were open that nobody accepted."""
    query = select(IssueRow.kind, IssueRow.opened_at, IssueRow.closed_at).where(
        IssueRow.site == site,
        ~IssueRow.accepted,
        or_(IssueRow.closed_at.is_(None), IssueRow.closed_at >= since),
    )
    never = datetime.max.replace(tzinfo=since.tzinfo)
    times: list[_IssueTime] = []
    for row in db.execute(query):
        if row.kind in set(IssueKind):
            times.append(_IssueTime(IssueKind(row.kind), row.opened_at, row.closed_at or never))
    return times


def _pending_nights(db: Connection, site: str) -> list[_PendingNight]:
    """Finished crawls without a valid row, oldest first.

    Back-fills are left out, because no night could be compared with one.
    """
    query = (
        select(
            RunRow.id,
            RunRow.kind,
            RunRow.finished_at,
            RunRow.scope,
            RunRow.pruned_at,
            NightStatsRow.clean_run_id,
            NightStatsRow.version,
        )
        .outerjoin(NightStatsRow, NightStatsRow.run_id == RunRow.id)
        .where(RunRow.site == site, RunRow.kind.in_(("crawl", "clean")))
        .order_by(RunRow.id.desc())
        .limit(RUNS_PER_NIGHT * MAX_NIGHTS)
    )
    pending: list[_PendingNight] = []
    clean, next_crawl = 0, 0
    for row in db.execute(query).all():
        if row.kind == "clean":
            if row.finished_at:
                clean = max(clean, row.id)
            continue
        if _needs_stats(row, clean, next_crawl):
            pending.append(_PendingNight(row.id, clean, next_crawl))
        clean, next_crawl = 0, row.id
    return list(reversed(pending[:MAX_NIGHTS]))


def _needs_stats(crawl: AnyRow, clean: int, next_crawl: int) -> bool:
    # the numbers of a pruned ledger cannot be computed again, so they stay
    if not crawl.finished_at or crawl.scope or crawl.pruned_at:
        return False
    if crawl.version != VERSION:
        return True
    return bool(crawl.clean_run_id < clean and not next_crawl)


def _night_stats(db: Connection, site: str, night: _PendingNight) -> NightStats:
    run = night.run
    crawl_values = _crawl_values(db, run)
    story_values = _story_values(db, run)
    cleans = select(RunRow.counts).where(
        RunRow.site == site, RunRow.kind == "clean", RunRow.id > run
    )
    if night.next_crawl:
        cleans = cleans.where(RunRow.id < night.next_crawl)
    clean_counts: Counter[str] = Counter()
    for counts in db.scalars(cleans):
        clean_counts.update(counts)
    times = select(RunRow.started_at, RunRow.finished_at).where(RunRow.id == run)
    started_at, finished_at = db.execute(times).one()
    charsets = Counter({row[0]: row[1] for row in db.execute(_select_charsets(run))})
    in_new_layout = _count_in_new_containers(db, site, started_at)
    return NightStats(
        **crawl_values,
        **story_values,
        traps=_count_traps(db, run),
        revised=clean_counts[Outcome.REVISED],
        held=clean_counts[Outcome.HELD],
        in_new_layout=min(in_new_layout, story_values["articles"]),
        seconds=round((finished_at - started_at).total_seconds()) if finished_at else 0,
        charsets=dict(charsets.most_common(MAX_VALUES)),
        sources=_source_stats(db, run),
    )


def _crawl_values(db: Connection, run: int) -> dict[str, Any]:
    """What the ledger of a crawl says about its stories."""
    columns = (LedgerEntryRow.outcome, LedgerEntryRow.reason, LedgerEntryRow.status)
    query = (
        select(*columns, func.count(), func.sum(LedgerEntryRow.bytes))
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id == run, PageRow.kind == UrlKind.STORY)
        .group_by(*columns)
    )
    outcomes: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    new, turned_away, total_bytes = 0, 0, 0
    for outcome, reason, status, number, size in db.execute(query):
        outcomes[outcome] += number
        total_bytes += int(size or 0)
        if (outcome, reason) == (Outcome.FETCHED, Reason.NEW):
            new += number
        if outcome == Outcome.FAILED:
            failures[reason] += number
            if status in TURNED_AWAY_STATUSES:
                turned_away += number
    return {
        "seen": outcomes.total(),
        "known": outcomes[Outcome.KNOWN],
        "refused": outcomes[Outcome.REFUSED],
        "deferred": outcomes[Outcome.DEFERRED],
        "requested": sum(outcomes[outcome] for outcome in REQUEST_OUTCOMES),
        "new": new,
        "changed": outcomes[Outcome.FETCHED] - new,
        "unchanged": outcomes[Outcome.UNCHANGED],
        "redirected": outcomes[Outcome.REDIRECTED],
        "gone": outcomes[Outcome.GONE],
        "failed": outcomes[Outcome.FAILED],
        "turned_away": turned_away,
        "bytes": total_bytes,
        "failures": dict(failures.most_common(MAX_VALUES)),
        "median_ms": _median_answer_time(db, run),
    }


def _count_traps(db: Connection, run: int) -> int:
    query = (
        select(PageRow.url, PageRow.announced_title)
        .join(LedgerEntryRow, LedgerEntryRow.page_id == PageRow.id)
        .where(
            LedgerEntryRow.run_id == run,
            LedgerEntryRow.outcome == Outcome.REFUSED,
            LedgerEntryRow.reason.in_(TRAP_REASONS),
        )
    )
    return sum(may_be_story(url, title) for url, title in db.execute(query))


def _median_answer_time(db: Connection, run: int) -> int:
    query = select(LedgerEntryRow.elapsed_ms).where(
        LedgerEntryRow.run_id == run, LedgerEntryRow.elapsed_ms > 0
    )
    times = db.scalars(query.order_by(LedgerEntryRow.elapsed_ms)).all()
    return times[len(times) // 2] if times else 0


def _story_values(db: Connection, run: int) -> dict[str, Any]:
    """What became of the new stories, by the payloads that their pages have now."""
    rows = db.execute(_select_new_stories(run)).all()
    reasons: Counter[str] = Counter()
    word_counts: list[int] = []
    with_own_date, with_date, with_author, garbled, removed_blocks = 0, 0, 0, 0, 0
    for row in rows:
        if row.article is None:
            reasons[row.reason or row.outcome] += 1
            continue
        word_counts.append(row.word_count)
        garbled += row.garbled
        removed_blocks += len(row.removed)
        if row.authors != "[]":
            with_author += 1
        if row.published_at is not None:
            with_date += 1
            if row.published_source not in EXTERNAL_DATE_SOURCES:
                with_own_date += 1
    return {
        "cleaned": len(rows),
        "articles": len(word_counts),
        "with_own_date": with_own_date,
        "with_date": with_date,
        "with_author": with_author,
        "garbled": garbled,
        "median_words": round(median(word_counts)) if word_counts else 0,
        "removed_blocks": removed_blocks,
        "reasons": dict(reasons.most_common(MAX_VALUES)),
    }


def _select_new_stories(run: int) -> Select[*tuple[Any, ...]]:
    is_garbled = RevisionRow.text.contains(REPLACEMENT_CHARACTER)
    query: Select[*tuple[Any, ...]] = select(
        CleanResultRow.outcome,
        CleanResultRow.reason,
        CleanResultRow.removed,
        ArticleRow.page_id.label("article"),
        ArticleRow.published_at,
        ArticleRow.published_source,
        cast(ArticleRow.authors, Text).label("authors"),
        ArticleRow.word_count,
        case((is_garbled, 1), else_=0).label("garbled"),
    )
    is_accepted = and_(
        CleanResultRow.page_id == PageRow.id,
        CleanResultRow.payload_id == CURRENT_PAYLOAD,
        CleanResultRow.status == ResultStatus.ACCEPTED,
    )
    return (
        query.select_from(PageRow)
        .join(LedgerEntryRow, LedgerEntryRow.page_id == PageRow.id)
        .join(CleanResultRow, is_accepted)
        .outerjoin(ArticleRow, ArticleRow.page_id == PageRow.id)
        .outerjoin(RevisionRow, RevisionRow.id == ArticleRow.revision_id)
        .where(
            LedgerEntryRow.run_id == run,
            LedgerEntryRow.outcome == Outcome.FETCHED,
            LedgerEntryRow.reason == Reason.NEW,
            PageRow.kind == UrlKind.STORY,
        )
    )


def _count_in_new_containers(db: Connection, site: str, since: datetime) -> int:
    """Count stories with most of their text in containers that are new since that time."""
    query = select(func.sum(ContainerRow.main_pages)).where(
        ContainerRow.site == site, ContainerRow.first_main_at >= since
    )
    return int(db.scalar(query) or 0)


def _select_charsets(run: int) -> Select[str, int]:
    return (
        select(CaptureRow.charset, func.count())
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(
            CaptureRow.run_id == run,
            PageRow.kind == UrlKind.STORY,
            CaptureRow.payload_id.is_not(None),
        )
        .group_by(CaptureRow.charset)
    )


def _source_stats(db: Connection, run: int) -> tuple[SourceStats, ...]:
    query = (
        select(
            PageRow.url,
            PageRow.kind,
            LedgerEntryRow.outcome,
            LedgerEntryRow.reason,
            LedgerEntryRow.status,
            LedgerEntryRow.links,
        )
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id == run, PageRow.kind.in_(LISTING_KINDS))
        .order_by(PageRow.id)
        .limit(MAX_SOURCES)
    )
    sources: list[SourceStats] = []
    for row in db.execute(query):
        sources.append(
            SourceStats(
                url=row.url,
                kind=row.kind,
                outcome=row.outcome,
                reason=row.reason,
                status=row.status or 0,
                links=-1 if row.links is None else row.links,
            )
        )
    return tuple(sources)
