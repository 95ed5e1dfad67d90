"""Keeps `/.well-known/tdmrep.json` of a site: one request a week, at the end of a crawl."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from crawler.fetcher import PageFetcher
from crawler.run import CrawlRun
from pipeline.core.models import Capture, CrawlSource, DueUrl, Outcome, Reason, UrlKind
from pipeline.core.rights.tdmrep import TDMREP_PATH

PAUSE: Final = timedelta(days=7)  # between two requests
MAX_BYTES: Final = 512 * 1024  # of a file that is kept


def tdmrep_url(site_url: str) -> str:
    """Return where the host of a site publishes the file."""
    parts = urlsplit(site_url)
    return f"{parts.scheme}://{parts.netloc}{TDMREP_PATH}"


async def keep_tdmrep(run: CrawlRun, fetcher: PageFetcher) -> None:
    """Fetch the file, unless a run of the last week did, and save it.

    Most hosts have none. Such an answer is no entry of the ledger, only a day in the archive.

    Args:
        run: The run.
        fetcher: Fetches the file, under the rules of robots.txt as any page.
    """
    url = tdmrep_url(run.site.url)
    now = datetime.now(UTC)
    if not await run.ask_tdmrep(now - PAUSE, now):
        return
    is_known = bool(await run.last_read([url]))
    unregistered = DueUrl(0, url, UrlKind.TDMREP, now)
    result = await fetcher.fetch(unregistered, follow_redirects=True)
    capture = _bounded(result.capture)
    if capture.outcome is Outcome.FETCHED or is_known:
        due = await run.register_source(CrawlSource(url, UrlKind.TDMREP))
        await run.save_source(replace(capture, page_id=due.page_id), (), UrlKind.TDMREP)


def _bounded(capture: Capture) -> Capture:
    """Keep no bytes that are no such file: a page of HTML, or far too many."""
    body = capture.body
    if capture.outcome is not Outcome.FETCHED or body is None:
        return capture
    if len(body) <= MAX_BYTES and body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return capture
    detail = "the host answers with something that is no list of JSON"
    return replace(capture, outcome=Outcome.GONE, reason=Reason.NOT_FOUND, body=None, detail=detail)
