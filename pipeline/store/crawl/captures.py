"""Save the fetches of stories: bytes, captures, the new states of the pages, and ledger entries.

Many fetches are saved in one transaction of `CrawlSession`, with the same result as one after the
other in the given order. Bytes are stored once for each digest. Each statement is built once and
gets the values of all fetches: to build statements for each fetch costs more than the fetch
itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from pipeline.core.errors import StoreError
from pipeline.core.models import Capture, LinkDecision, Outcome, PartLink, Reason, UrlKind
from pipeline.core.pictures import PICTURE_TYPES
from pipeline.store.codec import dictionaries
from pipeline.store.codec.compression import ZstdDictionary, compress
from pipeline.store.crawl import frontier, parts, pictures
from pipeline.store.crawl.duplicate_urls import DuplicateFinder, NewPage, payload_ids_by_digest
from pipeline.store.db import run_log, story_changes
from pipeline.store.db.schema import CaptureRow, PageRow, PayloadRow
from pipeline.store.db.sql import chunks, insert_or_ignore, storable

PageState = Row[*tuple[Any, ...]]  # of SELECT_PAGES
log = logging.getLogger(__name__)

STATE_COLUMNS: Final = (
    "due_at",
    "attempts",
    "outcome",
    "reason",
    "payload_id",
    "last_matched_at",
    "gone_at",
    "etag",
    "last_modified",
    "redirect_to",
    "story_key",
    "requested_url",
)
SELECT_PAGES: Final = select(
    PageRow.id,
    PageRow.url,
    PageRow.url_key,
    PageRow.part_of,
    PageRow.kind,
    *(getattr(PageRow, name) for name in STATE_COLUMNS),
).where(PageRow.id.in_(bindparam("ids", expanding=True)))
NEW_STATE: Final[dict[str, Any]] = {name: bindparam(f"new_{name}") for name in STATE_COLUMNS}
UPDATE_PAGES: Final = (
    update(PageRow)
    .where(PageRow.id == bindparam("page"))
    .values(lease_run=None, lease_until=None, **NEW_STATE)
)
INSERT_CAPTURES: Final = insert(CaptureRow)


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """The response to the fetch of a story, and when to fetch it again."""

    capture: Capture
    due_at: datetime | None
    redirect_decision: LinkDecision | None = None  # about the target of a redirect
    parts: tuple[PartLink, ...] = ()  # to which the page links
    picture_url: str = ""  # of the lead picture to keep


@dataclass(frozen=True, slots=True)
class CompressedBody:
    """A body that is ready to be stored."""

    digest: str  # SHA-256 of the body as served, hex
    codec: str
    body: bytes
    dictionary_id: int | None = None


CompressedBodies = Mapping[int, CompressedBody]  # by index of the fetch


@dataclass(frozen=True, slots=True)
class BodyCompressor:
    """Compresses the bodies of a site, with the site's dictionary where it has one."""

    dictionary_id: int | None = None
    dictionary: ZstdDictionary | None = None

    @classmethod
    def for_site(cls, db: Connection, site: str) -> BodyCompressor:
        """Return the compressor of a site. A damaged dictionary is not used."""
        dictionary_id = dictionaries.current_dictionary_id(db, site)
        if dictionary_id is None:
            return cls()
        try:
            return cls(dictionary_id, dictionaries.load_dictionary(db, dictionary_id))
        except ValueError as error:
            log.warning(
                "%s; bytes are compressed without it; 'nightdesk verify --repair' repairs it",
                error,
            )
            return cls()

    def compress(self, body: bytes) -> CompressedBody:
        """Compress a body.

        Args:
            body: The bytes as the server sent them, without content coding.

        Returns:
            The digest of the body, the compressed bytes, and the id of the dictionary that they
            need.
        """
        digest = sha256(body).hexdigest()
        compress_body = compress if self.dictionary is None else self.dictionary.compress
        codec, compressed = compress_body(body)
        return CompressedBody(digest, codec, compressed, self.dictionary_id)


