"""The door of imports: pages that others fetched, kept as visits of their own time, through the same tables as a crawl's.

Promises that each call is one transaction, that the same record is kept once however often it comes, that an old visit never
takes the place of a newer one (it becomes an earlier Capture, and the Page is cleaned again), and that pages which come in so
are never due for a crawl unless they were before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import Capture, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.crawl import captures, frontier
from pipeline.store.crawl.captures import FetchedPage
from pipeline.store.crawl.duplicate_urls import payload_ids_by_digest
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db import locks, run_log
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, LedgerEntryRow, PageRow, PayloadRow, RunRow
from pipeline.store.db.sql import chunks, insert_or_ignore, upsert

RUN_KIND = "import"
AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class ImportedPage:
    """One page as somebody else's visit met it."""

    url: str
    fetched_at: datetime
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "text/html"
    charset: str = ""
    canonical_url: str = ""  # where the page declares one that may be believed


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """What came and is no page, and why in a few words; `url` is "" where it has none."""

    url: str
    detail: str
    outcome: Outcome = Outcome.FAILED
    reason: Reason = Reason.BROKEN_RESPONSE
    at: datetime | None = None
    status: int | None = None


class ImportSession:
    """The door itself: one import at a time, with a Run for each Site that it brings pages of."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self._lock: locks.Lock | None = None
        self._runs: dict[str, int] = {}
        self._compressors: dict[str, captures.BodyCompressor] = {}

    def open(self) -> None:
        """Closes what a killed import left open. Raises AlreadyRunning."""
        try:
            self._lock = locks.acquire(self.store, RUN_KIND)
        except AlreadyRunning:
            raise AlreadyRunning(
                f"{self.store.name}: another import is at work; let it finish"
            ) from None
        with self.store.write() as db:
            for site in db.scalars(
                select(RunRow.site)
                .where(RunRow.kind == RUN_KIND, RunRow.status == "running")
                .distinct()
            ).all():
                run_log.close_interrupted_runs(db, site, RUN_KIND)

    def save_pages(self, brought: Sequence[tuple[str, ImportedPage]]) -> Counter[tuple[Outcome, Reason]]:
        """Keeps pages with their Sites, all of them or none, in their order; returns how they fared."""
        self._load_compressors({site for site, _ in brought})
        packs = [self._compressors[site].compress(each.body) for site, each in brought]
        fared: Counter[tuple[Outcome, Reason]] = Counter()
        runs = dict(self._runs)
        with self.store.write() as db:
            for number, (site, each) in enumerate(brought):
                if site not in runs:
                    runs[site] = run_log.open_run(db, site, RUN_KIND)
                fared[_save_page(db, runs[site], site, each, packs[number])] += 1
        self._runs = runs
        return fared

    def _load_compressors(self, sites: Collection[str]) -> None:
        if new := [site for site in sites if site not in self._compressors]:
            with self.store.read() as db:
                self._compressors |= {site: captures.BodyCompressor.for_site(db, site) for site in new}

    def record_skipped(self, left: Sequence[tuple[str, SkippedRecord]]) -> int:
        """Names in the ledger what was left out of Sites that pages came in for; returns how many it names."""
        by_site: dict[str, list[SkippedRecord]] = {}
        for site, each in left:
            by_site.setdefault(site, []).append(each)
        named = 0
        for site, some in by_site.items():
            for few in chunks(some):
                with self.store.write() as db:
                    named += _record_skipped(db, self._runs[site], site, few)
        return named

    def close(self, status: str, detail: str = "") -> tuple[int, ...]:
        """Ends the Runs, and returns their numbers."""
        if self._runs:
            with self.store.write() as db:
                for run in self._runs.values():
                    run_log.close_run(db, run, status, detail, Reason.INTERRUPTED)
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        return tuple(self._runs.values())


def sites_of(store: Database, urls: Sequence[str]) -> dict[str, str]:
    """The Sites of URLs that the archive knows."""
    keys = {page_key(url): url for url in urls}
    found = dict[str, str]()
    with store.read() as db:
        for chunk in chunks(list(keys)):
            rows = db.execute(
                select(PageRow.url_key, PageRow.site).where(PageRow.url_key.in_(chunk))
            )
            found |= {keys[key]: site for key, site in rows}
    return found


def body_of(store: Database, url: str, at: datetime) -> bytes | None:
    """The bytes that a visit to a URL met, None where there was none or it brought none."""
    query = select(*COMPRESSED_COLUMNS).join(CaptureRow, CaptureRow.payload_id == PayloadRow.id)
    query = query.join(PageRow, PageRow.id == CaptureRow.page_id).where(
        PageRow.url_key == page_key(url), CaptureRow.fetched_at == at
    )
    with store.read() as db:
        row = db.execute(query.limit(1)).first()
        return decompress_payload(db, *row) if row else None


def _fetched_page(page: int, each: ImportedPage, due_at: datetime | None) -> FetchedPage:
    capture = Capture(
        page_id=page, fetched_at=each.fetched_at, outcome=Outcome.FETCHED, reason=Reason.NEW, status=each.status,
        headers=dict(each.headers), media_type=each.media_type, charset=each.charset, body=each.body, size=len(each.body),
        canonical_url=each.canonical_url,
    )  # fmt: skip
    return FetchedPage(capture, due_at)


def _save_page(
    db: Connection, run: int, site: str, each: ImportedPage, pack: captures.CompressedBody
) -> tuple[Outcome, Reason]:
    before = _page(db, each.url)
    if before is not None and (before.site != site or before.kind != UrlKind.STORY):
        outcome = (Outcome.REFUSED, Reason.OTHER_SITE)
        run_log.add_entries(db, run, [(before.id, *outcome)], each.fetched_at)
        return outcome
    if before is None:
        frontier.save_links(
            db, run, site, (LinkDecision(Link(each.url)),), UrlKind.SECTION, each.fetched_at
        )
    page = before or _page(db, each.url)
    assert page is not None
    visit = _fetched_page(page.id, each, before.due_at if before is not None else None)
    if each.fetched_at < page.first_seen_at:
        db.execute(update(PageRow).where(PageRow.id == page.id).values(first_seen_at=each.fetched_at))
    if _has_capture(db, page.id, each.fetched_at):
        outcome = (Outcome.UNCHANGED, Reason.SAME_BYTES)
        run_log.record_outcome(db, run, visit.capture, *outcome)
        return outcome
    if page.last_matched_at is not None and each.fetched_at <= page.last_matched_at:
        return _save_earlier_capture(db, run, visit.capture, pack)
    (settled,) = captures.save(db, run, site, (visit,), {0: pack})
    reasons = {Outcome.UNCHANGED: Reason.SAME_BYTES, Outcome.REDIRECTED: Reason.DUPLICATE}
    return settled, reasons.get(settled, Reason.CHANGED if page.payload_id else Reason.NEW)


def _record_skipped(db: Connection, run: int, site: str, left: Sequence[SkippedRecord]) -> int:
    """A Page that is not known yet is made as one that a crawl may still fetch where it meets a link to it."""
    keyed = {page_key(each.url): each for each in reversed(left)}
    known = _pages(db, list(keyed))
    fresh = [key for key in keyed if key not in known]
    refused = [
        LinkDecision(Link(keyed[key].url), Outcome.REFUSED, Reason.NOT_ALLOWED) for key in fresh
    ]
    now = datetime.now(UTC)
    frontier.save_links(db, run, site, refused, UrlKind.SECTION, now)
    made = _pages(db, fresh)
    rows = {
        key: _entry(run, page.id, keyed[key], now)
        for key, page in (known | made).items()
        if page.site == site
    }
    if new := [row for key, row in rows.items() if key in made]:
        db.execute(
            upsert(
                db,
                LedgerEntryRow,
                ["run_id", "page_id"],
                ["outcome", "reason", "status", "at", "detail"],
            ),
            new,
        )
    if old := [
        row for key, row in rows.items() if key in known
    ]:  # what came in under the same address has the word
        db.execute(insert_or_ignore(db, LedgerEntryRow, ["run_id", "page_id"]), old)
    return len(rows)


def _entry(run: int, page: int, each: SkippedRecord, now: datetime) -> dict[str, Any]:
    values = {
        "outcome": each.outcome,
        "reason": each.reason,
        "status": each.status,
        "at": each.at or now,
        "detail": each.detail,
    }
    return {"run_id": run, "page_id": page} | values


def _pages(db: Connection, keys: Sequence[str]) -> dict[str, AnyRow]:
    query = select(PageRow.url_key, PageRow.id, PageRow.site)
    return {
        row.url_key: row
        for few in chunks(keys)
        for row in db.execute(query.where(PageRow.url_key.in_(few)))
    }


def _page(db: Connection, url: str) -> AnyRow | None:
    """The Page as it stands, held until the end of the transaction."""
    columns = (
        PageRow.id,
        PageRow.site,
        PageRow.kind,
        PageRow.first_seen_at,
        PageRow.last_matched_at,
        PageRow.due_at,
        PageRow.payload_id,
    )
    return db.execute(
        select(*columns).where(PageRow.url_key == page_key(url)).with_for_update()
    ).first()


def _has_capture(db: Connection, page: int, at: datetime) -> bool:
    query = select(CaptureRow.id).where(CaptureRow.page_id == page, CaptureRow.fetched_at == at)
    return db.execute(query.limit(1)).first() is not None


def _save_earlier_capture(
    db: Connection, run: int, capture: Capture, pack: captures.CompressedBody
) -> tuple[Outcome, Reason]:
    """A visit before the last one: of what the Page is now nothing changes, but of its history."""
    query = select(CaptureRow.fetched_at, PayloadRow.digest).join(
        PayloadRow, PayloadRow.id == CaptureRow.payload_id
    )
    query = query.where(
        CaptureRow.page_id == capture.page_id, CaptureRow.fetched_at < capture.fetched_at
    )
    last = db.execute(
        query.order_by(CaptureRow.fetched_at.desc(), CaptureRow.id.desc()).limit(1)
    ).first()
    if last is not None and last.digest == pack.digest:
        outcome = (Outcome.UNCHANGED, Reason.SAME_BYTES)
    else:
        outcome = (Outcome.FETCHED, Reason.CHANGED)
        stored = captures.save_payloads(db, payload_ids_by_digest(db, [pack.digest]), [(capture, pack)])
        row = captures.capture_row(
            run, capture, stored[pack.digest], last.fetched_at if last else None, Reason.CHANGED
        )
        db.execute(captures.INSERT_CAPTURES, [row])
        db.execute(update(PageRow).where(PageRow.id == capture.page_id).values(needs_clean=True))
    run_log.record_outcome(db, run, capture, *outcome)
    return outcome
