"""Hosts that say that we ask too much are waited for, or left for the night.

Promises that no request goes to a host before the time that it named, and none at all after it has answered 429 twice, or has
asked for more than a night's work would wait. What was not asked then is deferred, and stays due.
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

MAX_429_RESPONSES = 2  # answers of 429
MAX_WAIT_SECONDS = 600.0  # seconds that we wait for a host within a night
DROPPED_HOSTS_STAT = "nightdesk/left"  # among Scrapy's stats: hosts that are left for the night


class RateLimitGuard:
    """See the module's head. It stands nearer to the network than the retries, so that it counts each answer."""

    def __init__(self, stats: StatsCollector, is_over: Callable[[], bool]) -> None:
        self._stats = stats
        self._is_over = is_over
        self._answers: dict[str, int] = {}
        self._until: dict[str, float] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RateLimitGuard:
        assert crawler.stats is not None
        should_stop: Callable[[], bool] = getattr(crawler.spider, "should_stop", bool)
        return cls(crawler.stats, lambda: should_stop() or not crawler.crawling)

    async def process_request(self, request: Request) -> None:
        host = host_of(request.url)
        while (pause := self._until.get(host, 0.0) - time.monotonic()) > 0:
            if self._is_over():
                raise RequestRefused(
                    Reason.TRY_AGAIN,
                    "the night was over before its host wanted to be asked",
                    Outcome.DEFERRED,
                )
            await asyncio.sleep(min(pause, 0.5))
        if host in dropped_hosts(self._stats):
            raise RequestRefused(
                Reason.TRY_AGAIN,
                "its host asked us to stop, and is left alone for the night",
                Outcome.DEFERRED,
            )

    def process_response(self, request: Request, response: Response) -> Response:
        if response.status not in (429, 503):
            return response
        host = host_of(request.url)
        header = (response.headers.get("Retry-After") or b"").decode("ascii", "replace")
        pause = parse_retry_after(header, datetime.now(UTC)).total_seconds()
        self._answers[host] = self._answers.get(host, 0) + (response.status == 429)
        if self._answers[host] >= MAX_429_RESPONSES or (
            response.status == 429 and pause > MAX_WAIT_SECONDS
        ):
            self._stats.set_value(DROPPED_HOSTS_STAT, dropped_hosts(self._stats) | {host})
        elif (
            response.status == 429 or pause <= MAX_WAIT_SECONDS
        ):  # a 503 for hours may be that of one page
            self._until[host] = max(self._until.get(host, 0.0), time.monotonic() + pause)
        return response


def dropped_hosts(stats: StatsCollector) -> frozenset[str]:
    """The hosts that are left alone for the night."""
    return frozenset(stats.get_value(DROPPED_HOSTS_STAT, frozenset()))