def compress_bodies(fetches: Sequence[FetchedPage], compressor: BodyCompressor) -> CompressedBodies:
    """Compress the bodies of fetches. Done before the transaction, so that it holds no lock."""
    bodies: dict[int, CompressedBody] = {}
    for index, fetch in enumerate(fetches):
        capture = fetch.capture
        if capture.outcome is Outcome.FETCHED and capture.body is not None:
            is_picture = capture.media_type in PICTURE_TYPES
            bodies[index] = (BodyCompressor() if is_picture else compressor).compress(capture.body)
    return bodies


def save(
    db: Connection, run: int, site: str, fetches: Sequence[FetchedPage], bodies: CompressedBodies
) -> tuple[Outcome, ...]:
    """Save fetches and return their outcomes.

    FETCHED becomes UNCHANGED where the bytes are those of the last fetch, and REDIRECTED where
    another URL has the story already.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        fetches: At least one fetch.
        bodies: The compressed bodies of the fetches.

    Raises:
        StoreError: A page is not in the archive any more.
    """
    targets = _save_redirect_targets(db, run, site, fetches)
    pages = _pages(db, [fetch.capture.page_id for fetch in fetches])
    stored = payload_ids_by_digest(db, [body.digest for body in bodies.values()])
    new_pages: dict[int, NewPage] = {}
    for index, body in bodies.items():
        capture = fetches[index].capture
        page = pages[capture.page_id]
        # a part often declares its story as canonical
        if page.part_of is None and page.kind != UrlKind.PICTURE:
            new_pages[index] = _new_page(page, capture, body)
    first_bytes = [page for page in new_pages.values() if pages[page.page_id].payload_id is None]
    finder = DuplicateFinder.load(db, site, stored, first_bytes)
    results: list[_CaptureResult] = []
    for index, fetch in enumerate(fetches):
        result = _CaptureResult.of(pages[fetch.capture.page_id], fetch, bodies.get(index))
        if index in targets:
            result.changes["redirect_to"] = targets[index]
        if index in new_pages:
            result.apply_story(new_pages[index], finder)
        result.apply_schedule()
        results.append(result)
    _save_results(db, run, stored, results)
    _save_parts(db, site, fetches, results)
    _save_pictures(db, run, site, fetches, results)
    moved = [result.page.id for result in results if result.is_gone_or_back]
    if moved:
        story_changes.refresh_presence(db, sorted(set(moved)))
    return tuple(result.outcome for result in results)


def _save_parts(
    db: Connection,
    site: str,
    fetches: Sequence[FetchedPage],
    results: Sequence[_CaptureResult],
) -> None:
    """Save new parts of stories, and make the known parts of visited stories due."""
    visited: list[int] = []
    changed: list[int] = []
    for fetch, result in zip(fetches, results, strict=True):
        page, at = result.page, result.capture.fetched_at
        is_visited = result.outcome in (Outcome.FETCHED, Outcome.UNCHANGED)
        if page.part_of is None and is_visited:
            visited.append(page.id)
        if result.outcome in (Outcome.FETCHED, Outcome.GONE):
            changed.append(page.part_of or page.id)
        if fetch.parts and is_visited:
            parts.save_links(db, site, page.part_of or page.id, fetch.parts, at)
    if visited:
        parts.make_due(db, visited, max(result.capture.fetched_at for result in results))
    if changed:
        parts.mark_changed(db, sorted(set(changed)))


def _save_pictures(
    db: Connection,
    run: int,
    site: str,
    fetches: Sequence[FetchedPage],
    results: Sequence[_CaptureResult],
) -> None:
    """Save the lead pictures of stories. Those that are new are due at once."""
    urls: dict[int, str] = {}
    for fetch, result in zip(fetches, results, strict=True):
        if fetch.picture_url and result.outcome in (Outcome.FETCHED, Outcome.UNCHANGED):
            urls[result.page.id] = fetch.picture_url
    if urls:
        at = max(result.capture.fetched_at for result in results)
        pictures.save_links(db, run, site, urls, at)


def _save_redirect_targets(
    db: Connection, run: int, site: str, fetches: Sequence[FetchedPage]
) -> dict[int, int]:
    """Save the targets of redirects. This comes first: a target may be one of the fetched pages."""
    targets: dict[int, int] = {}
    for index, fetch in enumerate(fetches):
        decision, at = fetch.redirect_decision, fetch.capture.fetched_at
        if decision is not None:
            targets[index] = frontier.save_redirect_target(db, run, site, decision, at)
    return targets


