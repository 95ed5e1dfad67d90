"""The crawler's door: Runs, the frontier, Captures and Payloads. Everything above the waterline is written here.

Promises that each call is one transaction, so that a kill between two calls loses no Link and no byte and does nothing twice;
that bytes are stored once for each digest; that a Page is leased to one Run at a time; and that when a Run is over each URL
that it saw has one outcome. While the database is away, a call waits for it and is made again, for some minutes. Calls block: a
caller with an event loop makes them from a thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select, update

from pipeline.core.errors import AlreadyRunning, StoreError
from pipeline.core.models import (
    Capture,
    CrawlSource,
    DueUrl,
    Link,
    LinkDecision,
    Outcome,
    Reason,
    UrlKind,
)
from pipeline.store.crawl import captures, frontier
from pipeline.store.crawl.captures import FetchedPage
from pipeline.store.db import locks, migrate, run_log, site_counts
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.db.schema import PageRow

__all__ = ["CrawlSession", "SourceSaved", "FetchedPage", "running_crawl_message"]

P = ParamSpec("P")
T = TypeVar("T")
LEASE_DURATION = timedelta(
    minutes=30
)  # longer than any one fetch; a dead Run's leases end when the next Run of the Site starts


@dataclass(frozen=True, slots=True)
class SourceSaved:
    """What keeping a Place's Links came to; `places` are the child sitemaps to be asked next."""

    new: int = 0
    known: int = 0
    refused: int = 0
    child_sources: tuple[DueUrl, ...] = ()


def running_crawl_message(store: Database, site: str) -> str:
    """The sentence for someone who would come second to a crawl of the Site; "" where none is at work."""
    try:
        locks.acquire(store, f"crawl:{site}").release()
    except AlreadyRunning as first:
        return run_log.running_message(store, site, "crawl", first.holder)
    return ""


