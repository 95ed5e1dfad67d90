"""Crawls a site's sources: register, fetch, parse, save their links, follow pagination."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scrapy.http import Response

from crawler.budgets import CrawlBudget
from crawler.capture import without_opted_out_body
from crawler.discovery.discover import read_links
from crawler.discovery.links import LinkListing
from crawler.fetcher import PageFetcher
from crawler.link_policy import (
    NEVER,
    date_archive_pages,
    decide_links,
    is_next_page,
    links_since,
    newest_child_sitemaps,
)
from crawler.run import CrawlRun
from pipeline.core.models import (
    LISTING_KINDS,
    Capture,
    CrawlSource,
    DueUrl,
    Link,
    Outcome,
    Reason,
    UrlKind,
)
from pipeline.core.urls import url_key, without_credentials

READ_OUTCOMES = (Outcome.FETCHED, Outcome.UNCHANGED)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """How far sources lead to further sources in one run."""

    max_depth: int = 3  # sitemap indexes inside each other
    max_sitemaps: int = 200  # children of sitemap indexes
    max_backfill_sitemaps: int = 2_000  # the same in a back-fill
    max_backfill_pages: int = 100  # pages of one date archive in a back-fill


@dataclass(frozen=True, slots=True)
class QueuedSource:
    """A source that waits to be fetched; `depth` counts the sources that led to it."""

    due: DueUrl
    depth: int = 0


class SourceCrawler:
    """Crawl all sources of a site, and the further sources that they lead to.

    Args:
        run: The run.
        fetcher: Fetches the sources.
        budget: Says when to stop.
        limits: How far sources lead to further sources.
    """

    def __init__(
        self,
        run: CrawlRun,
        fetcher: PageFetcher,
        budget: CrawlBudget,
        limits: SourceLimits | None = None,
    ) -> None:
        self._run = run
        self._site = run.site
        self._since = run.since
        self._fetcher = fetcher
        self._budget = budget
        self._limits = limits or SourceLimits()
        self._queue: deque[QueuedSource] = deque()
        self._known_keys = set[str]()
        self._front_page_key = url_key(run.site.url)
        self._sitemaps_left = self._limits.max_sitemaps
        if run.since is not None:
            self._sitemaps_left = self._limits.max_backfill_sitemaps
        self.read_count = 0
        self.older_links = 0  # left out by a back-fill
        self.undated_links = 0

    async def register(self) -> None:
        """Add all sources to the ledger before the first one is fetched.

        A run that is cut short then says which sources it did not fetch.
        """
        sources: tuple[CrawlSource, ...] = self._site.sources
        if self._since is not None:
            sources = await self._backfill_sources(self._since)
        sources_by_key: dict[str, CrawlSource] = {}
        for source in reversed(sources):
            sources_by_key[url_key(source.url)] = source
        self._known_keys.update(sources_by_key)
        for source in sources_by_key.values():
            self._queue.appendleft(QueuedSource(await self._run.register_source(source)))
        if self._since is None and self._front_page_key not in sources_by_key:
            front_page = CrawlSource(self._site.url, UrlKind.FRONT_PAGE)
            self._queue.append(QueuedSource(await self._run.register_source(front_page)))

    async def _backfill_sources(self, since: datetime) -> tuple[CrawlSource, ...]:
        """The sources of a back-fill: sitemaps, and date archives not read since they are complete.

        What is listed there and was read before, was read for the newest stories only.
        """
        sources = [source for source in self._site.sources if source.kind is UrlKind.SITEMAP]
        archive_pages = date_archive_pages(self._site, since, datetime.now(UTC))
        last_read = await self._run.last_read([page.url for page in archive_pages])
        for page in archive_pages:
            if last_read.get(page.url, NEVER) < page.complete_at:
                sources.append(CrawlSource(page.url, UrlKind.SECTION))
        return tuple(sources)

    async def crawl_next(self) -> bool:
        """Fetch and save the next source. Return False where none is left, or the run must stop.

        Returns:
            Whether there may be another source.
        """
        if not self._queue or self._budget.should_stop():
            return False
        source = self._queue.popleft()
        if self._since is not None:  # an unchanged source was read for the newest stories only
            source = replace(source, due=replace(source.due, etag="", last_modified=""))
        result = await self._fetcher.fetch(source.due, follow_redirects=True)
        capture, listing = result.capture, LinkListing()
        if result.response is not None and capture.outcome is Outcome.FETCHED:
            listing = await self._parse(source.due, capture, result.response)
            capture = _with_listing(capture, listing)
            capture = without_opted_out_body(capture, self._site.politeness)
            if url_key(result.final_url) != url_key(source.due.url):
                capture = replace(capture, location=result.final_url)
        was_read = capture.outcome in READ_OUTCOMES or capture.reason is Reason.NO_LINKS
        if was_read and source.due.kind in LISTING_KINDS:
            self.read_count += 1
        await self._save(source, capture, listing)
        return True

    async def _parse(self, due: DueUrl, capture: Capture, response: Response) -> LinkListing:
        """Read the links in a thread.

        A hostile feed takes seconds, and other requests must not time out meanwhile.
        """
        content_type = capture.headers.get("content-type", "")
        try:
            return await asyncio.to_thread(
                read_links, due.kind, response.body, response.url, content_type, self._site
            )
        except Exception as error:
            log.exception("%s: reading its links failed", without_credentials(due.url))
            return LinkListing((), Reason.INTERNAL, f"unexpected {type(error).__name__}")

    async def _save(self, source: QueuedSource, capture: Capture, listing: LinkListing) -> None:
        due = source.due
        if due.kind is UrlKind.FRONT_PAGE:
            await self._run.save_source(capture, (), due.kind, self._stories(listing))
            return
        wanted_links = self._wanted_links(due, listing.links)
        room = self._sitemaps_left if source.depth < self._limits.max_depth else 0
        links = newest_child_sitemaps(wanted_links, room)
        decisions = decide_links(self._site, links, due.kind)
        front_page = None
        if self._since is None and url_key(due.url) == self._front_page_key:
            front_page = self._stories(listing)
        saved = await self._run.save_source(capture, decisions, due.kind, front_page)
        self._sitemaps_left -= len(saved.child_sources)
        for child in saved.child_sources:
            self._queue.append(QueuedSource(child, source.depth + 1))
        if len(links) < len(wanted_links):
            omitted = len(wanted_links) - len(links)
            log.warning("%s: %d child sitemaps left out", without_credentials(due.url), omitted)
        await self._follow_pagination(source, listing, has_new_links=saved.new > 0)
        if self._may_be_missing(source) and capture.outcome not in READ_OUTCOMES:
            return
        self._run.events.source_fetched(
            due.url,
            capture,
            links=len(links),
            new=saved.new,
            known=saved.known,
            refused=saved.refused,
        )

    def _stories(self, listing: LinkListing) -> tuple[str, ...]:
        """The stories that the front page shows, in their order."""
        stories: list[str] = []
        for decision in decide_links(self._site, listing.links, UrlKind.SECTION):
            if decision.outcome is Outcome.PENDING:
                stories.append(decision.link.url)
        return tuple(stories)

    def _may_be_missing(self, source: QueuedSource) -> bool:
        """Whether a source may be missing without an issue of the site.

        A list may end before its pages do, and a day may have no list.
        """
        is_guessed = source.depth > 0 or self._since is not None
        return is_guessed and source.due.kind is UrlKind.SECTION

    def _wanted_links(self, due: DueUrl, links: tuple[Link, ...]) -> tuple[Link, ...]:
        """The links that a back-fill wants; all links in a normal night or of a date archive."""
        if self._since is None or due.kind is UrlKind.SECTION:
            return links
        wanted = links_since(links, self._since)
        self.older_links += wanted.older
        self.undated_links += wanted.undated
        return wanted.links

    async def _follow_pagination(
        self, source: QueuedSource, listing: LinkListing, *, has_new_links: bool
    ) -> None:
        """Queue a section's next page while pages show new links; in a back-fill, up to its end."""
        is_backfill = self._since is not None
        if source.due.kind is not UrlKind.SECTION or not listing.next_page:
            return
        if not has_new_links and not is_backfill:
            return
        max_pages = self._limits.max_backfill_pages if is_backfill else self._site.section_pages
        if source.depth + 1 >= max_pages:
            return
        key = url_key(listing.next_page)
        if key in self._known_keys or not is_next_page(self._site, listing.next_page):
            return
        self._known_keys.add(key)
        due = await self._run.register_source(CrawlSource(listing.next_page, UrlKind.SECTION))
        self._queue.append(QueuedSource(due, source.depth + 1))


def _with_listing(capture: Capture, listing: LinkListing) -> Capture:
    """The capture of a source after its body was read."""
    if not listing.was_read:
        capture = replace(capture, outcome=Outcome.FAILED)
    if listing.reason:
        capture = replace(capture, reason=listing.reason, detail=listing.detail)
    return capture
