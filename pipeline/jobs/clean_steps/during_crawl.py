"""When a site is cleaned while its crawl goes on, so that readers do not wait for the end of it.

The crawl of a large site takes hours. A clean before its end costs something: the site profile
has not seen all pages, so some of them are cleaned again later. So a small site has no such clean,
and those of a large one take a small share of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.jobs.results import CleanRunResult


@dataclass(frozen=True, slots=True)
class EarlyCleanLimits:
    """When a site is cleaned during its crawl.

    Attributes:
        min_pages: Pages that were fetched since the last clean.
        min_seconds: Seconds since the start of the crawl, or since the end of the last clean.
        max_share: The share of the time that cleans may take.
    """

    min_pages: int = 100
    min_seconds: float = 60.0
    max_share: float = 0.25


DEFAULT_EARLY_CLEANS = EarlyCleanLimits()


class EarlyCleanClock:
    """Says when the next clean of a site is due during its crawl.

    Args:
        limits: When a site is cleaned.
        now: Returns seconds of a clock that only goes forward.
    """

    def __init__(
        self,
        limits: EarlyCleanLimits = DEFAULT_EARLY_CLEANS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._now = now
        self._pages = 0
        self._due_at = now() + limits.min_seconds
        self._started_at = 0.0

    def add_page(self) -> None:
        """Count a page that was fetched."""
        self._pages += 1

    def is_due(self) -> bool:
        """Tell whether to clean now."""
        return self._pages >= self._limits.min_pages and self._now() >= self._due_at

    def start(self) -> None:
        """Note that a clean starts. Pages that are fetched from now on wait for the next one."""
        self._pages = 0
        self._started_at = self._now()
        self._due_at = self._started_at + self._limits.min_seconds

    def end(self) -> None:
        """Note that the clean has ended."""
        now, share = self._now(), self._limits.max_share
        pause = (now - self._started_at) * (1 - share) / share
        self._due_at = now + max(self._limits.min_seconds, pause)


def join_results(site: str, results: Sequence[CleanRunResult]) -> CleanRunResult:
    """Return the results of several cleans of a site in one night as one.

    Args:
        site: The site's id.
        results: The results, oldest first.
    """
    counts: dict[str, int] = {}
    run_id = 0
    for result in results:
        run_id = result.run_id or run_id
        for outcome, count in result.counts.items():
            counts[outcome] = counts.get(outcome, 0) + count
    return CleanRunResult(site, run_id, counts, sum(result.extracted for result in results))
