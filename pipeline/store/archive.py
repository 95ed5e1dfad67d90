"""The crawler's door: Runs, the frontier, Captures and Payloads. Everything above the waterline is written here.

Promises that each call is one transaction, so that a kill between two calls loses no Link and no byte and does nothing twice;
that bytes are stored once for each digest; that a Page is leased to one Run at a time; and that when a Run is over each URL
that it saw has one outcome. Calls block: a caller with an event loop makes them from a thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from pipeline.errors import AlreadyRunning, StoreError
from pipeline.model import Capture, Due, Kind, Link, Outcome, Place, Reason, Verdict
from pipeline.store import frontier, ledger, locks, migrate, twins
from pipeline.store.engine import Store
from pipeline.store.packing import pack
from pipeline.store.schema import Capture as CaptureRow
from pipeline.store.schema import Page, Payload
from pipeline.store.sql import insert_new, storable

LEASE = timedelta(minutes=30)  # longer than any one fetch; a dead Run's leases end when the next Run of the Site starts


@dataclass(frozen=True, slots=True)
class Met:
    """What keeping a Place's Links came to; `places` are the child sitemaps to be asked next."""

    new: int = 0
    known: int = 0
    refused: int = 0
    places: tuple[Due, ...] = ()


class Archive:
    """See the module's head. Made by `Archive.open`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock: locks.Lock | None = None
        self._site = ""

    @classmethod
    def open(cls, database_url: str) -> Archive:
        """The archive at that address, its schema made or upgraded. Raises StoreError."""
        store = Store(database_url)
        migrate.ensure(store)
        return cls(store)

    def start_run(self, site_id: str) -> int:
        """Begins a crawl of the Site and returns the Run's number. Raises AlreadyRunning."""
        try:
            self._lock = locks.acquire(self.store, f"crawl:{site_id}")
        except AlreadyRunning:
            raise AlreadyRunning(ledger.running_since(self.store, site_id, "crawl")) from None
        self._site = site_id
        with self.store.write() as db:
            ledger.settle_dead(db, site_id, "crawl")
            return ledger.open_run(db, site_id, "crawl")

    def meet_place(self, run: int, place: Place) -> Due:
        """The Page of a Place, with the validators of its last visit, and a pending entry for it in the ledger."""
        with self.store.write() as db:
            return frontier.meet(db, run, self._site, (Link(place.url, place.kind),), datetime.now(UTC), again=True)[0]

    def keep_place(self, run: int, capture: Capture, verdicts: Sequence[Verdict], found_on: Kind) -> Met:
        """Keeps a visit to a Place and the Links it showed. The validators are stored with the Links, never before them:
        else a kill in between would make the next visit a 304 that shows no Link at all."""
        with self.store.write() as db:
            page = _page(db, capture.page_id)
            children = [v.link for v in verdicts if v.outcome is Outcome.PENDING and v.link.kind is not Kind.STORY]
            # An index is asked whole every time: a 304 would not name the children that have to be asked.
            validators: dict[str, object] = (
                {"etag": "", "last_modified": ""} if children else _validators(capture, has_body=True)
            )
            _mark(db, capture, None, validators if capture.outcome is Outcome.FETCHED else {})
            if capture.outcome in (Outcome.FAILED, Outcome.GONE):
                _add_capture(db, run, capture, None, page.confirmed_at)
            ledger.settle(db, run, capture, capture.outcome, capture.reason)
            found = frontier.keep_links(db, run, self._site, verdicts, found_on, capture.fetched_at)
            places = frontier.meet(db, run, self._site, children, capture.fetched_at)
            return Met(found.new, found.known, found.refused, places)

    def take_due(self, run: int, limit: int) -> tuple[Due, ...]:
        """Up to `limit` story Pages that are due, newest first, leased to this Run."""
        now = datetime.now(UTC)
        with self.store.write() as db:
            return frontier.take(db, run, self._site, now, now + LEASE, limit)

    def keep(self, run: int, capture: Capture, due_at: datetime | None, verdict: Verdict | None = None) -> Outcome:
        """Keeps one visit to a story: its bytes, its Capture, the Page's new state and its entry in the ledger.

        `verdict` judges the target of a redirect, which becomes a Page of its own. Returns the outcome as kept: FETCHED becomes
        UNCHANGED where the bytes are those of the last visit, and REDIRECTED where the story is kept under another URL.
        """
        packed = _packed(capture)
        with self.store.write() as db:
            page = _page(db, capture.page_id)
            changes = dict[str, object]()
            is_first = page.payload_id is None
            twin = twins.find(db, self._site, page.url, capture, packed[0]) if packed is not None and is_first else None
            if twin is not None:  # its bytes add nothing, and it need not be asked again: the other one is
                capture = replace(capture, outcome=Outcome.REDIRECTED, reason=Reason.DUPLICATE, detail=twin.detail)
                packed, due_at, changes = None, None, {"redirect_to": twin.page_id}
            outcome, reason = capture.outcome, capture.reason
            if packed is not None:
                changes["story_key"] = twins.story_key(page.url, capture.canonical_url)
                payload_id = _payload_id(db, capture, packed)
                outcome, reason = _refined(page.payload_id, payload_id)
                changes |= {"payload_id": payload_id}
            if outcome in (Outcome.FETCHED, Outcome.UNCHANGED):
                changes |= {"confirmed_at": capture.fetched_at, "gone_at": None, **_validators(capture, packed is not None)}
            elif outcome is Outcome.GONE:
                changes["gone_at"] = page.gone_at or capture.fetched_at
            if verdict is not None:
                changes["redirect_to"] = frontier.keep_target(db, run, self._site, verdict, capture.fetched_at)
            if outcome not in (Outcome.UNCHANGED, Outcome.REFUSED, Outcome.DEFERRED):
                _add_capture(db, run, capture, changes.get("payload_id"), page.confirmed_at, reason)
            _mark(db, capture, due_at, changes, outcome, reason)
            ledger.settle(db, run, capture, outcome, reason)
            return outcome

    def finish_run(self, run: int, status: str, detail: str = "", deferred: Reason = Reason.INTERRUPTED) -> dict[str, int]:
        """Ends a Run: what is still pending becomes DEFERRED for the given reason and stays due. Returns counts by outcome."""
        with self.store.write() as db:
            counts = ledger.close_run(db, run, status, detail, deferred)
        self._release()
        return counts

    def close(self) -> None:
        self._release()
        self.store.close()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _page(db: Connection, page_id: int) -> Row[*tuple[Any, ...]]:
    row = db.execute(select(Page.payload_id, Page.confirmed_at, Page.gone_at, Page.url).where(Page.id == page_id)).one_or_none()
    if row is None:
        raise StoreError(f"page {page_id} is not in the archive any more")
    return row


