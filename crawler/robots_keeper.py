"""Keeps each robots.txt that a run fetched: a capture, and its bytes where they have changed."""

from __future__ import annotations

from datetime import UTC, datetime

from scrapy.http import Response

from crawler.capture import capture_error, capture_response
from crawler.http.fetch_errors import FetchError
from crawler.run import CrawlRun
from pipeline.core.models import Capture, CrawlSource, DueUrl, UrlKind
from pipeline.core.urls import host_of


class RobotsKeeper:
    """Save each robots.txt before a page is fetched under its rules.

    Args:
        run: The run.
    """

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._hosts = set[str]()

    async def robots_answered(self, url: str, response: Response) -> None:
        """Save the answer to the request for a robots.txt."""
        due = await self._register(url)
        if due is not None:
            capture = capture_response(due, response, datetime.now(UTC), conditional=False)
            await self._save(capture)

    async def robots_failed(self, url: str, error: FetchError) -> None:
        """Save the error in place of an answer."""
        due = await self._register(url)
        if due is not None:
            await self._save(capture_error(due, error, datetime.now(UTC)))

    async def _register(self, url: str) -> DueUrl | None:
        """The page of a robots.txt; None where it is no URL, or this run has it already."""
        try:
            host = host_of(url)
        except ValueError:
            return None
        if host in self._hosts:
            return None
        self._hosts.add(host)
        return await self._run.register_source(CrawlSource(url, UrlKind.ROBOTS))

    async def _save(self, capture: Capture) -> None:
        await self._run.save_source(capture, (), UrlKind.ROBOTS)
