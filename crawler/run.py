"""One Run of a crawl: its Site, and the calls that read and save its part of the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crawler.archive_writer import ArchiveWriter
from crawler.events import EventWriter
from pipeline.config.site import Site
from pipeline.core.models import Capture, CrawlSource, DueUrl, LinkDecision, Outcome, UrlKind
from pipeline.store.crawl.session import CrawlSession, FetchedPage, SourceSaved


@dataclass(frozen=True, slots=True)
class CrawlRun:
    """One Run of a crawl, as all parts of the spider share it.

    Args:
        id: The Run's number in the archive.
        site: The Site that is crawled.
        archive: The session that holds the Site's lock.
        writer: The thread in which `archive` is called.
        events: Receives the progress.
        since: The first day of a back-fill; None for an ordinary night.
    """

    id: int
    site: Site
    archive: CrawlSession
    writer: ArchiveWriter
    events: EventWriter
    since: datetime | None = None

    async def register_source(self, source: CrawlSource) -> DueUrl:
        """Return a Source as a page that is due, and add it to the ledger as pending."""
        return await self.writer.call(self.archive.register_source, self.id, source)

    async def last_read(self, urls: Sequence[str]) -> dict[str, datetime]:
        """Return when Sources were last read in any Run; those that never were are absent."""
        return await self.writer.call(self.archive.last_read, urls)

    async def save_source(
        self,
        capture: Capture,
        decisions: Sequence[LinkDecision],
        found_on: UrlKind,
        front_page: Sequence[str] | None = None,
    ) -> SourceSaved:
        """Save the capture of a Source, what was decided about its Links, and its placements."""
        return await self.writer.call(
            self.archive.save_source, self.id, capture, decisions, found_on, front_page
        )

    async def lease_due(self, limit: int) -> tuple[DueUrl, ...]:
        """Lease up to `limit` story pages that are due."""
        return await self.writer.call(self.archive.lease_due, self.id, limit)

    async def save_article(self, page: FetchedPage) -> Outcome:
        """Save a fetched story page and return its outcome as saved."""
        return await self.writer.save_capture(self.archive, self.id, page)