def _save_results(
    db: Connection, run: int, stored: Mapping[str, int], results: Sequence[_CaptureResult]
) -> None:
    bodies = [(result.capture, result.body) for result in results if result.body is not None]
    payload_ids = save_payloads(db, stored, bodies)
    captures: list[dict[str, Any]] = []
    for result in results:
        result.resolve_payload(payload_ids)
        if result.is_new:
            captures.append(result.capture_row(run))
    if captures:
        db.execute(INSERT_CAPTURES, captures)
    db.execute(UPDATE_PAGES, [result.page_row() for result in results])
    outcomes = [(result.capture, result.outcome, result.reason) for result in results]
    run_log.record_outcomes(db, run, outcomes)


def _pages(db: Connection, ids: Sequence[int]) -> dict[int, PageState]:
    pages: dict[int, PageState] = {}
    for chunk in chunks(ids):
        for row in db.execute(SELECT_PAGES, {"ids": chunk}):
            pages[row.id] = row
    for page_id in ids:
        if page_id not in pages:
            raise StoreError(f"page {page_id} is not in the archive any more")
    return pages


def _new_page(page: PageState, capture: Capture, body: CompressedBody) -> NewPage:
    return NewPage.from_url(page.id, page.url, page.url_key, capture.canonical_url, body.digest)


@dataclass(slots=True)
class _CaptureResult:
    """The result of one fetch on its way into the rows."""

    page: PageState
    capture: Capture
    due_at: datetime | None
    outcome: Outcome
    reason: Reason
    body: CompressedBody | None
    changes: dict[str, Any]  # of the page's state

    @classmethod
    def of(cls, page: PageState, fetch: FetchedPage, body: CompressedBody | None) -> _CaptureResult:
        capture = fetch.capture
        return cls(page, capture, fetch.due_at, capture.outcome, capture.reason, body, {})

    def apply_story(self, new_page: NewPage, finder: DuplicateFinder) -> None:
        """Give the page its story key, or make it a redirect where another page has the story."""
        self.changes["story_key"] = new_page.story_key
        if self.page.payload_id is not None:
            return
        duplicate = finder.match(new_page)
        if duplicate is None:
            return
        # its bytes add nothing, and the other page is the one that is fetched again
        self.outcome, self.reason = Outcome.REDIRECTED, Reason.DUPLICATE
        self.capture = replace(
            self.capture, outcome=self.outcome, reason=self.reason, detail=duplicate.detail
        )
        self.body, self.due_at = None, None
        self.changes = {"redirect_to": duplicate.page_id}

    def apply_schedule(self) -> None:
        """Set when the page is due, how often it failed, and since when it is gone."""
        if self.outcome is Outcome.GONE:
            self.changes["gone_at"] = self.page.gone_at or self.capture.fetched_at
        has_failed = self.outcome in (Outcome.FAILED, Outcome.DEFERRED)
        self.changes["due_at"] = self.due_at
        self.changes["attempts"] = self.page.attempts + 1 if has_failed else 0

    def resolve_payload(self, payload_ids: Mapping[str, int]) -> None:
        """Decide whether the bytes are new, once they have an id."""
        if self.body is not None:
            payload_id = payload_ids[self.body.digest]
            self.changes["payload_id"] = payload_id
            self.outcome, self.reason = _outcome_of_bytes(self.page.payload_id, payload_id)
        if self.capture.requested_url:
            self.changes["requested_url"] = self.capture.requested_url
        if self.outcome in (Outcome.FETCHED, Outcome.UNCHANGED):
            self.changes |= {"last_matched_at": self.capture.fetched_at, "gone_at": None}
            self.changes |= cache_validators(self.capture, has_body=self.body is not None)
        self.changes |= {"outcome": self.outcome, "reason": self.reason}

    @property
    def is_new(self) -> bool:
        """Whether the fetch returned something new. That a page is there again is new, too."""
        if self.outcome is Outcome.UNCHANGED:
            return self.page.gone_at is not None
        return self.outcome not in (Outcome.REFUSED, Outcome.DEFERRED)

    @property
    def is_gone_or_back(self) -> bool:
        """Whether the page was there before the fetch and is not now, or the other way round."""
        gone_at = self.changes.get("gone_at", self.page.gone_at)
        return (gone_at is None) is not (self.page.gone_at is None)

    def capture_row(self, run: int) -> dict[str, Any]:
        payload_id = None
        if self.body is not None and self.outcome is not Outcome.UNCHANGED:
            payload_id = self.changes["payload_id"]
        prior_seen_at, url = self.page.last_matched_at, self.page.url
        return capture_row(run, self.capture, payload_id, prior_seen_at, self.reason, url)

    def page_row(self) -> dict[str, Any]:
        """Return the page's state after the fetch. What does not change is written as it was."""
        before = self.page._mapping
        state = {f"new_{name}": self.changes.get(name, before[name]) for name in STATE_COLUMNS}
        return state | {"page": self.page.id}


