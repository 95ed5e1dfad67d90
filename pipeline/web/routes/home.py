"""The home page: the newest stories by day, and the last night of each site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.core.models import Outcome
from pipeline.store import read
from pipeline.web.dependencies import Context, PageKey

router = APIRouter()
STORIES_PER_PAGE = 30
GOOD_STATUSES = ("finished", "running")


@dataclass(frozen=True, slots=True)
class SiteNightSummary:
    """The last night of a site, as one part of the home page.

    Attributes:
        last: The runs of the night.
        seen: Stories with an outcome.
        new: Stories that the crawl fetched for the first time.
        failed: Stories that failed.
        archived: Articles that are new.
        problem: The run that did not finish, or "".
    """

    last: read.LastNight
    seen: int
    new: int
    failed: int
    archived: int
    problem: str


@router.get("/")
def home(request: Request, context: Context, before: PageKey = None) -> Response:
    """Show the newest stories, or those older than `before`."""
    headlines = read.newest_headlines(context.database, STORIES_PER_PAGE + 1, before=before)
    stories = headlines[:STORIES_PER_PAGE]
    older_key = stories[-1].key if len(headlines) > STORIES_PER_PAGE else None
    nights: tuple[SiteNightSummary, ...] = ()
    issue_counts: Counter[str] = Counter()
    if before is None:
        nights = summarize_nights(read.last_nights(context.database))
        issue_counts = Counter(issue.site for issue in read.open_issues(context.database))
    return context.render(
        request,
        "home.html",
        days=_group_by_day(stories),
        pictures=read.lead_pictures(context.database, [story.id for story in stories]),
        nights=nights,
        older_key=older_key,
        before=before,
        issue_counts=issue_counts,
        has_sites=bool(context.sites),
    )


def _group_by_day(
    stories: Sequence[read.Headline],
) -> list[tuple[date, tuple[read.Headline, ...]]]:
    days = []
    for day, group in groupby(stories, key=lambda story: story.at.astimezone(UTC).date()):
        days.append((day, tuple(group)))
    return days


def summarize_nights(nights: Sequence[read.LastNight]) -> tuple[SiteNightSummary, ...]:
    """Summarize the last night of each site, sites with problems first."""
    return tuple(sorted(map(_summarize, nights), key=_problems_first))


def _problems_first(night: SiteNightSummary) -> tuple[bool, bool, int, str]:
    return not night.last.unbalanced, not night.problem, -night.failed, night.last.site


def _summarize(last: read.LastNight) -> SiteNightSummary:
    failed = 0
    for (outcome, _), number in last.stories.items():
        if outcome == Outcome.FAILED:
            failed += number
    return SiteNightSummary(
        last,
        seen=sum(last.stories.values()),
        new=last.stories.get((Outcome.FETCHED, "new"), 0),
        failed=failed,
        archived=last.archived,
        problem=_first_problem(last),
    )


def _first_problem(last: read.LastNight) -> str:
    for run in last.runs.values():
        if run.status in GOOD_STATUSES:
            continue
        problem = f"{run.kind} {run.status}"
        if run.detail:
            problem += f": {run.detail}"
        return problem
    return ""
