"""Visits to stories are kept: bytes, Captures, the Pages' new state and their entries in the ledger, many in one transaction.

All of it works inside a transaction of `archive`. Promises that the result is that of keeping the visits one after the
other, in the order given, and that bytes are stored once for each digest. Each statement is built once and is given the values
of all visits: built for each visit anew, the statements cost more than fetching the page.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from pipeline.core.errors import StoreError
from pipeline.core.models import Capture, LinkDecision, Outcome, Reason
from pipeline.store.codec import dictionaries
from pipeline.store.codec.compression import ZstdDictionary, compress
from pipeline.store.crawl import frontier
from pipeline.store.crawl.duplicate_urls import NewPage, DuplicateFinder, payload_ids_by_digest
from pipeline.store.db import run_log
from pipeline.store.db.schema import CaptureRow, PageRow, PayloadRow
from pipeline.store.db.sql import chunks, insert_or_ignore, storable

PageState = Row[*tuple[Any, ...]]
log = logging.getLogger(__name__)

STATE_COLUMNS = (
    "due_at", "attempts", "outcome", "reason", "payload_id", "last_matched_at", "gone_at", "etag", "last_modified", "redirect_to",
    "story_key",
)  # fmt: skip
SELECT_PAGES = select(
    PageRow.id, PageRow.url, PageRow.url_key, *(getattr(PageRow, name) for name in STATE_COLUMNS)
).where(PageRow.id.in_(bindparam("ids", expanding=True)))
UPDATE_PAGES = (
    update(PageRow.__table__)  # type: ignore[arg-type]
    .where(PageRow.id == bindparam("page"))
    .values(lease_run=None, lease_until=None, **{name: bindparam(f"new_{name}") for name in STATE_COLUMNS})
)
INSERT_CAPTURES = insert(CaptureRow.__table__)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """What a story's server answered, and when to ask again. `verdict` judges the target of a redirect."""

    capture: Capture
    due_at: datetime | None
    redirect_decision: LinkDecision | None = None


@dataclass(frozen=True, slots=True)
class CompressedBody:
    """A body made ready to be stored."""

    digest: str
    codec: str
    body: bytes
    dictionary_id: int | None = None


CompressedBodies = Mapping[int, CompressedBody]  # by the visit's place in the sequence


@dataclass(frozen=True, slots=True)
class BodyCompressor:
    """How bodies of a Site are packed: by a dictionary of its own, where it has one."""

    dictionary_id: int | None = None
    dictionary: ZstdDictionary | None = None

    @classmethod
    def for_site(cls, db: Connection, site: str) -> BodyCompressor:
        """By the dictionary of the Site; one that is damaged is not used."""
        number = dictionaries.current_dictionary_id(db, site)
        if number is None:
            return cls()
        try:
            return cls(number, dictionaries.load_dictionary(db, number))
        except ValueError as error:
            log.warning(
                "%s; bytes are packed without it, and 'nightdesk verify --repair' mends it", error
            )
            return cls()

    def compress(self, body: bytes) -> CompressedBody:
        digest = sha256(body).hexdigest()
        return CompressedBody(
            digest, *(self.dictionary.compress(body) if self.dictionary else compress(body)), self.dictionary_id
        )


def compress_bodies(visits: Sequence[FetchedPage], packer: BodyCompressor) -> CompressedBodies:
    """The bodies of what was fetched, packed: before the transaction, so that no lock is held for it."""
    bodies = ((number, visit.capture) for number, visit in enumerate(visits))
    return {
        number: packer.compress(capture.body)
        for number, capture in bodies
        if capture.outcome is Outcome.FETCHED and capture.body is not None
    }


def save(
    db: Connection, run: int, site: str, visits: Sequence[FetchedPage], packs: CompressedBodies
) -> tuple[Outcome, ...]:
    """Keeps the visits and returns the outcomes as kept: FETCHED becomes UNCHANGED where the bytes are those of the last visit,
    and REDIRECTED where the story is kept under another URL. Raises StoreError where a Page is gone from the archive."""
    targets = {  # first, since a target may be a Page that is visited here too
        number: frontier.save_redirect_target(db, run, site, visit.redirect_decision, visit.capture.fetched_at)
        for number, visit in enumerate(visits)
        if visit.redirect_decision is not None
    }
    pages = _pages(db, [visit.capture.page_id for visit in visits])
    stored = payload_ids_by_digest(db, [pack.digest for pack in packs.values()])
    fresh = {
        number: _new_page(pages[visits[number].capture.page_id], visits[number], pack)
        for number, pack in packs.items()
    }
    twins = DuplicateFinder.load(
        db,
        site,
        stored,
        [each for number, each in fresh.items() if _is_first(pages, visits[number])],
    )
    settled: list[_CaptureResult] = []
    for number, visit in enumerate(visits):
        page = pages[visit.capture.page_id]
        settled.append(
            _capture_result(page, visit, packs.get(number), fresh.get(number), targets.get(number), twins)
        )
    payloads = save_payloads(
        db, stored, [(each.capture, each.body) for each in settled if each.body is not None]
    )
    for each in settled:
        each.resolve_payload(payloads)
    if captures := [row for each in settled if (row := each.capture_row(run)) is not None]:
        db.execute(INSERT_CAPTURES, captures)
    db.execute(UPDATE_PAGES, [each.page_row() for each in settled])
    run_log.record_outcomes(db, run, [(each.capture, each.outcome, each.reason) for each in settled])
    return tuple(each.outcome for each in settled)


