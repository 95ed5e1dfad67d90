"""Reads the stored sources of a site again, by today's rules and today's site file.

Nothing is fetched. A source counts if the site file names it, or if a source that counts leads to
it: a child sitemap, or the next page of a section. One version is in memory at a time, and of its
Links only those that the version before did not list are looked at.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from crawler.discovery.discover import read_links
from crawler.discovery.links import LinkListing
from crawler.events import EventWriter
from crawler.link_policy import decide_links
from pipeline.config.site import Site
from pipeline.core.models import LinkDecision, Outcome, Reason, UrlKind
from pipeline.core.urls import url_key, without_credentials
from pipeline.process_messages import CrawlJob
from pipeline.store.crawl.session import CrawlSession, MissedCounts, SourceVersion, StoredSource

MAX_FRONT_PAGE_STORIES = 200
DATE_FIELD = re.compile(r"\\\{(?:year|month|day)[^}]*\\\}")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RediscoveryCounts:
    """What was read, and what became of its links."""

    sources: int = 0
    versions: int = 0
    damaged: int = 0
    queued: int = 0
    known: int = 0
    refused: int = 0

    def add(self, missed: MissedCounts) -> None:
        """Add the links of one version."""
        self.queued += missed.queued
        self.known += missed.known
        self.refused += missed.refused

    def __str__(self) -> str:
        damaged = f", {self.damaged} of them damaged" if self.damaged else ""
        return (
            f"{self.versions} versions of {self.sources} sources{damaged}: {self.queued} stories"
            f" queued, {self.known} known, {self.refused} links refused"
        )


class Rediscovery:
    """Queue the stories of stored sources that were missed.

    Args:
        archive: The session that holds the site's lock.
        run: The number of the run.
        site: The site.
        events: Receives the progress.
        since: Only what fetches since this time have shown; None for everything.
    """

    def __init__(
        self,
        archive: CrawlSession,
        run: int,
        site: Site,
        events: EventWriter,
        since: datetime | None = None,
    ) -> None:
        self._archive = archive
        self._run = run
        self._site = site
        self._events = events
        self._since = since
        self.counts = RediscoveryCounts()

    def run(self) -> RediscoveryCounts:
        """Read all sources that count, and return what was found.

        Returns:
            How many sources were read, and how many stories were queued or known.
        """
        stored = {source.url_key: source for source in self._archive.stored_sources()}
        queue = deque(self._first_sources(stored))
        while queue:
            source = queue.popleft()
            for key in self._read_source(source):
                if key in stored:
                    queue.append(stored.pop(key))
        return self.counts

    def _first_sources(self, stored: dict[str, StoredSource]) -> Iterator[StoredSource]:
        """The sources that the site file names. They are taken from `stored`."""
        keys = [url_key(source.url) for source in self._site.sources]
        patterns = [_archive_pattern(pattern) for pattern in self._site.archives]
        for key, source in stored.items():
            is_archive = any(pattern.fullmatch(source.url) for pattern in patterns)
            if source.kind is UrlKind.SECTION and is_archive:
                keys.append(key)
        keys.append(url_key(self._site.url))
        for key in keys:
            if key in stored:
                yield stored.pop(key)

    def _read_source(self, source: StoredSource) -> set[str]:
        """Queue the missed stories of a source, and return the keys of sources that it leads to."""
        further = set[str]()
        shown: list[tuple[datetime, tuple[str, ...]]] = []
        is_front_page = source.url_key == url_key(self._site.url)
        before = frozenset[str]()
        queued_before = self.counts.queued
        for version in self._archive.source_versions(source.page_id, self._since):
            listing = self._listing(source, version)
            if is_front_page:
                shown.append((version.fetched_at, self._stories(listing)))
            if source.kind is not UrlKind.FRONT_PAGE:
                further |= self._queue_missed(source, version, listing, before)
            before = frozenset(link.url for link in listing.links)
        if shown and self._since is None:
            self._archive.remake_placements(self._run, source.page_id, shown)
        self.counts.sources += 1
        self._events.source_read_again(source.url, self.counts.queued - queued_before)
        return further

    def _listing(self, source: StoredSource, version: SourceVersion) -> LinkListing:
        self.counts.versions += 1
        body = self._archive.version_body(version)
        if body is None:
            self.counts.damaged += 1
            return LinkListing()
        try:
            return read_links(source.kind, body, version.base, version.content_type, self._site)
        except Exception:
            log.exception("%s: reading its links failed", without_credentials(source.url))
            return LinkListing()

    def _queue_missed(
        self,
        source: StoredSource,
        version: SourceVersion,
        listing: LinkListing,
        before: frozenset[str],
    ) -> set[str]:
        further = set[str]()
        if listing.next_page:
            further.add(url_key(listing.next_page))
        new: list[LinkDecision] = []
        for decision in decide_links(self._site, listing.links, source.kind):
            if decision.link.kind is UrlKind.STORY:
                if decision.link.url not in before:
                    new.append(decision)
            elif decision.outcome is Outcome.PENDING:
                further.add(url_key(decision.link.url))
        missed = self._archive.queue_missed(self._run, new, source.kind, version)
        self.counts.add(missed)
        return further

    def _stories(self, listing: LinkListing) -> tuple[str, ...]:
        stories: list[str] = []
        for decision in decide_links(self._site, listing.links, UrlKind.SECTION):
            if decision.outcome is Outcome.PENDING:
                stories.append(decision.link.url)
        return tuple(stories[:MAX_FRONT_PAGE_STORIES])


def _archive_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression for the URLs of lists by date."""
    return re.compile(DATE_FIELD.sub(r"\\d+", re.escape(pattern)))


def rediscover(job: CrawlJob, events: EventWriter) -> None:
    """Read the stored sources of a site again, in a run of its own.

    Args:
        job: The site, the archive, and the time since which versions are read.
        events: Receives the progress.

    Raises:
        NightdeskError: The archive failed, or another process crawls the site.
    """
    archive = CrawlSession.open(job.database_url)
    scope = "" if job.since is None else f"since {job.since:%Y-%m-%d}"
    run = archive.start_run(job.site.id, scope, "discover")
    events.started(run)
    counts = Rediscovery(archive, run, job.site, events, job.since).run()
    outcomes = archive.finish_run(run, "finished", str(counts), Reason.QUEUED)
    archive.close()
    events.rediscovered(run, outcomes, asdict(counts))
