"""Waits for hosts that ask for fewer requests, or drops them for the night.

No request goes to a host before the time that the host named. None at all goes there after it has
answered 429 twice, or has asked for more time than one night has. What is not fetched is deferred
and stays due.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.statscollectors import StatsCollector

from crawler.http.fetch_errors import RequestRefused
from crawler.revisit import parse_retry_after
from pipeline.core.models import Outcome, Reason
from pipeline.core.urls import host_of

MAX_429_RESPONSES = 2
MAX_WAIT_SECONDS = 600.0  # the longest that we wait for a host within a night
POLL_SECONDS = 0.5
DROPPED_HOSTS_STAT = "nightdesk/left"  # in Scrapy's stats: the hosts dropped for the night


class RateLimitGuard:
    """Downloader middleware that obeys 429, 503 and Retry-After.

    It is nearer to the network than the retries, so that it counts every answer.

    Args:
        stats: Scrapy's statistics of this crawl.
        is_over: Whether the crawl is about to end, so that waiting is useless.
    """

    def __init__(self, stats: StatsCollector, is_over: Callable[[], bool]) -> None:
        self._stats = stats
        self._is_over = is_over
        self._responses_429: dict[str, int] = {}  # by host
        self._wait_until: dict[str, float] = {}  # monotonic time by host

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RateLimitGuard:
        """Create the middleware. Scrapy calls this."""
        assert crawler.stats is not None
        should_stop: Callable[[], bool] = getattr(crawler.spider, "should_stop", bool)
        return cls(crawler.stats, lambda: should_stop() or not crawler.crawling)

    async def process_request(self, request: Request) -> None:
        """Wait until the host may be asked again. Scrapy calls this.

        Raises:
            RequestRefused: The host was dropped, or the crawl ends before the wait.
        """
        host = host_of(request.url)
        while (wait := self._wait_until.get(host, 0.0) - time.monotonic()) > 0:
            if self._is_over():
                detail = "the crawl ended before the time that its host named"
                raise RequestRefused(Reason.TRY_AGAIN, detail, Outcome.DEFERRED)
            await asyncio.sleep(min(wait, POLL_SECONDS))
        if host in dropped_hosts(self._stats):
            detail = "its host asked us to stop, so it gets no further request tonight"
            raise RequestRefused(Reason.TRY_AGAIN, detail, Outcome.DEFERRED)

    def process_response(self, request: Request, response: Response) -> Response:
        """Note what the host asks for. Scrapy calls this.

        Args:
            request: The request.
            response: Its answer; 429 and 503 with or without `Retry-After` count.

        Returns:
            The same answer.
        """
        if response.status not in (429, 503):
            return response
        host = host_of(request.url)
        header = (response.headers.get("Retry-After") or b"").decode("ascii", "replace")
        wait = parse_retry_after(header, datetime.now(UTC)).total_seconds()
        is_429 = response.status == 429
        if is_429:
            self._responses_429[host] = self._responses_429.get(host, 0) + 1
        has_too_many = self._responses_429.get(host, 0) >= MAX_429_RESPONSES
        is_too_long = wait > MAX_WAIT_SECONDS
        if has_too_many or (is_429 and is_too_long):
            self._stats.set_value(DROPPED_HOSTS_STAT, dropped_hosts(self._stats) | {host})
        elif not is_too_long:  # a 503 for hours may concern this one page only
            until = time.monotonic() + wait
            self._wait_until[host] = max(self._wait_until.get(host, 0.0), until)
        return response


def dropped_hosts(stats: StatsCollector) -> frozenset[str]:
    """Return the hosts that get no further request in this crawl."""
    return frozenset(stats.get_value(DROPPED_HOSTS_STAT, frozenset()))