def _pages(db: Connection, ids: Sequence[int]) -> dict[int, PageState]:
    found = {row.id: row for chunk in chunks(ids) for row in db.execute(SELECT_PAGES, {"ids": chunk})}
    for page in ids:
        if page not in found:
            raise StoreError(f"page {page} is not in the archive any more")
    return found


def _new_page(page: PageState, visit: FetchedPage, pack: CompressedBody) -> NewPage:
    return NewPage.from_url(page.id, page.url, page.url_key, visit.capture.canonical_url, pack.digest)


def _is_first(pages: Mapping[int, PageState], visit: FetchedPage) -> bool:
    """Whether these are the first bytes of the Page, which may be those of a twin."""
    return pages[visit.capture.page_id].payload_id is None


@dataclass(slots=True)
class _CaptureResult:
    """What one visit comes to, on its way into the rows."""

    page: PageState
    capture: Capture
    outcome: Outcome
    reason: Reason
    body: CompressedBody | None
    changes: dict[str, Any]

    def resolve_payload(self, payloads: Mapping[str, int]) -> None:
        """Whether the bytes are new is known once they have a number."""
        if self.body is not None:
            now = self.changes["payload_id"] = payloads[self.body.digest]
            self.outcome, self.reason = _outcome_of_bytes(self.page.payload_id, now)
        if self.outcome in (Outcome.FETCHED, Outcome.UNCHANGED):
            self.changes |= {"last_matched_at": self.capture.fetched_at, "gone_at": None}
            self.changes |= cache_validators(self.capture, has_body=self.body is not None)
        self.changes |= {"outcome": self.outcome, "reason": self.reason}

    def capture_row(self, run: int) -> dict[str, Any] | None:
        """The visit, if it brought something new."""
        if self.outcome in (Outcome.UNCHANGED, Outcome.REFUSED, Outcome.DEFERRED):
            return None
        payload = self.changes.get("payload_id") if self.body is not None else None
        return capture_row(run, self.capture, payload, self.page.last_matched_at, self.reason)

    def page_row(self) -> dict[str, Any]:
        """The Page's state after it; what does not change is written as it was."""
        before = self.page._mapping
        state = {f"new_{name}": self.changes.get(name, before[name]) for name in STATE_COLUMNS}
        return state | {"page": self.page.id}


def _capture_result(
    page: PageState,
    visit: FetchedPage,
    pack: CompressedBody | None,
    fresh: NewPage | None,
    target: int | None,
    twins: DuplicateFinder,
) -> _CaptureResult:
    capture, due_at = visit.capture, visit.due_at
    changes: dict[str, Any] = {} if target is None else {"redirect_to": target}
    if fresh is not None:
        changes["story_key"] = fresh.story_key
        twin = twins.match(fresh) if page.payload_id is None else None
        if (
            twin is not None
        ):  # its bytes add nothing, and it need not be asked again: the other one is
            capture = replace(
                capture, outcome=Outcome.REDIRECTED, reason=Reason.DUPLICATE, detail=twin.detail
            )
            pack, due_at, changes = None, None, {"redirect_to": twin.page_id}
    if capture.outcome is Outcome.GONE:
        changes["gone_at"] = page.gone_at or capture.fetched_at
    in_vain = capture.outcome in (Outcome.FAILED, Outcome.DEFERRED)
    changes |= {"due_at": due_at, "attempts": page.attempts + 1 if in_vain else 0}
    return _CaptureResult(page, capture, capture.outcome, capture.reason, pack, changes)


def save_payloads(
    db: Connection, stored: Mapping[str, int], bodies: Sequence[tuple[Capture, CompressedBody]]
) -> Mapping[str, int]:
    """The numbers of all these bytes by digest; those that are not there yet are stored."""
    wanted = {pack.digest: (capture, pack) for capture, pack in reversed(bodies)}
    rows = [
        {
            "digest": digest,
            "size": len(capture.body or b""),
            "codec": pack.codec,
            "body": pack.body,
            "dictionary_id": pack.dictionary_id,
            "media_type": capture.media_type,
            "charset": capture.charset,
            "first_seen_at": capture.fetched_at,
        }
        for digest, (capture, pack) in sorted(
            wanted.items()
        )  # in one order everywhere: two crawls may store the same bytes
        if digest not in stored
    ]
    if not rows:
        return stored
    db.execute(insert_or_ignore(db, PayloadRow, ["digest"]), rows)
    return {**stored, **payload_ids_by_digest(db, [str(row["digest"]) for row in rows])}


def _outcome_of_bytes(before: int | None, now: int) -> tuple[Outcome, Reason]:
    if before == now:
        return Outcome.UNCHANGED, Reason.SAME_BYTES
    return Outcome.FETCHED, Reason.NEW if before is None else Reason.CHANGED


def cache_validators(capture: Capture, *, has_body: bool) -> dict[str, str]:
    """A 304 may repeat its validators or leave them out; only a body may clear them."""
    values = {
        "etag": capture.headers.get("etag", ""),
        "last_modified": capture.headers.get("last-modified", ""),
    }
    return values if has_body else {key: value for key, value in values.items() if value}


def capture_row(
    run: int, capture: Capture, payload: int | None, prior_seen_at: datetime | None, reason: Reason
) -> dict[str, Any]:
    """The values of a row for a visit."""
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
        "payload_id": payload,
        "size": capture.size,
        "elapsed_ms": capture.elapsed_ms,
        "location": storable(capture.location),
        "detail": storable(capture.detail),
        "opt_outs": " ".join(capture.opt_outs),
        "prior_seen_at": prior_seen_at,
    }
