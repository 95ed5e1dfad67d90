"""Count what the ledgers and the results say about some nights, in a few queries for all of them.

A night of many sites is evaluated site by site in memory, but each query costs as much for one
night as for fifty.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Text, and_, case, cast, func, select

from pipeline.core.link_rules import TRAP_REASONS, may_be_story
from pipeline.core.models import LISTING_KINDS, Outcome, Reason, ResultStatus, UrlKind
from pipeline.monitoring.night_stats import NightStats, SourceStats
from pipeline.store.db.schema import (
    CURRENT_PAYLOAD,
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ContainerRow,
    LedgerEntryRow,
    PageRow,
    RevisionRow,
    RunRow,
)

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
RowsByRun = dict[int, list[AnyRow]]


@dataclass(frozen=True, slots=True)
class PendingNight:
    """A crawl whose row is to be computed.

    Attributes:
        run: The crawl.
        site: Its site.
        clean: Its last clean that is finished, or 0.
        next_crawl: The crawl after it, or 0.
    """

    run: int
    site: str
    clean: int
    next_crawl: int


class _CrawlTimes(NamedTuple):
    started_at: datetime
    finished_at: datetime | None


def count_nights(db: Connection, nights: Sequence[PendingNight]) -> list[NightStats]:
    """Return the numbers of nights, in their order.

    Args:
        db: A transaction.
        nights: The nights.
    """
    runs = [night.run for night in nights]
    times = _crawl_times(db, runs)
    crawl_rows = _by_run(db, _select_outcomes(runs))
    story_rows = _by_run(db, _select_new_stories(runs))
    median_times = _median_answer_times(db, runs)
    traps = _count_traps(db, runs)
    charsets = _by_run(db, _select_charsets(runs))
    sources = _by_run(db, _select_sources(runs))
    in_new_containers = _count_in_new_containers(db, runs)
    cleans = _cleans(db, nights)
    stats: list[NightStats] = []
    for night in nights:
        run, story_values = night.run, _story_values(story_rows[night.run])
        clean_counts = _clean_counts(cleans[night.site], night)
        charset_counts = Counter({row[1]: row[2] for row in charsets[run]})
        night_stats = NightStats(
            **_crawl_values(crawl_rows[run]),
            **story_values,
            median_ms=median_times.get(run, 0),
            traps=traps[run],
            revised=clean_counts[Outcome.REVISED],
            held=clean_counts[Outcome.HELD],
            in_new_layout=min(in_new_containers.get(run, 0), story_values["articles"]),
            seconds=_seconds(times[run]),
            charsets=dict(charset_counts.most_common(MAX_VALUES)),
            sources=_source_stats(sources[run]),
        )
        stats.append(night_stats)
    return stats


def _by_run(db: Connection, query: Select[*tuple[Any, ...]]) -> RowsByRun:
    """Group the rows of a query by their first column."""
    rows: RowsByRun = defaultdict(list)
    for row in db.execute(query):
        rows[row[0]].append(row)
    return rows


def _crawl_times(db: Connection, runs: Collection[int]) -> dict[int, _CrawlTimes]:
    query = select(RunRow.id, RunRow.started_at, RunRow.finished_at).where(RunRow.id.in_(runs))
    return {row.id: _CrawlTimes(row.started_at, row.finished_at) for row in db.execute(query)}


def _seconds(times: _CrawlTimes) -> int:
    if times.finished_at is None:
        return 0
    return round((times.finished_at - times.started_at).total_seconds())


def _cleans(db: Connection, nights: Sequence[PendingNight]) -> dict[str, list[AnyRow]]:
    """Return the cleans of the sites of nights since the first of these, by site."""
    query = select(RunRow.site, RunRow.id, RunRow.counts).where(
        RunRow.site.in_({night.site for night in nights}),
        RunRow.kind == "clean",
        RunRow.id > min(night.run for night in nights),
    )
    cleans: dict[str, list[AnyRow]] = defaultdict(list)
    for row in db.execute(query):
        cleans[row.site].append(row)
    return cleans


def _clean_counts(cleans: Sequence[AnyRow], night: PendingNight) -> Counter[str]:
    counts: Counter[str] = Counter()
    for clean in cleans:
        if clean.id > night.run and not (night.next_crawl and clean.id > night.next_crawl):
            counts.update(clean.counts)
    return counts


def _select_outcomes(runs: Collection[int]) -> Select[*tuple[Any, ...]]:
    columns = (
        LedgerEntryRow.run_id,
        LedgerEntryRow.outcome,
        LedgerEntryRow.reason,
        LedgerEntryRow.status,
    )
    return (
        select(*columns, func.count(), func.sum(LedgerEntryRow.bytes))
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id.in_(runs), PageRow.kind == UrlKind.STORY)
        .group_by(*columns)
    )


def _crawl_values(rows: Sequence[AnyRow]) -> dict[str, Any]:
    """What the ledger of a crawl says about its stories."""
    outcomes: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    new, turned_away, total_bytes = 0, 0, 0
    for _, outcome, reason, status, number, size in rows:
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
    }


def _count_traps(db: Connection, runs: Collection[int]) -> Counter[int]:
    query = (
        select(LedgerEntryRow.run_id, PageRow.url, PageRow.announced_title)
        .join(LedgerEntryRow, LedgerEntryRow.page_id == PageRow.id)
        .where(
            LedgerEntryRow.run_id.in_(runs),
            LedgerEntryRow.outcome == Outcome.REFUSED,
            LedgerEntryRow.reason.in_(TRAP_REASONS),
        )
    )
    traps: Counter[int] = Counter()
    for run, url, title in db.execute(query):
        traps[run] += may_be_story(url, title)
    return traps


def _median_answer_times(db: Connection, runs: Collection[int]) -> dict[int, int]:
    query = select(LedgerEntryRow.run_id, LedgerEntryRow.elapsed_ms).where(
        LedgerEntryRow.run_id.in_(runs), LedgerEntryRow.elapsed_ms > 0
    )
    times: dict[int, list[int]] = defaultdict(list)
    for run, elapsed_ms in db.execute(query.order_by(LedgerEntryRow.elapsed_ms)):
        times[run].append(elapsed_ms)
    return {run: values[len(values) // 2] for run, values in times.items()}


def _story_values(rows: Sequence[AnyRow]) -> dict[str, Any]:
    """What became of the new stories, by the payloads that their pages have now."""
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


def _select_new_stories(runs: Collection[int]) -> Select[*tuple[Any, ...]]:
    is_garbled = RevisionRow.text.contains(REPLACEMENT_CHARACTER)
    query: Select[*tuple[Any, ...]] = select(
        LedgerEntryRow.run_id,
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
            LedgerEntryRow.run_id.in_(runs),
            LedgerEntryRow.outcome == Outcome.FETCHED,
            LedgerEntryRow.reason == Reason.NEW,
            PageRow.kind == UrlKind.STORY,
        )
    )


def _count_in_new_containers(db: Connection, runs: Collection[int]) -> dict[int, int]:
    """Count stories with most of their text in containers that are new since a crawl began."""
    query = (
        select(RunRow.id, func.sum(ContainerRow.main_pages))
        .join(ContainerRow, ContainerRow.site == RunRow.site)
        .where(RunRow.id.in_(runs), ContainerRow.first_main_at >= RunRow.started_at)
        .group_by(RunRow.id)
    )
    return {run: int(pages or 0) for run, pages in db.execute(query)}


def _select_charsets(runs: Collection[int]) -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(CaptureRow.run_id, CaptureRow.charset, func.count())
    return (
        query.join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(
            CaptureRow.run_id.in_(runs),
            PageRow.kind == UrlKind.STORY,
            CaptureRow.payload_id.is_not(None),
        )
        .group_by(CaptureRow.run_id, CaptureRow.charset)
    )


def _select_sources(runs: Collection[int]) -> Select[*tuple[Any, ...]]:
    """Select the first sources of each run."""
    place = func.row_number().over(
        partition_by=LedgerEntryRow.run_id, order_by=LedgerEntryRow.page_id
    )
    of_run = (
        select(
            LedgerEntryRow.run_id,
            PageRow.url,
            PageRow.kind,
            LedgerEntryRow.outcome,
            LedgerEntryRow.reason,
            LedgerEntryRow.status,
            LedgerEntryRow.links,
            place.label("place"),
        )
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id.in_(runs), PageRow.kind.in_(LISTING_KINDS))
        .subquery()
    )
    return select(of_run).where(of_run.c.place <= MAX_SOURCES).order_by(of_run.c.place)


def _source_stats(rows: Sequence[AnyRow]) -> tuple[SourceStats, ...]:
    sources: list[SourceStats] = []
    for row in rows:
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
