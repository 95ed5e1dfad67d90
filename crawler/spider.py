"""The spider: crawls a site's sources, then its story pages that are due.

The archive is the frontier. `sources` and `articles` do the work, `budgets` says when to stop, and
pure modules decide what to fetch, when to come again and what an answer means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from scrapy import Request, Spider

from crawler.articles import ArticleCrawler
from crawler.budgets import OUT_OF_MEMORY, CrawlBudget, CrawlEnd
from crawler.fetcher import PageFetcher
from crawler.pictures.lead_pictures import PictureCrawler
from crawler.requested import RequestedPages
from crawler.robots_keeper import RobotsKeeper
from crawler.run import CrawlRun
from crawler.sources import SourceCrawler
from crawler.tdmrep_keeper import keep_tdmrep
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import NightdeskError
from pipeline.core.models import Reason

E = TypeVar("E", bound=BaseException)
log = logging.getLogger(__name__)


class NewsSpider(Spider):
    """Crawl one site for one run. `end` says how the crawl ended.

    Args:
        run: The run.
        disk_space: Says when the disk is full.
        urls: Single pages to crawl in place of the site.
        **kwargs: Values for Scrapy's Spider.
    """

    name = "news"
    _budget: CrawlBudget

    def __init__(
        self,
        run: CrawlRun,
        disk_space: DiskSpaceGuard,
        urls: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.site = run.site
        self.disk_space = disk_space
        self.robots_observer = RobotsKeeper(run)
        self.urls = urls
        self.end = CrawlEnd("stopped", "ended by a signal")  # true until `start` says otherwise

    async def start(self) -> AsyncIterator[Request]:
        """Run the whole crawl.

        Scrapy keeps the spider open until this method ends. An error becomes the end of the crawl
        with the status `failed`.

        Yields:
            Nothing. Scrapy expects an asynchronous generator.
        """
        assert self.crawler.stats is not None
        self._budget = CrawlBudget(self.site, self.crawler.stats, self.disk_space)
        fetcher = PageFetcher(self.crawler, self.site, force=self.run.force)
        try:
            if self.urls:
                await self._crawl_requested(fetcher)
            else:
                await self._crawl_site(fetcher)
        except* NightdeskError as group:
            error = _first_error(group)
            self.end = CrawlEnd("failed", str(error), error=error)
        except* Exception as group:
            log.exception("the crawl of %s failed", self.site.id)
            detail = f"unexpected {type(_first_error(group)).__name__}; see the log"
            self.end = CrawlEnd("failed", detail, Reason.INTERNAL)
        return
        yield  # makes this the asynchronous generator that Scrapy expects

    async def _crawl_site(self, fetcher: PageFetcher) -> None:
        sources = SourceCrawler(self.run, fetcher, self._budget)
        articles = ArticleCrawler(self.run, fetcher, self._budget)
        await self.run.prepare_due_dates()
        await sources.register()
        await self._run_workers(sources.crawl_next)
        await self._crawl_articles(articles)
        await self._crawl_pictures(fetcher, only_seen=False)
        if self.run.since is None and sources.read_count and not self._budget.should_stop():
            await keep_tdmrep(self.run, fetcher)
        self.end = self._final_status(sources)

    async def _crawl_requested(self, fetcher: PageFetcher) -> None:
        """Crawl the pages that a person asked for, and no others."""
        requested = RequestedPages(self.run, self.urls)
        await self._crawl_articles(
            ArticleCrawler(self.run, fetcher, self._budget, requested=requested)
        )
        await self._crawl_pictures(fetcher, only_seen=True)
        self.end = self._budget.failure() or self._budget.exhausted() or CrawlEnd("finished")

    async def _crawl_articles(self, articles: ArticleCrawler) -> None:
        await self._run_workers(articles.crawl_next)
        await articles.drain_saves()

    async def _crawl_pictures(self, fetcher: PageFetcher, *, only_seen: bool) -> None:
        """Fetch the lead pictures of stories, after all stories."""
        if self.site.pictures == "lead":
            pictures = PictureCrawler(self.run, fetcher, self._budget, only_seen=only_seen)
            await self._run_workers(pictures.crawl_next)

    def closed(self, reason: str) -> None:
        """Record the one end that stops `start` without a signal. Scrapy calls this."""
        if reason == "memusage_exceeded":
            self.end = OUT_OF_MEMORY

    def should_stop(self) -> bool:
        """Return whether no further request may be made in this run."""
        return self._budget.should_stop()

    async def _run_workers(self, step: Callable[[], Awaitable[bool]]) -> None:
        """Run as many workers as the site allows requests at a time.

        Each worker goes on until its step finds no work. A worker whose step added work takes
        another step, so nothing is left when all workers are done.
        """

        async def work() -> None:
            while await step():
                pass

        async with asyncio.TaskGroup() as workers:
            for _ in range(self.site.politeness.concurrency):
                workers.create_task(work())

    def _final_status(self, sources: SourceCrawler) -> CrawlEnd:
        failure = self._budget.failure()
        if failure is not None:
            return failure
        if not sources.read_count:
            detail = "none of its feeds, sitemaps and sections could be read"
            return CrawlEnd("failed", detail)
        exhausted = self._budget.exhausted()
        if exhausted is not None:
            return exhausted
        if self.run.since is None:
            return CrawlEnd("finished")
        detail = (
            f"back to {self.run.since:%Y-%m-%d}: {sources.older_links} older links and"
            f" {sources.undated_links} without a date were left out"
        )
        return CrawlEnd("finished", detail)


def _first_error(group: BaseExceptionGroup[E]) -> E:
    """The first error of a group, which may hold groups."""
    error = group.exceptions[0]
    return _first_error(error) if isinstance(error, BaseExceptionGroup) else error
