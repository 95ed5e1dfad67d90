"""Sites: all at a glance; and one of them, its nights as plots and what its memory holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.core.models import Outcome
from pipeline.jobs.memory_report import lessons
from pipeline.store.read import ledgers, night_summary, runs
from pipeline.store.read.night_summary import Crawl
from pipeline.web.charts import Column, plotted
from pipeline.web.dependencies import AtDesk, Missing

router = APIRouter()
NIGHTS = 40
STORIES = 1000
LINES = 15
CONTAINERS = 12
# How outcomes of a crawl are shown together: what came, what was the same, what was not ours, what went wrong
GROUPS = {
    "came": (Outcome.FETCHED,),
    "same": (Outcome.UNCHANGED, Outcome.KNOWN),
    "other": (Outcome.REFUSED, Outcome.REDIRECTED, Outcome.GONE, Outcome.DEFERRED, Outcome.PENDING),
    "trouble": (Outcome.FAILED,),
}


@router.get("/sites")
def sites(request: Request, desk: AtDesk) -> Response:
    """Every site of the archive."""
    return desk.page(request, "sites.html", states=runs.states(desk.store, datetime.now(UTC)))


@router.get("/sites/{site}")
def site(request: Request, desk: AtDesk, site: str) -> Response:
    """One site."""
    if site not in runs.sites(desk.store):
        raise Missing("The archive has no runs of such a site.")
    crawls = night_summary.crawls(desk.store, site, NIGHTS)
    last = ledgers.runs(
        desk.store, 1, site=site
    )  # a memory learns in runs alone, and reading it takes a while
    running = last[0].finished_at is None if last else False
    taught = desk.keep(
        f"taught {site}", object() if running else last, lambda: lessons(desk.store, site, LINES)
    )
    return desk.page(
        request, "site.html", site=site, file=desk.sites.get(site), crawls=crawls, rows=[_row(each) for each in crawls],
        like=night_summary.likeness(desk.store, site, STORIES), taught=taught, most=CONTAINERS,
        yielded=plotted([Column(_label(each), _yield(each), _href(each)) for each in crawls]),
        fared=plotted([Column(_label(each), _fared(each), _href(each)) for each in crawls], as_shares=True),
        answered=plotted([Column(_label(each), _answered(each), _href(each)) for each in crawls]),
        dated=plotted([Column(_label(each), _share(each, each.likeness.dated), _href(each)) for each in crawls], full=100),
        signed=plotted([Column(_label(each), _share(each, each.likeness.signed), _href(each)) for each in crawls], full=100),
        long=plotted([Column(_label(each), (("came", each.likeness.median_words),), _href(each)) for each in crawls]),
    )  # fmt: skip


def _label(crawl: Crawl) -> str:
    return f"{crawl.run.started_at:%Y-%m-%d %H:%M}"


def _href(crawl: Crawl) -> str:
    return f"/runs/{crawl.run.id}"


def _yield(crawl: Crawl) -> tuple[tuple[str, int], ...]:
    new = crawl.stories.get((Outcome.FETCHED, "new"), 0)
    return ("came", new), ("changed", _sum(crawl, GROUPS["came"]) - new)


def _fared(crawl: Crawl) -> tuple[tuple[str, int], ...]:
    return tuple((kind, _sum(crawl, outcomes)) for kind, outcomes in GROUPS.items())


def _answered(crawl: Crawl) -> tuple[tuple[str, int], ...]:
    return ("came", crawl.median_ms), ("same", crawl.slow_ms - crawl.median_ms)


def _share(crawl: Crawl, number: int) -> tuple[tuple[str, int], ...]:
    """Of a hundred new stories; nothing where there was none."""
    return (
        (("came", round(100 * number / crawl.likeness.stories)),) if crawl.likeness.stories else ()
    )


def _sum(crawl: Crawl, outcomes: Sequence[str]) -> int:
    return sum(number for (outcome, _), number in crawl.stories.items() if outcome in outcomes)


def _row(crawl: Crawl) -> dict[str, int]:
    return {**dict(_yield(crawl)), **{f"all_{kind}": number for kind, number in _fared(crawl)}}
