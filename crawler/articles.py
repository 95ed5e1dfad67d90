"""Crawls the story pages that are due: lease, fetch, decide when to come again, save."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from crawler.archive_writer import BATCH_SIZE
from crawler.budgets import CrawlBudget
from crawler.capture import apply_opt_outs, follow_canonical, part_capture
from crawler.fetcher import PageFetcher
from crawler.link_policy import (
    decide_redirect_target,
    decide_requested,
    find_allowed_parts,
    trusted_canonical_url,
)
from crawler.requested import RequestedPages
from crawler.revisit import next_fetch_at
from crawler.run import CrawlRun
from crawler.scrapy_settings import MAX_REDIRECTS
from pipeline.core.models import (
    Capture,
    DueUrl,
    Link,
    LinkDecision,
    Outcome,
    PartLink,
    UrlKind,
)
from pipeline.core.urls import url_key
from pipeline.store.crawl.session import FetchedPage

VISITED = (Outcome.FETCHED, Outcome.UNCHANGED, Outcome.GONE)


@dataclass(frozen=True, slots=True)
class ArticleLimits:
    """How many pages are leased and saved at a time."""

    min_lease: int = 16  # pages leased at a time, at least
    max_lease: int = 512
    lease_seconds: float = 5.0  # a batch fetched in less time doubles the next lease
    max_saves: int = 2 * BATCH_SIZE  # one batch is saved while the next one is fetched


class ArticleCrawler:
    """Crawl the story pages of a site that are due.

    Args:
        run: The run.
        fetcher: Fetches the pages.
        budget: Says when to stop.
        limits: How many pages are leased and saved at a time.
        requested: The pages that a person asked for, in place of those that are due.
    """

    def __init__(
        self,
        run: CrawlRun,
        fetcher: PageFetcher,
        budget: CrawlBudget,
        limits: ArticleLimits | None = None,
        requested: RequestedPages | None = None,
    ) -> None:
        self._run = run
        self._site = run.site
        self._fetcher = fetcher
        self._budget = budget
        self._limits = limits or ArticleLimits()
        self._requested = requested
        self._leased: deque[DueUrl] = deque()
        self._lease_lock = asyncio.Lock()
        self._lease_size = max(self._limits.min_lease, 4 * self._site.politeness.concurrency)
        self._leased_at = 0.0
        # the pages whose redirects led to a page, by its URL key
        self._redirects: dict[str, tuple[str, ...]] = {}
        self._saves = set[asyncio.Task[None]]()
        self._save_slots = asyncio.Semaphore(self._limits.max_saves)

    async def crawl_next(self) -> bool:
        """Fetch the next page and start to save it.

        Returns:
            False where no page is due any more, or the run must stop.
        """
        due = await self._next_due()
        if due is None:
            return False
        capture = await self._capture(due)
        self._budget.record_fetch(capture)
        await self._start_save(due, capture)
        return True

    async def _capture(self, due: DueUrl) -> Capture:
        decision = self._decide(due)
        if decision.reason:
            return Capture(due.page_id, datetime.now(UTC), decision.outcome, decision.reason)
        is_part = due.kind is UrlKind.PART
        result = await self._fetcher.fetch(due, follow_redirects=is_part)
        if is_part and result.final_url:
            return part_capture(self._site, due, result.capture, result.final_url)
        canonical_url = trusted_canonical_url(self._site, result.capture.canonical_url)
        capture = follow_canonical(due, result.capture, canonical_url)
        return self._limit_redirects(due, apply_opt_outs(capture, self._site.politeness))

    def _decide(self, due: DueUrl) -> LinkDecision:
        """Decide again about a page: the site file may have changed since the page was found.

        Whether it is a trap was decided where it was found, among the other links of its source.
        """
        url = (due.request_urls or (due.url,))[0]
        if self._requested is not None or due.kind is UrlKind.PART:
            return decide_requested(self._site, url)
        return self._site.decide(Link(url), UrlKind.SITEMAP)

    def _decide_redirect(self, url: str, location: str) -> LinkDecision:
        if self._requested is not None:
            return decide_requested(self._site, location)
        return decide_redirect_target(self._site, url, location)

    def _limit_redirects(self, due: DueUrl, capture: Capture) -> Capture:
        """Turn a redirect into a failure where too many led here, or where it leads back."""
        key = url_key(due.url)
        chain = (*self._redirects.pop(key, ()), key)
        if capture.outcome is not Outcome.REDIRECTED:
            return capture
        target = url_key(capture.location)
        if len(chain) > MAX_REDIRECTS:
            detail = f"more than {MAX_REDIRECTS} redirects in a row"
            return replace(capture, outcome=Outcome.FAILED, detail=detail)
        if target in chain:
            return replace(capture, outcome=Outcome.FAILED, detail="redirects in a circle")
        self._redirects[target] = chain
        return capture

    async def _start_save(self, due: DueUrl, capture: Capture) -> None:
        """Save in the background; wait only where many saves wait already."""
        await self._save_slots.acquire()
        done = {task for task in self._saves if task.done()}
        self._saves -= done
        await asyncio.gather(*done)  # raises what went wrong
        task = asyncio.create_task(self._save(due, capture))
        self._saves.add(task)
        task.add_done_callback(lambda _: self._save_slots.release())

    async def _save(self, due: DueUrl, capture: Capture) -> None:
        redirect_decision = None
        if capture.outcome is Outcome.REDIRECTED:
            redirect_decision = self._decide_redirect(due.url, capture.location)
        due_at = next_fetch_at(capture, due, self._site.revisit)
        if self._requested is not None and self._site.decide(Link(due.url), UrlKind.SITEMAP).reason:
            due_at = None  # a night would refuse it
        if due.kind is UrlKind.PART and capture.outcome in VISITED:
            due_at = None  # it is visited with its story
        page = FetchedPage(
            capture,
            due_at,
            redirect_decision,
            self._find_parts(due, capture),
            capture.picture_url if self._keeps_picture(due) else "",
        )
        outcome = await self._run.save_article(page)
        self._run.events.page_fetched(due.url, capture, outcome)

    def _keeps_picture(self, due: DueUrl) -> bool:
        return self._site.pictures == "lead" and due.kind is UrlKind.STORY

    def _find_parts(self, due: DueUrl, capture: Capture) -> tuple[PartLink, ...]:
        """Return the further pages of the story to which a page links."""
        if capture.outcome is not Outcome.FETCHED or capture.body is None:
            return ()
        url = (due.request_urls or (due.url,))[0]
        story_url = due.story_url or due.url
        return find_allowed_parts(
            self._site, capture.body, url, story_url, due.part_number, capture.charset
        )

    async def drain_saves(self) -> None:
        """Wait until all pages are saved. Raises what a save raised."""
        while self._saves:
            saves, self._saves = self._saves, set()
            await asyncio.gather(*saves)

    async def _next_due(self) -> DueUrl | None:
        """The next leased page. Leases are small, because other pages wait while one is leased."""
        if self._budget.should_stop():
            return None
        async with self._lease_lock:
            if not self._leased and not await self._lease_batch():
                await self.drain_saves()  # the target of a redirect is due once that is saved
                await self._lease_batch()
            return self._leased.popleft() if self._leased else None

    async def _lease_batch(self) -> bool:
        """Lease more pages, where some are due and the budget allows them."""
        now = time.monotonic()
        if now - self._leased_at < self._limits.lease_seconds:
            self._lease_size = min(2 * self._lease_size, self._limits.max_lease)
        self._leased_at = now
        limit = min(self._lease_size, self._budget.pages_left)
        if limit <= 0:
            return False
        lease = self._run.lease_due if self._requested is None else self._requested.lease
        batch = await lease(limit)
        if not batch:
            return False
        self._leased.extend(batch)
        self._budget.pages_leased += len(batch)
        self._run.events.pages_leased(self._budget.pages_leased)
        return True
