"""Nights in numbers: the last runs of each site, its stories and how fast it answered.

The costs depend on the number of runs and stories that are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median

from sqlalchemy import Text, cast, func, select

from pipeline.core.models import Outcome, Reason, UrlKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, LedgerEntryRow, PageRow, RunRow
from pipeline.store.db.sql import fetch_as
from pipeline.store.read.runs import RUN_COLUMNS, ReasonCounts, RunView, unbalanced_runs

MAX_TIMES = 60_000  # response times that are read, newest runs first
MAX_NEW_STORIES = 20_000  # new stories that are read, newest runs first
NIGHT_LENGTH = timedelta(hours=20)  # runs that began this long before the newest are of its night

StoryFigures = tuple[bool, bool, int]
"""Whether a story has a date, whether it has an author, and how many words it has."""
STORY_COLUMNS = (
    ArticleRow.published_at.is_not(None),
    cast(ArticleRow.authors, Text) != "[]",
    ArticleRow.word_count,
)


@dataclass(frozen=True, slots=True)
class LastNight:
    """The last crawl of a site in the newest night, and what its cleans since then did.

    Attributes:
        site: The site.
        runs: The crawl and the first clean after it, by kind.
        stories: The stories of the crawl by (outcome, reason).
        archived: Articles that the cleans since that crawl made for the first time.
        unbalanced: Ids of runs whose ledger does not add up.
    """

    site: str
    runs: dict[str, RunView]
    stories: ReasonCounts
    archived: int
    unbalanced: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoryStats:
    """Some stories of a site in numbers: how many have a date, how many an author."""

    stories: int = 0
    with_date: int = 0
    with_author: int = 0
    median_words: int = 0


@dataclass(frozen=True, slots=True)
class CrawlStats:
    """One crawl of a site in numbers.

    Attributes:
        run: The crawl.
        stories: Its stories by (outcome, reason).
        responses: Responses whose time was measured.
        median_ms: Their median time in milliseconds.
        p90_ms: Their 90th percentile in milliseconds.
        story_stats: The stories that were new.
    """

    run: RunView
    stories: ReasonCounts = field(default_factory=dict)
    responses: int = 0
    median_ms: int = 0
    p90_ms: int = 0
    story_stats: StoryStats = StoryStats()


def last_nights(database: Database) -> tuple[LastNight, ...]:
    """Return the sites that were crawled in the newest night, by name.

    Args:
        database: The archive.

    Returns:
        One entry for each site, with its newest crawl and the cleans after it.
    """
    with database.read() as db:
        newest = db.scalar(select(func.max(RunRow.started_at)).where(RunRow.kind == "crawl"))
        if newest is None:
            return ()
        query = (
            select(*RUN_COLUMNS)
            .where(RunRow.kind.in_(("crawl", "clean")), RunRow.started_at > newest - NIGHT_LENGTH)
            .order_by(RunRow.id)
        )
        runs_by_site = _last_crawls(fetch_as(db, query, RunView))
    crawl_ids: list[int] = []
    run_ids: list[int] = []
    for runs in runs_by_site.values():
        crawl_ids.append(runs[0].id)
        run_ids += [run.id for run in runs]
    stories = _stories_by_run(database, crawl_ids)
    unbalanced = unbalanced_runs(database, run_ids)
    nights: list[LastNight] = []
    for site, runs in sorted(runs_by_site.items()):
        nights.append(_last_night(site, runs, stories.get(runs[0].id, {}), unbalanced))
    return tuple(nights)


def _last_crawls(runs: Sequence[RunView]) -> dict[str, list[RunView]]:
    """The last crawl of each site, and the cleans after it."""
    runs_by_site: dict[str, list[RunView]] = {}
    for run in runs:
        if run.kind == "crawl":
            runs_by_site[run.site] = [run]
        elif run.site in runs_by_site:
            runs_by_site[run.site].append(run)
    return runs_by_site


def _last_night(
    site: str, runs: Sequence[RunView], stories: ReasonCounts, unbalanced: frozenset[int]
) -> LastNight:
    crawl, *cleans = runs
    by_kind: dict[str, RunView] = {}
    if cleans:
        by_kind[cleans[0].kind] = cleans[0]
    by_kind[crawl.kind] = crawl
    return LastNight(
        site=site,
        runs=by_kind,
        stories=stories,
        archived=sum(clean.counts.get(Outcome.ARCHIVED, 0) for clean in cleans),
        unbalanced=tuple(run.id for run in runs if run.id in unbalanced),
    )


def list_crawl_stats(database: Database, site: str, limit: int) -> tuple[CrawlStats, ...]:
    """List the newest crawls of a site, oldest first.

    Args:
        database: The archive.
        site: The id of the site.
        limit: The most crawls to return.

    Returns:
        The figures of each crawl.
    """
    query = (
        select(*RUN_COLUMNS)
        .where(RunRow.site == site, RunRow.kind == "crawl")
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
        .limit(limit)
    )
    with database.read() as db:
        runs = fetch_as(db, query, RunView)[::-1]
    run_ids = [run.id for run in runs]
    stories = _stories_by_run(database, run_ids)
    times = _times_by_run(database, run_ids)
    new_stories = _new_stories_by_run(database, run_ids)
    stats: list[CrawlStats] = []
    for run in runs:
        story_stats = _story_stats(new_stories.get(run.id, ()))
        run_stories = stories.get(run.id, {})
        stats.append(_crawl_stats(run, run_stories, times.get(run.id, ()), story_stats))
    return tuple(stats)


def _crawl_stats(
    run: RunView, stories: ReasonCounts, times: Sequence[int], story_stats: StoryStats
) -> CrawlStats:
    if not times:
        return CrawlStats(run, stories, story_stats=story_stats)
    times = sorted(times)
    slow_ms = times[min(len(times) - 1, len(times) * 9 // 10)]
    return CrawlStats(run, stories, len(times), round(median(times)), slow_ms, story_stats)


def _stories_by_run(database: Database, runs: Sequence[int]) -> Mapping[int, ReasonCounts]:
    columns = (LedgerEntryRow.run_id, LedgerEntryRow.outcome, LedgerEntryRow.reason)
    query = (
        select(*columns, func.count())
        .join(PageRow, PageRow.id == LedgerEntryRow.page_id)
        .where(LedgerEntryRow.run_id.in_(runs), PageRow.kind == UrlKind.STORY)
        .group_by(*columns)
    )
    counts: dict[int, ReasonCounts] = defaultdict(dict)
    with database.read() as db:
        for run, outcome, reason, number in db.execute(query):
            counts[run][outcome, reason] = number
    return counts


def _times_by_run(database: Database, runs: Sequence[int]) -> Mapping[int, Sequence[int]]:
    query = (
        select(LedgerEntryRow.run_id, LedgerEntryRow.elapsed_ms)
        .where(LedgerEntryRow.run_id.in_(runs), LedgerEntryRow.elapsed_ms > 0)
        .order_by(LedgerEntryRow.run_id.desc())
        .limit(MAX_TIMES)
    )
    times: dict[int, list[int]] = defaultdict(list)
    with database.read() as db:
        for run, elapsed_ms in db.execute(query):
            times[run].append(elapsed_ms)
    return times


def _new_stories_by_run(
    database: Database, runs: Sequence[int]
) -> Mapping[int, Sequence[StoryFigures]]:
    """The stories that were new in each run and are articles."""
    query = (
        select(LedgerEntryRow.run_id, *STORY_COLUMNS)
        .join(ArticleRow, ArticleRow.page_id == LedgerEntryRow.page_id)
        .where(
            LedgerEntryRow.run_id.in_(runs),
            LedgerEntryRow.outcome == Outcome.FETCHED,
            LedgerEntryRow.reason == Reason.NEW,
        )
        .order_by(LedgerEntryRow.run_id.desc())
        .limit(MAX_NEW_STORIES)
    )
    stories: dict[int, list[StoryFigures]] = defaultdict(list)
    with database.read() as db:
        for run, has_date, has_author, words in db.execute(query):
            stories[run].append((has_date, has_author, words))
    return stories


def sample_story_stats(database: Database, site: str, limit: int) -> StoryStats:
    """Return the numbers of the stories of a site that were found last, at most `limit`.

    Args:
        database: The archive.
        site: The id of the site.
        limit: The most stories to look at.

    Returns:
        Shares and medians over these stories.
    """
    query = (
        select(*STORY_COLUMNS)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(PageRow.site == site, PageRow.payload_id.is_not(None))
        .order_by(PageRow.id.desc())
        .limit(limit)
    )
    stories: list[StoryFigures] = []
    with database.read() as db:
        for has_date, has_author, words in db.execute(query):
            stories.append((has_date, has_author, words))
    return _story_stats(stories)


def _story_stats(stories: Sequence[StoryFigures]) -> StoryStats:
    if not stories:
        return StoryStats()
    with_date, with_author = 0, 0
    word_counts: list[int] = []
    for has_date, has_author, words in stories:
        with_date += bool(has_date)
        with_author += bool(has_author)
        word_counts.append(words)
    return StoryStats(len(stories), with_date, with_author, round(median(word_counts)))