def save_payloads(
    db: Connection, stored: Mapping[str, int], bodies: Sequence[tuple[Capture, CompressedBody]]
) -> Mapping[str, int]:
    """Store the bytes that are new.

    Args:
        db: A write transaction.
        stored: The ids of payloads that are known to be stored, by digest.
        bodies: The fetched bytes.

    Returns:
        The ids of all these payloads by digest.
    """
    # the first fetch of the same bytes describes them
    first_by_digest = {body.digest: (capture, body) for capture, body in reversed(bodies)}
    # the same order everywhere: two crawls may store the same bytes
    new_digests = sorted(first_by_digest.keys() - stored.keys())
    if not new_digests:
        return stored
    rows = [_payload_row(*first_by_digest[digest]) for digest in new_digests]
    db.execute(insert_or_ignore(db, PayloadRow, ["digest"]), rows)
    return {**stored, **payload_ids_by_digest(db, new_digests)}


def _payload_row(capture: Capture, body: CompressedBody) -> dict[str, Any]:
    return {
        "digest": body.digest,
        "size": len(capture.body or b""),
        "codec": body.codec,
        "body": body.body,
        "dictionary_id": body.dictionary_id,
        "media_type": capture.media_type,
        "charset": capture.charset,
        "first_seen_at": capture.fetched_at,
    }


def _outcome_of_bytes(before: int | None, now: int) -> tuple[Outcome, Reason]:
    if before == now:
        return Outcome.UNCHANGED, Reason.SAME_BYTES
    if before is None:
        return Outcome.FETCHED, Reason.NEW
    return Outcome.FETCHED, Reason.CHANGED


def cache_validators(capture: Capture, *, has_body: bool) -> dict[str, str]:
    """Return the validators of a response for the next conditional request.

    A 304 may repeat its validators or leave them out (RFC 9110, section 15.4.5), so only a
    response with a body clears them.
    """
    validators = {
        "etag": capture.headers.get("etag", ""),
        "last_modified": capture.headers.get("last-modified", ""),
    }
    if has_body:
        return validators
    return {name: value for name, value in validators.items() if value}


def capture_row(
    run: int,
    capture: Capture,
    payload_id: int | None,
    prior_seen_at: datetime | None,
    reason: Reason,
    url: str = "",
) -> dict[str, Any]:
    """Return the values of a row for a fetch.

    Args:
        run: The run's id.
        capture: The fetch.
        payload_id: The stored bytes; None without any.
        prior_seen_at: The last fetch that returned the payload before.
        reason: Why the fetch has its outcome.
        url: The URL of the page. Another spelling that was requested is stored with the fetch.
    """
    requested_url = "" if capture.requested_url == url else capture.requested_url
    return {
        "page_id": capture.page_id,
        "run_id": run,
        "fetched_at": capture.fetched_at,
        "status": capture.status,
        "outcome": capture.outcome,
        "reason": reason,
        "headers": dict(capture.headers),
        "media_type": capture.media_type,
        "charset": capture.charset,
        "payload_id": payload_id,
        "size": capture.size,
        "elapsed_ms": capture.elapsed_ms,
        "location": storable(capture.location),
        "detail": storable(capture.detail),
        "opt_outs": " ".join(capture.opt_outs),
        "prior_seen_at": prior_seen_at,
        "requested_url": storable(requested_url),
    }
