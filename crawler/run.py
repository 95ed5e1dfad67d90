"""One run of a crawl: its site, and the calls that read and save its part of the archive."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crawler.archive_writer import ArchiveWriter
from crawler.discovery import parts
from crawler.events import EventWriter
from crawler.link_policy import find_allowed_parts
from crawler.revisit import next_visit
from pipeline.config.site import Site
from pipeline.core.models import (
    Capture,
    CrawlSource,
    DueUrl,
    LinkDecision,
    Outcome,
    PartLink,
    UrlKind,
)
from pipeline.store.crawl.session import CrawlSession, FetchedPage, SourceSaved, StoredStory

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CrawlRun:
    """One run of a crawl, as all parts of the spider share it.

    Args:
        id: The run's number in the archive.
        site: The site that is crawled.
        archive: The session that holds the site's lock.
        writer: The thread in which `archive` is called.
        events: Receives the progress.
        since: The first day of a back-fill; None for an ordinary night.
        force: Whether pages are fetched whatever is due, and without validators.
    """

    id: int
    site: Site
    archive: CrawlSession
    writer: ArchiveWriter
    events: EventWriter
    since: datetime | None = None
    force: bool = False

    async def prepare_due_dates(self) -> None:
        """Obey a changed `[revisit]` of the site file, and make pages due in a forced run."""
        revisit = self.site.revisit

        def next_fetch(first_seen_at: datetime, fetched_at: datetime) -> datetime | None:
            return next_visit(first_seen_at, fetched_at, revisit)

        call = self.archive.apply_revisit
        changed = await self.writer.call(call, revisit.after_hours, revisit.for_days, next_fetch)
        if changed:
            log.info(
                "%s: [revisit] changed; %d pages are due at another time", self.site.id, changed
            )
        await self._find_stored_parts()
        if self.force:
            first_day = datetime.now(UTC) - timedelta(days=revisit.for_days)
            await self.writer.call(self.archive.force, first_day)

    async def _find_stored_parts(self) -> None:
        """Find the parts of stories that were stored before this code could find them."""

        def find_stored(story: StoredStory) -> tuple[PartLink, ...]:
            return find_allowed_parts(self.site, story.body, story.url, story.url, 1, story.charset)

        call = self.archive.find_stored_parts
        count = await self.writer.call(call, parts.VERSION, find_stored)
        if count:
            log.info("%s: %d stored stories have further parts", self.site.id, count)

    async def request_pages(self, decisions: Sequence[LinkDecision]) -> tuple[int, ...]:
        """Save the pages that a person asks for, and return the ids of those that are stories."""
        return await self.writer.call(self.archive.request_pages, self.id, decisions)

    async def lease_pages(self, pages: Sequence[int]) -> tuple[DueUrl, ...]:
        """Lease pages, whether they are due or not."""
        return await self.writer.call(self.archive.lease_pages, self.id, pages)

    async def follow_ups(self, pages: Sequence[int]) -> tuple[int, ...]:
        """Return the pages to which fetched ones lead: the targets of their redirects."""
        return await self.writer.call(self.archive.follow_ups, pages)

    async def register_source(self, source: CrawlSource) -> DueUrl:
        """Return a source as a page that is due, and add it to the ledger as pending."""
        return await self.writer.call(self.archive.register_source, self.id, source)

    async def last_read(self, urls: Sequence[str]) -> dict[str, datetime]:
        """Return when sources were last read in any run; those that never were are absent."""
        return await self.writer.call(self.archive.last_read, urls)

    async def ask_tdmrep(self, before: datetime, now: datetime) -> bool:
        """Return whether tdmrep.json was last asked for before a time, and note that it is now."""
        return await self.writer.call(self.archive.ask_tdmrep, before, now)

    async def save_source(
        self,
        capture: Capture,
        decisions: Sequence[LinkDecision],
        found_on: UrlKind,
        front_page: Sequence[str] | None = None,
    ) -> SourceSaved:
        """Save the capture of a source, what was decided about its links, and its placements."""
        return await self.writer.call(
            self.archive.save_source, self.id, capture, decisions, found_on, front_page
        )

    async def lease_due(self, limit: int) -> tuple[DueUrl, ...]:
        """Lease up to `limit` story pages that are due."""
        return await self.writer.call(self.archive.lease_due, self.id, limit)

    async def lease_pictures(self, limit: int, *, only_seen: bool) -> tuple[DueUrl, ...]:
        """Lease up to `limit` lead pictures that are due."""
        call = self.archive.lease_pictures
        return await self.writer.call(call, self.id, limit, only_seen=only_seen)

    async def save_article(self, page: FetchedPage) -> Outcome:
        """Save a fetched story page and return its outcome as saved."""
        return await self.writer.save_capture(self.archive, self.id, page)
