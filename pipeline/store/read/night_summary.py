"""Nights in numbers: how each Site's last Runs went, what its nights brought, how fast it answered, what its stories are like.

Promises frozen values, nothing but reading, and costs that follow the number of Runs or stories asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median

from sqlalchemy import Text, cast, func, select

from pipeline.core.models import Outcome, UrlKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, LedgerEntryRow, PageRow, RunRow
from pipeline.store.read.runs import RUN_COLUMNS, RunView, unbalanced_runs

TIMED = 60_000  # response times that are looked at, newest Runs first
NIGHT = timedelta(hours=20)  # Runs that began so long before the newest are of the same night

LOOKED_AT = 20_000  # new stories whose likeness is, newest Runs first

Counts = dict[tuple[str, str], int]
Looks = tuple[bool, bool, int]  # whether a story has a date, an author; its words
LOOKS = (
    ArticleRow.published_at.is_not(None),
    cast(ArticleRow.authors, Text) != "[]",
    ArticleRow.word_count,
)


@dataclass(frozen=True, slots=True)
class LastNight:
    """The last crawl of a Site and the first clean behind it, in the night of the newest crawl."""

    site: str
    runs: dict[str, RunView]  # by kind
    stories: Counts  # of the crawl, by (outcome, reason)
    archived: int  # Articles that the cleans since that crawl made for the first time
    unbalanced: tuple[int, ...]  # Runs whose ledger does not add up


@dataclass(frozen=True, slots=True)
class StoryStats:
    """What some stories of a Site are like."""

    stories: int = 0
    with_date: int = 0
    with_author: int = 0
    median_words: int = 0


@dataclass(frozen=True, slots=True)
class CrawlStats:
    """One crawl of a Site: its stories by outcome, how fast the Site answered, and what those are like that were new."""

    run: RunView
    stories: Counts = field(default_factory=dict)
    responses: int = 0  # that were timed
    median_ms: int = 0
    p90_ms: int = 0  # nine of ten answers were no slower
    story_stats: StoryStats = StoryStats()


def last_nights(store: Database) -> tuple[LastNight, ...]:
    """The Sites that the newest night was about."""
    with store.read() as db:
        newest = db.scalar(select(func.max(RunRow.started_at)).where(RunRow.kind == "crawl"))
        since = newest - NIGHT if newest is not None else None
        query = select(*RUN_COLUMNS).where(RunRow.kind.in_(("crawl", "clean"))).order_by(RunRow.id)
        found = (
            [RunView(*row) for row in db.execute(query.where(RunRow.started_at > since))]
            if since is not None
            else []
        )
    sites: dict[str, list[RunView]] = defaultdict(list)
    for each in found:
        if each.kind == "crawl":
            sites[each.site] = [each]
        elif sites.get(each.site):
            sites[each.site].append(each)
    numbers = [each.id for runs in sites.values() for each in runs]
    stories, wrong = (
        _stories(store, [runs[0].id for runs in sites.values() if runs]),
        unbalanced_runs(store, numbers),
    )
    return tuple(
        _last(site, runs, stories.get(runs[0].id, {}), wrong)
        for site, runs in sorted(sites.items())
        if runs
    )


def _last(site: str, runs: Sequence[RunView], stories: Counts, wrong: frozenset[int]) -> LastNight:
    """A crawl, and the cleans since it began."""
    archived = sum(each.counts.get(Outcome.ARCHIVED, 0) for each in runs[1:])
    by_kind = {each.kind: each for each in (*runs[1:2], runs[0])}
    return LastNight(
        site, by_kind, stories, archived, tuple(each.id for each in runs if each.id in wrong)
    )


def list_crawl_stats(store: Database, site: str, limit: int) -> tuple[CrawlStats, ...]:
    """The newest crawls of a Site, oldest first."""
    query = (
        select(*RUN_COLUMNS)
        .where(RunRow.site == site, RunRow.kind == "crawl")
        .order_by(RunRow.started_at.desc(), RunRow.id.desc())
    )
    with store.read() as db:
        runs = [RunView(*row) for row in db.execute(query.limit(limit))][::-1]
    numbers = [each.id for each in runs]
    stories, times, likeness = (
        _stories(store, numbers),
        _times(store, numbers),
        _new(store, numbers),
    )
    return tuple(
        _crawl(
            each,
            stories.get(each.id, {}),
            sorted(times.get(each.id, ())),
            _like(likeness.get(each.id, ())),
        )
        for each in runs
    )


def _crawl(run: RunView, stories: Counts, times: Sequence[int], likeness: StoryStats) -> CrawlStats:
    if not times:
        return CrawlStats(run, stories, story_stats=likeness)
    slow = times[min(len(times) - 1, len(times) * 9 // 10)]
    return CrawlStats(run, stories, len(times), round(median(times)), slow, likeness)


def _stories(store: Database, runs: Sequence[int]) -> dict[int, Counts]:
    columns = (LedgerEntryRow.run_id, LedgerEntryRow.outcome, LedgerEntryRow.reason)
    query = select(*columns, func.count()).join(PageRow, PageRow.id == LedgerEntryRow.page_id)
    query = query.where(LedgerEntryRow.run_id.in_(runs), PageRow.kind == UrlKind.STORY).group_by(
        *columns
    )
    found: dict[int, Counts] = defaultdict(dict)
    with store.read() as db:
        for run, outcome, reason, number in db.execute(query):
            found[run][outcome, reason] = number
    return found


def _times(store: Database, runs: Sequence[int]) -> dict[int, list[int]]:
    query = (
        select(LedgerEntryRow.run_id, LedgerEntryRow.elapsed_ms)
        .order_by(LedgerEntryRow.run_id.desc())
        .limit(TIMED)
    )
    query = query.where(LedgerEntryRow.run_id.in_(runs), LedgerEntryRow.elapsed_ms > 0)
    found: dict[int, list[int]] = defaultdict(list)
    with store.read() as db:
        for run, elapsed in db.execute(query):
            found[run].append(elapsed)
    return found


def _new(store: Database, runs: Sequence[int]) -> dict[int, list[Looks]]:
    """What the stories are like that were new in each Run, as far as they are Articles."""
    query = select(LedgerEntryRow.run_id, *LOOKS).join(
        ArticleRow, ArticleRow.page_id == LedgerEntryRow.page_id
    )
    query = query.where(
        LedgerEntryRow.run_id.in_(runs),
        LedgerEntryRow.outcome == Outcome.FETCHED,
        LedgerEntryRow.reason == "new",
    )
    found: dict[int, list[Looks]] = defaultdict(list)
    with store.read() as db:
        for run, dated, signed, words in db.execute(
            query.order_by(LedgerEntryRow.run_id.desc()).limit(LOOKED_AT)
        ):
            found[run].append((dated, signed, words))
    return found


def sample_story_stats(store: Database, site: str, limit: int) -> StoryStats:
    """What the stories of a Site are like: of so many that were found last."""
    query = (
        select(*LOOKS)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(PageRow.site == site, PageRow.payload_id.is_not(None))
    )
    with store.read() as db:
        rows = db.execute(query.order_by(PageRow.id.desc()).limit(limit))
        return _like([(dated, signed, words) for dated, signed, words in rows])


def _like(rows: Sequence[Looks]) -> StoryStats:
    if not rows:
        return StoryStats()
    dated, signed, words = zip(*rows, strict=True)
    return StoryStats(
        len(rows), sum(map(bool, dated)), sum(map(bool, signed)), round(median(words))
    )
