"""All sites at a glance; and one site with charts of its nights and its site profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.core.models import Outcome
from pipeline.jobs.site_profile import SiteProfileReport, site_profile_report
from pipeline.store import read
from pipeline.web.charts import BarChart, ChartColumn, ChartStyle, bar_chart, show_percent
from pipeline.web.dependencies import Context, WebContext
from pipeline.web.errors import NotInArchive
from pipeline.web.filters import milliseconds

router = APIRouter()
MAX_NIGHTS = 40
STATS_SAMPLE = 1000  # newest articles of a site for its story stats
MAX_PROFILE_LINES = 15
MAX_CONTAINERS = 12
# The outcomes of a crawl in four groups. "other" is what the crawl did not want or could not have.
OUTCOME_GROUPS = {
    "fetched": (Outcome.FETCHED,),
    "same": (Outcome.UNCHANGED, Outcome.KNOWN),
    "other": (Outcome.REFUSED, Outcome.REDIRECTED, Outcome.GONE, Outcome.DEFERRED, Outcome.PENDING),
    "failed": (Outcome.FAILED,),
}

OUTCOME_GROUP_NAMES = {
    "fetched": "fetched",
    "same": "known or unchanged",
    "other": "refused, redirected, gone or deferred",
    "failed": "failed",
}

Parts = tuple[tuple[str, int], ...]


@router.get("/sites")
def sites(request: Request, context: Context) -> Response:
    """Show the sites of the archive."""
    statuses = read.site_statuses(context.database, datetime.now(UTC))
    return context.render(request, "sites.html", statuses=statuses)


@router.get("/sites/{site}")
def site(request: Request, context: Context, site: str) -> Response:
    """Show one site."""
    if site not in read.site_ids(context.database):
        raise NotInArchive("The archive has no runs of this site.")
    crawls = read.list_crawl_stats(context.database, site, MAX_NIGHTS)
    return context.render(
        request,
        "site.html",
        site=site,
        site_file=context.sites.get(site),
        crawls=crawls,
        rows=[_table_row(crawl) for crawl in crawls],
        story_stats=read.sample_story_stats(context.database, site, STATS_SAMPLE),
        profile=_profile(context, site),
        max_containers=MAX_CONTAINERS,
        charts=_charts(crawls),
    )


def _profile(context: WebContext, site: str) -> SiteProfileReport:
    """Return the site profile, from the cache if no run has changed it.

    Reading a profile takes a while, and only runs change it. While one runs, the key is new each
    time.
    """
    newest_runs = read.list_runs(context.database, 1, site=site)
    key: object = newest_runs
    if newest_runs and newest_runs[0].finished_at is None:
        key = object()
    return context.cached(
        f"site profile {site}",
        key,
        lambda: site_profile_report(context.database, site, MAX_PROFILE_LINES),
    )


def _charts(crawls: Sequence[read.CrawlStats]) -> dict[str, BarChart]:
    new_stories = ChartStyle(kinds={"fetched": "new", "changed": "changed"})
    outcomes = ChartStyle(show_percent, OUTCOME_GROUP_NAMES, is_share=True)
    times = ChartStyle(
        lambda value: milliseconds(round(value)), {"fetched": "median", "same": "more to the 90th"}
    )
    percent = ChartStyle(show_percent, max_value=100)
    words = ChartStyle(kinds={"fetched": "words"})
    return {
        "new_stories": bar_chart(_columns(crawls, _new_and_changed), new_stories),
        "outcomes": bar_chart(_columns(crawls, _outcome_groups), outcomes),
        "response_times": bar_chart(_columns(crawls, _response_times), times),
        "with_date": bar_chart(_columns(crawls, _percent_with_date), percent),
        "with_author": bar_chart(_columns(crawls, _percent_with_author), percent),
        "median_words": bar_chart(_columns(crawls, _median_words), words),
    }


def _columns(
    crawls: Sequence[read.CrawlStats], parts_of: Callable[[read.CrawlStats], Parts]
) -> list[ChartColumn]:
    """Return a column for each night, by its day, or by its time where all are of one day."""
    days = {crawl.run.started_at.date() for crawl in crawls}
    date_format = "%Y-%m-%d" if len(days) == len(crawls) else "%m-%d %H:%M"
    return [
        ChartColumn(f"{crawl.run.started_at:{date_format}}", parts_of(crawl)) for crawl in crawls
    ]


def _new_and_changed(crawl: read.CrawlStats) -> Parts:
    new = crawl.stories.get((Outcome.FETCHED, "new"), 0)
    return ("fetched", new), ("changed", _count(crawl, OUTCOME_GROUPS["fetched"]) - new)


def _outcome_groups(crawl: read.CrawlStats) -> Parts:
    return tuple((group, _count(crawl, outcomes)) for group, outcomes in OUTCOME_GROUPS.items())


def _response_times(crawl: read.CrawlStats) -> Parts:
    return ("fetched", crawl.median_ms), ("same", crawl.p90_ms - crawl.median_ms)


def _percent_with_date(crawl: read.CrawlStats) -> Parts:
    return _percent_of_new(crawl, crawl.story_stats.with_date)


def _percent_with_author(crawl: read.CrawlStats) -> Parts:
    return _percent_of_new(crawl, crawl.story_stats.with_author)


def _percent_of_new(crawl: read.CrawlStats, number: int) -> Parts:
    if not crawl.story_stats.stories:
        return ()
    return (("fetched", round(100 * number / crawl.story_stats.stories)),)


def _median_words(crawl: read.CrawlStats) -> Parts:
    return (("fetched", crawl.story_stats.median_words),)


def _count(crawl: read.CrawlStats, outcomes: Sequence[str]) -> int:
    total = 0
    for (outcome, _), number in crawl.stories.items():
        if outcome in outcomes:
            total += number
    return total


def _table_row(crawl: read.CrawlStats) -> dict[str, int]:
    (_, new), (_, changed) = _new_and_changed(crawl)
    groups = dict(_outcome_groups(crawl))
    return {
        "new": new,
        "changed": changed,
        "same": groups["same"],
        "other": groups["other"],
        "failed": groups["failed"],
    }