def _retrying(
    call: Callable[Concatenate[CrawlSession, P], T],
) -> Callable[Concatenate[CrawlSession, P], T]:
    """The same call, made again while the database is away, and each time only with the Site's lock in hand."""

    @wraps(call)
    def again(archive: CrawlSession, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def once() -> T:
            archive.ensure_lock()
            return call(archive, *args, **kwargs)

        return retry_while_unavailable(once)

    return again


class CrawlSession:
    """See the module's head. Made by `Archive.open`."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self._lock: locks.Lock | None = None
        self._site = ""
        self._compressor = captures.BodyCompressor()

    @classmethod
    def open(cls, database_url: str) -> CrawlSession:
        """The archive at that address, its schema made or upgraded. Raises StoreError."""
        store = Database(database_url)
        retry_while_unavailable(lambda: migrate.ensure(store))
        return cls(store)

    def start_run(self, site_id: str, scope: str = "") -> int:
        """Begins a crawl of the Site and returns the Run's number; `scope` says what of the Site is asked for where that is not
        an ordinary night. Raises AlreadyRunning."""
        try:
            self._lock = retry_while_unavailable(lambda: locks.acquire(self.store, f"crawl:{site_id}"))
        except AlreadyRunning as first:
            raise AlreadyRunning(
                run_log.running_message(self.store, site_id, "crawl", first.holder)
            ) from None
        self._site = site_id
        return self._open_run(scope)

    @_retrying
    def _open_run(self, scope: str) -> int:
        with self.store.read() as db:
            self._compressor = captures.BodyCompressor.for_site(db, self._site)
        with self.store.write() as db:
            run_log.close_interrupted_runs(db, self._site, "crawl")
            return run_log.open_run(db, self._site, "crawl", scope=scope)

    @_retrying
    def register_source(self, run: int, place: CrawlSource) -> DueUrl:
        """The Page of a Place, with the validators of its last visit, and a pending entry for it in the ledger."""
        with self.store.write() as db:
            return frontier.register_sources(
                db, run, self._site, (Link(place.url, place.kind),), datetime.now(UTC), again=True
            )[0]

    @_retrying
    def last_read(self, urls: Sequence[str]) -> dict[str, datetime]:
        """When Places were last read, in any Run; one that never was is left out."""
        with self.store.read() as db:
            return frontier.last_read(db, self._site, urls)

    @_retrying
    def save_source(
        self, run: int, capture: Capture, verdicts: Sequence[LinkDecision], found_on: UrlKind
    ) -> SourceSaved:
        """Keeps a visit to a Place and the Links it showed. The validators are stored with the Links, never before them:
        else a kill in between would make the next visit a 304 that shows no Link at all."""
        with self.store.write() as db:
            prior_seen_at = _last_matched_at(db, capture.page_id)
            children = [
                v.link
                for v in verdicts
                if v.outcome is Outcome.PENDING and v.link.kind is not UrlKind.STORY
            ]
            # An index is asked whole every time: a 304 would not name the children that have to be asked.
            validators = (
                {"etag": "", "last_modified": ""}
                if children
                else captures.cache_validators(capture, has_body=True)
            )
            _update_source_page(db, capture, validators if capture.outcome is Outcome.FETCHED else {})
            if capture.outcome in (Outcome.FAILED, Outcome.GONE):
                db.execute(
                    captures.INSERT_CAPTURES,
                    [captures.capture_row(run, capture, None, prior_seen_at, capture.reason)],
                )
            run_log.record_outcome(db, run, capture, capture.outcome, capture.reason)
            found = frontier.save_links(db, run, self._site, verdicts, found_on, capture.fetched_at)
            places = frontier.register_sources(db, run, self._site, children, capture.fetched_at)
            if capture.outcome is Outcome.FETCHED:
                run_log.set_link_count(db, run, capture.page_id, len(verdicts))
            return SourceSaved(found.new, found.known, found.refused, places)

    @_retrying
    def lease_due(self, run: int, limit: int) -> tuple[DueUrl, ...]:
        """Up to `limit` story Pages that are due, newest first, leased to this Run."""
        now = datetime.now(UTC)
        with self.store.write() as db:
            return frontier.lease_due(db, run, self._site, now, now + LEASE_DURATION, limit)

    def save_capture(
        self,
        run: int,
        capture: Capture,
        due_at: datetime | None,
        verdict: LinkDecision | None = None,
    ) -> Outcome:
        """Keeps one visit to a story: `keep_all` of one."""
        return self.save_captures(run, (FetchedPage(capture, due_at, verdict),))[0]

    def save_captures(self, run: int, visited: Sequence[FetchedPage]) -> tuple[Outcome, ...]:
        """Keeps visits to stories, all of them or none: their bytes, their Captures, the Pages' new state and their entries in
        the ledger. Returns the outcomes as kept: see `visits.keep`."""
        return self._save_compressed(run, visited, captures.compress_bodies(visited, self._compressor))

    @_retrying
    def _save_compressed(
        self, run: int, visited: Sequence[FetchedPage], packs: Mapping[int, captures.CompressedBody]
    ) -> tuple[Outcome, ...]:
        with self.store.write() as db:
            return captures.save(db, run, self._site, visited, packs)

    @_retrying
    def finish_run(
        self, run: int, status: str, detail: str = "", deferred: Reason = Reason.INTERRUPTED
    ) -> dict[str, int]:
        """Ends a Run: what is still pending becomes DEFERRED for the given reason and stays due. Returns counts by outcome."""
        with self.store.write() as db:
            counts = run_log.close_run(db, run, status, detail, deferred)
        site_counts.refresh(self.store, self._site)
        self._release()
        return counts

    def ensure_lock(self) -> None:
        """Makes sure of the Site's lock. Raises AlreadyRunning where it was lost, and another process has it now."""
        try:
            if self._lock is not None:
                self._lock.ensure_held()
        except AlreadyRunning as first:
            raise AlreadyRunning(
                run_log.running_message(self.store, self._site, "crawl", first.holder)
            ) from None

    def close(self) -> None:
        self._release()
        self.store.close()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _last_matched_at(db: Connection, page_id: int) -> datetime | None:
    row = db.execute(select(PageRow.last_matched_at).where(PageRow.id == page_id)).one_or_none()
    if row is None:
        raise StoreError(f"page {page_id} is not in the archive any more")
    seen: datetime | None = row.last_matched_at
    return seen


def _update_source_page(db: Connection, capture: Capture, changes: dict[str, str]) -> None:
    """A Place's state after a visit."""
    in_vain = capture.outcome in (Outcome.FAILED, Outcome.DEFERRED)
    db.execute(
        update(PageRow)
        .where(PageRow.id == capture.page_id)
        .values(
            due_at=None,
            attempts=PageRow.attempts + 1 if in_vain else 0,
            lease_run=None,
            lease_until=None,
            outcome=capture.outcome,
            reason=capture.reason,
            **changes,
        )
    )