def _packed(capture: Capture) -> tuple[str, str, bytes] | None:
    """(digest, coding, packed body), made before the transaction so that no lock is held for it."""
    if capture.outcome is not Outcome.FETCHED or capture.body is None:
        return None
    return sha256(capture.body).hexdigest(), *pack(capture.body)


def _payload_id(db: Connection, capture: Capture, packed: tuple[str, str, bytes]) -> int:
    digest, coding, body = packed
    values = {
        "digest": digest,
        "size": len(capture.body or b""),
        "coding": coding,
        "body": body,
        "media_type": capture.media_type,
        "charset": capture.charset,
        "first_seen_at": capture.fetched_at,
    }
    found = db.scalar(select(Payload.id).where(Payload.digest == digest))
    if found is None:
        db.execute(insert_new(db, Payload, ["digest"]), [values])
        found = db.scalar(select(Payload.id).where(Payload.digest == digest))
    assert found is not None
    return found


def _refined(before: int | None, now: int) -> tuple[Outcome, Reason]:
    if before == now:
        return Outcome.UNCHANGED, Reason.SAME_BYTES
    return Outcome.FETCHED, Reason.NEW if before is None else Reason.CHANGED


def _validators(capture: Capture, has_body: bool) -> dict[str, object]:
    """A 304 may repeat its validators or leave them out; only a body may clear them."""
    values: dict[str, object] = {
        "etag": capture.headers.get("etag", ""),
        "last_modified": capture.headers.get("last-modified", ""),
    }
    return values if has_body else {key: value for key, value in values.items() if value}


def _add_capture(
    db: Connection,
    run: int,
    capture: Capture,
    payload_id: object,
    prior_seen_at: datetime | None,
    reason: Reason | None = None,
) -> None:
    db.execute(
        insert(CaptureRow).values(
            page_id=capture.page_id,
            run_id=run,
            fetched_at=capture.fetched_at,
            status=capture.status,
            outcome=capture.outcome,
            reason=reason or capture.reason,
            headers=dict(capture.headers),
            media_type=capture.media_type,
            charset=capture.charset,
            payload_id=payload_id,
            size=capture.size,
            elapsed_ms=capture.elapsed_ms,
            location=storable(capture.location),
            detail=storable(capture.detail),
            opt_outs=" ".join(capture.opt_outs),
            prior_seen_at=prior_seen_at,
        )
    )


def _mark(
    db: Connection,
    capture: Capture,
    due_at: datetime | None,
    changes: dict[str, object],
    outcome: Outcome | None = None,
    reason: Reason | None = None,
) -> None:
    """The Page's state after a visit: when it is due next, and its lease given back."""
    tried_in_vain = capture.outcome in (Outcome.FAILED, Outcome.DEFERRED)
    db.execute(
        update(Page)
        .where(Page.id == capture.page_id)
        .values(
            due_at=due_at,
            attempts=Page.attempts + 1 if tried_in_vain else 0,
            lease_run=None,
            lease_until=None,
            outcome=outcome or capture.outcome,
            reason=reason or capture.reason,
            **changes,
        )
    )
