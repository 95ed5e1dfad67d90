"""When a crawl has to stop: time, bytes, pages, memory, disk space, and servers that do not answer.

Also the status with which the run then ends.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from scrapy.statscollectors import StatsCollector

from crawler.http.rate_limit import dropped_hosts
from pipeline.config.site import Site
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import DiskError, NightdeskError
from pipeline.core.models import Capture, Reason
from pipeline.core.urls import host_of, without_www

MAX_CONSECUTIVE_FAILURES = 10  # fetches in a row without a useful answer
UNRESPONSIVE_REASONS = (
    Reason.DNS,
    Reason.CONNECT,
    Reason.TIMEOUT,
    Reason.TLS,
    Reason.ROBOTS_UNREACHABLE,
    Reason.TRY_AGAIN,
)


@dataclass(frozen=True, slots=True)
class CrawlEnd:
    """How a crawl ended: the values that close the run."""

    status: str
    detail: str = ""
    deferred: Reason = Reason.INTERRUPTED
    error: NightdeskError | None = None


OUT_OF_MEMORY = CrawlEnd("failed", "the memory limit was reached; the rest stays due")


class CrawlBudget:
    """Decide when a crawl of a site has to stop.

    The time starts when the object is created.

    Args:
        site: The site with its limits.
        stats: Scrapy's statistics of this crawl.
        disk_space: Says when the disk is full.
        max_failures: Fetches in a row without a useful answer after which the crawl stops.
    """

    def __init__(
        self,
        site: Site,
        stats: StatsCollector,
        disk_space: DiskSpaceGuard,
        max_failures: int = MAX_CONSECUTIVE_FAILURES,
    ) -> None:
        self._site = site
        self._stats = stats
        self._disk_space = disk_space
        self._max_failures = max_failures
        self._started = time.monotonic()
        self._failures = 0
        self.pages_leased = 0

    @property
    def pages_left(self) -> int:
        """How many more pages may be leased."""
        return self._site.politeness.max_pages - self.pages_leased

    def record_fetch(self, capture: Capture) -> None:
        """Count fetches in a row to which the site gave no useful answer."""
        answered = capture.reason not in UNRESPONSIVE_REASONS and (capture.status or 0) < 500
        self._failures = 0 if answered else self._failures + 1

    def should_stop(self) -> bool:
        """Return whether no further request may be made in this run."""
        return (
            self._out_of_time()
            or self._out_of_bytes()
            or self._is_unresponsive()
            or self._is_rate_limited()
            or self._out_of_memory()
            or bool(self._disk_space.shortage())
        )

    def failure(self) -> CrawlEnd | None:
        """Return the end of a crawl that had to be broken off; None where that is not so.

        Returns:
            The end with its status and a sentence, as for a disk that is full.
        """
        if self._out_of_memory():
            return OUT_OF_MEMORY
        if shortage := self._disk_space.shortage():
            return CrawlEnd("failed", shortage, error=DiskError(shortage))
        if self._is_rate_limited():
            detail = (
                "the site answered 429, which asks us to stop; the rest stays due,"
                " and a longer delay may help"
            )
            return CrawlEnd("failed", detail, Reason.TRY_AGAIN)
        if self._is_unresponsive():
            detail = f"{self._max_failures} fetches in a row failed; the rest stays due"
            return CrawlEnd("failed", detail, Reason.TRY_AGAIN)
        return None

    def exhausted(self) -> CrawlEnd | None:
        """Return the end of a crawl that used up a limit of its site file; None otherwise.

        Returns:
            The end with a sentence that names the key of the site file.
        """
        politeness = self._site.politeness
        detail = ""
        if self._out_of_time():
            detail = f"max_minutes = {politeness.max_minutes:g} are over"
        elif self._out_of_bytes():
            detail = f"max_megabytes = {politeness.max_megabytes:g} were received"
        elif self.pages_left <= 0:
            detail = f"max_pages = {politeness.max_pages} were fetched"
        if not detail:
            return None
        return CrawlEnd("finished", f"{detail}; the rest stays due", Reason.BUDGET)

    def _is_unresponsive(self) -> bool:
        return self._failures >= self._max_failures

    def _is_rate_limited(self) -> bool:
        """Whether the site's own host asked us to stop. Requests to its other hosts are refused."""
        site_host = without_www(host_of(self._site.url))
        return any(without_www(host) == site_host for host in dropped_hosts(self._stats))

    def _out_of_bytes(self) -> bool:
        received = int(self._stats.get_value("downloader/response_bytes", 0))
        return received > self._site.politeness.max_megabytes * 2**20

    def _out_of_time(self) -> bool:
        return time.monotonic() - self._started > self._site.politeness.max_minutes * 60

    def _out_of_memory(self) -> bool:
        """Whether Scrapy's memory limit is reached.

        Scrapy then closes the spider, but waits until no request is under way. So no new request
        may be made.
        """
        return bool(self._stats.get_value("memusage/limit_reached"))
