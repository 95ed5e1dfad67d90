"""Store the versions of sources: feeds, sitemaps, sections, front pages and robots.txt.

A fetch that brought other bytes than the fetch before becomes a capture with a payload. The
versions of a source differ little, so a later version is compressed with an earlier one, which is
then a dictionary of this source. Another version takes its place when the differences have grown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from math import sqrt
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from pipeline.core.errors import StoreError
from pipeline.core.models import Capture, Outcome, Reason
from pipeline.store.codec import dictionaries, dictionary_training
from pipeline.store.codec.compression import MAX_VERSION_BYTES, ZstdDictionary, compress
from pipeline.store.codec.dictionary_training import TrainedDictionary
from pipeline.store.crawl import captures
from pipeline.store.crawl.captures import CompressedBody
from pipeline.store.crawl.duplicate_urls import payload_ids_by_digest
from pipeline.store.db import run_log
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import DictionaryRow, PageRow

# A new dictionary stores one version twice, so it has to make the next version clearly smaller.
MAX_RELATIVE_SIZE: Final = 0.7
MIN_VERSION_BYTES: Final = 1024  # of a smaller version, a dictionary takes more than it saves

PageState = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SourceDictionary:
    """The newest dictionary of a source."""

    id: int
    first_ratio: float  # compressed size / size of the first version that it compressed

    def is_worn(self, size: int, compressed: int, alone: int) -> bool:
        """Return whether another dictionary pays off.

        What a version adds is added again with each later version, until another dictionary,
        which costs twice the size `alone`, takes its place. The sum is least where a version
        takes twice the geometric mean of `alone` and of the first version.

        Args:
            size: Bytes of the version.
            compressed: Its bytes, compressed with this dictionary.
            alone: Its bytes, compressed without a dictionary.
        """
        limit = 2 * sqrt(alone * self.first_ratio * size)
        return compressed > min(limit, 0.9 * alone)


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """The fetch of a source as it was saved.

    Attributes:
        capture: The fetch. Bytes that the fetch before brought, too, make FETCHED to UNCHANGED.
        last_matched_at: When a fetch before it last returned the list.
    """

    capture: Capture
    last_matched_at: datetime | None


def compress_version(store: Database, capture: Capture) -> CompressedBody | None:
    """Compress the bytes of a source before the transaction that saves them.

    Stores another dictionary first where that pays off.

    Args:
        store: The archive.
        capture: The fetch of a source.

    Returns:
        None where the fetch brought no bytes. Bytes that are stored already are not compressed.
    """
    body = capture.body
    if body is None:
        return None
    digest = sha256(body).hexdigest()
    with store.read() as db:
        if payload_ids_by_digest(db, (digest,)):
            return CompressedBody(digest, "", b"")
        page = _page(db, capture.page_id)
    codec, compressed = compress(body)
    alone = CompressedBody(digest, codec, compressed)
    if page.payload_id is None or not _may_be_dictionary(body):
        return alone
    return _compress_with_earlier_version(store, page, body, alone)


def _may_be_dictionary(version: bytes) -> bool:
    return MIN_VERSION_BYTES <= len(version) <= MAX_VERSION_BYTES


def _compress_with_earlier_version(
    store: Database, page: PageState, body: bytes, alone: CompressedBody
) -> CompressedBody:
    best = alone
    with store.read() as db:
        newest = _newest_dictionary(db, page.id)
        if newest is not None:
            packed = _compress_with(db, newest.id, body, alone)
            if not newest.is_worn(len(body), len(packed.body), len(alone.body)):
                return packed
            best = min(packed, alone, key=lambda candidate: len(candidate.body))
        previous = dictionary_training.payload_bodies(db, (page.payload_id,))
    content = previous.get(page.payload_id, b"")
    if not _may_be_dictionary(content):
        return best
    codec, compressed = ZstdDictionary(content).compress_version(body)
    if len(compressed) > MAX_RELATIVE_SIZE * len(best.body):
        return best
    ratio = len(compressed) / (len(body) or 1)
    trained = TrainedDictionary((page.payload_id,), content, ratio, page.payload_id)
    dictionary_id = dictionary_training.save(store, page.site, trained, source_id=page.id)
    return CompressedBody(alone.digest, codec, compressed, dictionary_id)


def _compress_with(
    db: Connection, dictionary_id: int, body: bytes, alone: CompressedBody
) -> CompressedBody:
    try:
        dictionary = dictionaries.load_dictionary(db, dictionary_id)
    except dictionaries.DamagedDictionary:  # `verify --repair` makes it again
        return alone
    codec, compressed = dictionary.compress_version(body)
    return CompressedBody(alone.digest, codec, compressed, dictionary_id)


def _newest_dictionary(db: Connection, source_id: int) -> SourceDictionary | None:
    query = (
        select(DictionaryRow.id, DictionaryRow.median_ratio)
        .where(DictionaryRow.source_id == source_id)
        .order_by(DictionaryRow.id.desc())
    )
    row = db.execute(query.limit(1)).first()
    return None if row is None else SourceDictionary(row.id, row.median_ratio)


def save(
    db: Connection,
    run: int,
    capture: Capture,
    body: CompressedBody | None,
    validators: Mapping[str, str],
) -> SavedVersion:
    """Save the fetch of a source: its bytes, a capture, the state of its page, its ledger entry.

    Args:
        db: A write transaction.
        run: The run's id.
        capture: The fetch.
        body: Its compressed bytes; None where they are not kept.
        validators: The validators for the next request.

    Raises:
        StoreError: The page is not in the archive any more.
    """
    page = _page(db, capture.page_id)
    payload_id: int | None = None
    if body is not None:
        stored = payload_ids_by_digest(db, (body.digest,))
        payload_id = captures.save_payloads(db, stored, [(capture, body)])[body.digest]
    is_known = payload_id is not None and payload_id == page.payload_id
    saved = _as_unchanged(capture) if is_known else capture
    _update_page(db, page, saved, payload_id, validators)
    if _is_new(page, saved, is_known=is_known):
        reason = saved.reason
        if payload_id is not None and reason is Reason.NONE:
            reason = Reason.NEW if page.payload_id is None else Reason.CHANGED
        last = page.last_matched_at
        row = captures.capture_row(run, saved, payload_id, last, reason, page.url)
        db.execute(captures.INSERT_CAPTURES, [row])
    run_log.record_outcome(db, run, saved, saved.outcome, saved.reason)
    return SavedVersion(saved, page.last_matched_at)


def _as_unchanged(capture: Capture) -> Capture:
    """Return the fetch of known bytes. What was wrong with the list is wrong with it again."""
    if capture.outcome is not Outcome.FETCHED or capture.reason is not Reason.NONE:
        return capture
    return replace(capture, outcome=Outcome.UNCHANGED, reason=Reason.SAME_BYTES)


def _is_new(page: PageState, capture: Capture, *, is_known: bool) -> bool:
    """Return whether a fetch says something that the captures of its page do not say yet."""
    if capture.outcome is Outcome.FETCHED:
        return capture.body is not None and not is_known
    is_trouble = capture.outcome in (Outcome.FAILED, Outcome.GONE)
    return is_trouble and (capture.outcome, capture.reason) != (page.outcome, page.reason)


def _page(db: Connection, page_id: int) -> PageState:
    columns = (
        PageRow.id,
        PageRow.site,
        PageRow.url,
        PageRow.payload_id,
        PageRow.last_matched_at,
        PageRow.outcome,
        PageRow.reason,
        PageRow.gone_at,
    )
    row = db.execute(select(*columns).where(PageRow.id == page_id)).one_or_none()
    if row is None:
        raise StoreError(f"page {page_id} is not in the archive any more")
    return row


def _update_page(
    db: Connection,
    page: PageState,
    capture: Capture,
    payload_id: int | None,
    validators: Mapping[str, str],
) -> None:
    has_failed = capture.outcome in (Outcome.FAILED, Outcome.DEFERRED)
    values: dict[str, Any] = {
        "due_at": None,
        "attempts": PageRow.attempts + 1 if has_failed else 0,
        "lease_run": None,
        "lease_until": None,
        "outcome": capture.outcome,
        "reason": capture.reason,
        "requested_url": capture.requested_url or PageRow.requested_url,
        **validators,
    }
    if capture.outcome is Outcome.GONE:
        values["gone_at"] = page.gone_at or capture.fetched_at
    if payload_id is not None:
        values["payload_id"] = payload_id
    if capture.outcome in (Outcome.FETCHED, Outcome.UNCHANGED) or payload_id is not None:
        values |= {"last_matched_at": capture.fetched_at, "gone_at": None}
    db.execute(update(PageRow).where(PageRow.id == page.id).values(values))
