"""The pages of a run that a person asked for by their URLs, and those to which they lead."""

from __future__ import annotations

from collections.abc import Sequence

from crawler.link_policy import decide_requested
from crawler.run import CrawlRun
from pipeline.core.models import DueUrl


class RequestedPages:
    """Lease the requested pages first, and then the targets of their redirects.

    Args:
        run: The run.
        urls: The URLs that a person asked for.
    """

    def __init__(self, run: CrawlRun, urls: Sequence[str]) -> None:
        self._run = run
        self._urls = urls
        self._leased = dict[int, None]()  # ids of pages, in the order of their lease

    async def lease(self, limit: int) -> tuple[DueUrl, ...]:
        """Lease pages that this run has not leased yet.

        Args:
            limit: The most pages to lease.

        Returns:
            The leased pages; none where all of them were leased.
        """
        if self._leased:
            pages = await self._run.follow_ups(tuple(self._leased))
        else:
            decisions = [decide_requested(self._run.site, url) for url in self._urls]
            pages = await self._run.request_pages(decisions)
        new_pages = [page for page in dict.fromkeys(pages) if page not in self._leased][:limit]
        self._leased.update(dict.fromkeys(new_pages))
        return await self._run.lease_pages(new_pages)
