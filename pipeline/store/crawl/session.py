"""The session of a crawl: runs, the frontier, captures and payloads are written here.

Each call is one transaction, so that a kill between two calls loses no link and no byte and
repeats nothing. Bytes are stored once for each digest, a page is leased to one run at a time, and
when a run is over each URL that it saw has one outcome. While the database is unavailable, a call
waits and is tried again for some minutes. Calls block: a caller with an event loop makes them
from a thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import (
    Capture,
    CrawlSource,
    DueUrl,
    Link,
    LinkDecision,
    Outcome,
    PartLink,
    Reason,
    UrlKind,
)
from pipeline.store.crawl import (
    captures,
    frontier,
    parts,
    pictures,
    placements,
    rediscovery,
    schedule,
    single_pages,
    source_versions,
    stored_parts,
)
from pipeline.store.crawl.captures import FetchedPage
from pipeline.store.crawl.leases import LEASE_DURATION, LeaseQueue
from pipeline.store.crawl.rediscovery import MissedCounts, SourceVersion, StoredSource
from pipeline.store.crawl.stored_parts import StoredStory
from pipeline.store.db import locks, migrate, run_log, site_counts
from pipeline.store.db.engine import Database, retry_while_unavailable

__all__ = [
    "CrawlSession",
    "FetchedPage",
    "MissedCounts",
    "SourceSaved",
    "SourceVersion",
    "StoredSource",
    "StoredStory",
    "running_crawl_message",
]

P = ParamSpec("P")
T = TypeVar("T")
LINKS_PER_TRANSACTION: Final = 5_000


@dataclass(frozen=True, slots=True)
class SourceSaved:
    """How many links of a source are new, known or refused, and the child sitemaps to fetch."""

    new: int = 0
    known: int = 0
    refused: int = 0
    child_sources: tuple[DueUrl, ...] = ()


def running_crawl_message(store: Database, site: str) -> str:
    """Return the sentence for somebody who wants to crawl a site that is being crawled, or ""."""
    try:
        locks.acquire(store, f"crawl:{site}").release()
    except AlreadyRunning as running:
        return run_log.running_message(store, site, "crawl", running.holder)
    return ""


def _retrying(
    call: Callable[Concatenate[CrawlSession, P], T],
) -> Callable[Concatenate[CrawlSession, P], T]:
    """Try the call again while the database is unavailable, each time with the site's lock."""

    @wraps(call)
    def retrying_call(session: CrawlSession, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def call_with_lock() -> T:
            session.ensure_lock()
            return call(session, *args, **kwargs)

        return retry_while_unavailable(call_with_lock)

    return retrying_call


class CrawlSession:
    """What a crawl reads and writes. Create it with `CrawlSession.open`."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self._lock: locks.Lock | None = None
        self._site = ""
        self._force = False
        self._leases = LeaseQueue("")
        self._compressor = captures.BodyCompressor()

    @classmethod
    def open(cls, database_url: str) -> CrawlSession:
        """Open the archive at an address; create or upgrade its schema.

        Raises:
            StoreError: The archive cannot be opened or upgraded.
        """
        store = Database(database_url)
        retry_while_unavailable(lambda: migrate.ensure(store))
        return cls(store)

    def for_next_run(self) -> CrawlSession:
        """Return a session for the next run, with the connections of this one."""
        self._release()
        return CrawlSession(self.store)

    def start_run(self, site_id: str, scope: str = "", kind: str = "crawl") -> int:
        """Start a crawl of a site and return the run's id.

        Args:
            site_id: The site.
            scope: Which part of the site is crawled; "" for an ordinary night.
            kind: crawl, or discover for a run that reads stored sources again.

        Raises:
            AlreadyRunning: Another process crawls the site.
        """
        try:
            self._lock = retry_while_unavailable(
                lambda: locks.acquire(self.store, f"crawl:{site_id}")
            )
        except AlreadyRunning as running:
            message = run_log.running_message(self.store, site_id, "crawl", running.holder)
            raise AlreadyRunning(message) from None
        self._site = site_id
        self._leases = LeaseQueue(site_id)
        return self._open_run(scope, kind)

    @_retrying
    def _open_run(self, scope: str, kind: str) -> int:
        with self.store.read() as db:
            self._compressor = captures.BodyCompressor.for_site(db, self._site)
        with self.store.write() as db:
            for one_kind in ("crawl", "discover"):
                run_log.close_interrupted_runs(db, self._site, one_kind)
            return run_log.open_run(db, self._site, kind, scope=scope)

    @_retrying
    def apply_revisit(
        self, after_hours: float, for_days: float, next_fetch: schedule.NextFetch
    ) -> int:
        """Compute due dates again if the site file has other values than at the last crawl.

        Args:
            after_hours: `revisit.after_hours` of the site file.
            for_days: `revisit.for_days` of the site file.
            next_fetch: Says when a page is due by these values.

        Returns:
            How many pages are due at another time now.
        """
        changed = 0
        with self.store.write() as db:
            before = schedule.stored_revisit(db, self._site)
            if before == (after_hours, for_days):
                return 0
            if before is not None:
                first_day = datetime.now(UTC) - timedelta(days=for_days)
                changed = schedule.compute_due_dates(db, self._site, first_day, next_fetch)
            schedule.save_revisit(db, self._site, after_hours, for_days)
        return changed

    @_retrying
    def force(self, first_day: datetime) -> None:
        """Fetch in this run, whatever is due, all that sources list and all younger stories.

        Args:
            first_day: Stories that were first seen after it are due now.
        """
        self._force = True
        with self.store.write() as db:
            schedule.make_all_due(db, self._site, datetime.now(UTC), first_day)

    def find_stored_parts(self, version: int, find_parts: stored_parts.FindParts) -> int:
        """Find the parts of stories that were stored when older rules found fewer of them.

        The parts are due at once. A kill in between repeats the search.

        Args:
            version: The version of the rules.
            find_parts: Returns the parts to which a stored page links.

        Returns:
            How many stories have parts that were not known.
        """
        with self.store.read() as db:
            known_version = stored_parts.parts_version(db, self._site)
        if known_version is None or known_version >= version:
            return 0
        count, after = 0, 0
        while True:
            with self.store.read() as db:
                stories = stored_parts.stories_without_parts(db, self._site, after)
            if not stories:
                break
            after = stories[-1].page_id
            links = {story.page_id: find_parts(story) for story in stories}
            count += self._save_stored_parts(
                {page: found for page, found in links.items() if found}
            )
        self._save_parts_version(version)
        return count

    @_retrying
    def _save_stored_parts(self, links: Mapping[int, tuple[PartLink, ...]]) -> int:
        now = datetime.now(UTC)
        with self.store.write() as db:
            for page_id, part_links in links.items():
                parts.save_links(db, self._site, page_id, part_links, now)
        return len(links)

    @_retrying
    def _save_parts_version(self, version: int) -> None:
        with self.store.write() as db:
            stored_parts.save_parts_version(db, self._site, version)

    @_retrying
    def register_source(self, run: int, source: CrawlSource) -> DueUrl:
        """Return the page of a source with the validators of its last fetch.

        The page gets a pending entry in the ledger.
        """
        link = Link(source.url, source.kind)
        with run_log.writing(self.store, run) as db:
            now = datetime.now(UTC)
            (due,) = frontier.register_sources(db, run, self._site, (link,), now, again=True)
            return due

    @_retrying
    def last_read(self, urls: Sequence[str]) -> dict[str, datetime]:
        """Return when sources were last read, in any run. One that never was is left out."""
        with self.store.read() as db:
            return frontier.last_read(db, self._site, urls)

    @_retrying
    def ask_tdmrep(self, before: datetime, now: datetime) -> bool:
        """Note that the site's tdmrep.json is asked for now.

        Returns:
            False where it was asked for since `before`. Nothing is noted then.
        """
        with self.store.write() as db:
            return schedule.ask_tdmrep(db, self._site, before, now)

    def save_source(
        self,
        run: int,
        capture: Capture,
        decisions: Sequence[LinkDecision],
        found_on: UrlKind,
        front_page: Sequence[str] | None = None,
    ) -> SourceSaved:
        """Save the fetch of a source, its bytes, and the links that it lists.

        The validators are stored together with the links, never before them. Otherwise a kill in
        between would make the next fetch a 304 that lists no link at all. The links of a large
        sitemap are saved in several transactions, so that other programs need not wait for all.

        Args:
            run: The run's id.
            capture: The fetch.
            decisions: The links and what was decided about them.
            found_on: The kind of the source.
            front_page: The stories of the site's front page in their order, if this is it.
        """
        body = retry_while_unavailable(
            lambda: source_versions.compress_version(self.store, capture)
        )
        *first_batches, last_batch = _link_batches(decisions)
        new = known = refused = 0
        for batch in first_batches:
            counts = self._save_links(run, batch, found_on, capture.fetched_at)
            new, known, refused = new + counts.new, known + counts.known, refused + counts.refused
        saved = self._save_source(run, capture, body, decisions, last_batch, found_on, front_page)
        return replace(
            saved, new=saved.new + new, known=saved.known + known, refused=saved.refused + refused
        )

    @_retrying
    def _save_links(
        self, run: int, decisions: Sequence[LinkDecision], found_on: UrlKind, at: datetime
    ) -> frontier.LinkCounts:
        with run_log.writing(self.store, run) as db:
            return frontier.save_links(
                db, run, self._site, decisions, found_on, at, force=self._force
            )

    @_retrying
    def _save_source(
        self,
        run: int,
        capture: Capture,
        body: captures.CompressedBody | None,
        decisions: Sequence[LinkDecision],
        last_batch: Sequence[LinkDecision],
        found_on: UrlKind,
        front_page: Sequence[str] | None,
    ) -> SourceSaved:
        child_links: list[Link] = []
        for decision in decisions:
            is_source = decision.link.kind is not UrlKind.STORY
            if is_source and decision.outcome is Outcome.PENDING:
                child_links.append(decision.link)
        validators: dict[str, str] = {}
        if capture.outcome is Outcome.FETCHED:
            validators = _source_validators(capture, has_children=bool(child_links))
        at = capture.fetched_at
        with run_log.writing(self.store, run) as db:
            saved = source_versions.save(db, run, capture, body, validators)
            if front_page is not None:
                _save_placements(db, saved, front_page)
            counts = frontier.save_links(
                db, run, self._site, last_batch, found_on, at, force=self._force
            )
            child_sources = frontier.register_sources(db, run, self._site, child_links, at)
            if capture.outcome is Outcome.FETCHED:
                run_log.set_link_count(db, run, capture.page_id, len(decisions))
        return SourceSaved(counts.new, counts.known, counts.refused, child_sources)

    @_retrying
    def lease_due(self, run: int, limit: int) -> tuple[DueUrl, ...]:
        """Lease up to `limit` story pages that are due to this run, newest first."""
        with run_log.writing(self.store, run) as db:
            return self._leases.lease(db, run, datetime.now(UTC), limit)

    @_retrying
    def lease_pictures(self, run: int, limit: int, *, only_seen: bool) -> tuple[DueUrl, ...]:
        """Lease up to `limit` lead pictures that are due to this run: see `pictures.lease`."""
        now = datetime.now(UTC)
        until = now + LEASE_DURATION
        with run_log.writing(self.store, run) as db:
            return pictures.lease(db, run, self._site, now, until, limit, only_seen=only_seen)

    @_retrying
    def request_pages(self, run: int, decisions: Sequence[LinkDecision]) -> tuple[int, ...]:
        """Save the pages that a person asks for: see `single_pages.register`."""
        with run_log.writing(self.store, run) as db:
            return single_pages.register(db, run, self._site, decisions, datetime.now(UTC))

    @_retrying
    def lease_pages(self, run: int, pages: Sequence[int]) -> tuple[DueUrl, ...]:
        """Lease pages to this run, whether they are due or not: see `single_pages.lease`."""
        now = datetime.now(UTC)
        with run_log.writing(self.store, run) as db:
            return single_pages.lease(db, run, self._site, pages, now, now + LEASE_DURATION)

    @_retrying
    def follow_ups(self, pages: Sequence[int]) -> tuple[int, ...]:
        """Return the pages that belong to fetched ones: see `single_pages.follow_ups`."""
        with self.store.read() as db:
            return single_pages.follow_ups(db, self._site, pages)

    def save_capture(
        self,
        run: int,
        capture: Capture,
        due_at: datetime | None,
        redirect_decision: LinkDecision | None = None,
    ) -> Outcome:
        """Save one fetch of a story: see `save_captures`."""
        return self.save_captures(run, (FetchedPage(capture, due_at, redirect_decision),))[0]

    def save_captures(self, run: int, fetches: Sequence[FetchedPage]) -> tuple[Outcome, ...]:
        """Save fetches of stories, all of them or none.

        Saves their bytes, captures, the new states of the pages, and their entries in the ledger.

        Returns:
            The outcomes as saved: see `captures.save`.
        """
        bodies = captures.compress_bodies(fetches, self._compressor)
        return self._save_compressed(run, fetches, bodies)

    @_retrying
    def _save_compressed(
        self,
        run: int,
        fetches: Sequence[FetchedPage],
        bodies: Mapping[int, captures.CompressedBody],
    ) -> tuple[Outcome, ...]:
        with run_log.writing(self.store, run) as db:
            return captures.save(db, run, self._site, fetches, bodies)

    def stored_sources(self) -> tuple[StoredSource, ...]:
        """Return the sources of the site that have bytes."""
        with self.store.read() as db:
            return rediscovery.stored_sources(db, self._site)

    def source_versions(self, page_id: int, since: datetime | None) -> tuple[SourceVersion, ...]:
        """Return the versions of a source that fetches since a time may have shown, by time."""
        with self.store.read() as db:
            return rediscovery.source_versions(db, page_id, since)

    def version_body(self, version: SourceVersion) -> bytes | None:
        """Return the bytes of a version of a source; None where they are damaged."""
        with self.store.read() as db:
            return rediscovery.version_body(db, version)

    @_retrying
    def queue_missed(
        self,
        run: int,
        decisions: Sequence[LinkDecision],
        found_on: UrlKind,
        version: SourceVersion,
    ) -> MissedCounts:
        """Make the missed stories of a version due: see `rediscovery.queue_missed`."""
        now = datetime.now(UTC)
        with run_log.writing(self.store, run) as db:
            rediscovery.record_source(db, run, version.page_id, now)
            return rediscovery.queue_missed(db, run, self._site, decisions, found_on, version, now)

    @_retrying
    def remake_placements(
        self, run: int, page_id: int, shown: Sequence[tuple[datetime, Sequence[str]]]
    ) -> None:
        """Make the placements of a front page again: see `rediscovery.remake_placements`."""
        with run_log.writing(self.store, run) as db:
            rediscovery.record_source(db, run, page_id, datetime.now(UTC))
            rediscovery.remake_placements(db, page_id, shown)

    @_retrying
    def finish_run(
        self, run: int, status: str, detail: str = "", deferred: Reason = Reason.INTERRUPTED
    ) -> dict[str, int]:
        """Close a run and return its counts by outcome.

        What is still pending becomes DEFERRED for the reason `deferred`, and stays due.

        Args:
            run: The number of the run.
            status: How it ended: `finished`, `interrupted` or `failed`.
            detail: A sentence, where the status does not say enough.
            deferred: The reason of what was not done.

        Returns:
            The number of URLs by outcome. Their sum is the number of URLs of the run.
        """
        with self.store.write() as db:
            counts = run_log.close_run(db, run, status, detail, deferred)
        site_counts.refresh(self.store, self._site)
        self._release()
        return counts

    def ensure_lock(self) -> None:
        """Make sure that this session has the site's lock.

        Raises:
            AlreadyRunning: The lock was lost, and another process has it now.
        """
        try:
            if self._lock is not None:
                self._lock.ensure_held()
        except AlreadyRunning as running:
            message = run_log.running_message(self.store, self._site, "crawl", running.holder)
            raise AlreadyRunning(message) from None

    def close(self) -> None:
        """Release the lock and close all connections."""
        self._release()
        self.store.close()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _link_batches(decisions: Sequence[LinkDecision]) -> list[Sequence[LinkDecision]]:
    """Split the links of a source into batches of the same size."""
    count = max(1, -(-len(decisions) // LINKS_PER_TRANSACTION))
    size = max(1, -(-len(decisions) // count))
    return [decisions[start : start + size] for start in range(0, max(1, len(decisions)), size)]


def _source_validators(capture: Capture, *, has_children: bool) -> dict[str, str]:
    """Return the validators for the next fetch of a source.

    An index of sitemaps is always fetched whole: a 304 would not name the children to fetch.
    """
    if has_children:
        return {"etag": "", "last_modified": ""}
    return captures.cache_validators(capture, has_body=True)


def _save_placements(
    db: Connection, saved: source_versions.SavedVersion, stories: Sequence[str]
) -> None:
    capture, last = saved.capture, saved.last_matched_at
    if stories:
        placements.save(db, capture.page_id, stories, last, capture.fetched_at)
    elif capture.outcome is Outcome.UNCHANGED:
        placements.save_unchanged(db, capture.page_id, last, capture.fetched_at)
