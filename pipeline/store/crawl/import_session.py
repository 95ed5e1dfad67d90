"""The session of an import: pages that somebody else fetched are saved as captures of their time.

They go through the same tables as those of a crawl. Each call is one transaction, and the same
record is saved once however often it comes. An old fetch never replaces a newer one: it becomes
an earlier capture, and the page is cleaned again. Imported pages are due for a crawl only where
they were due before.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import Capture, Link, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.crawl import captures, frontier, source_versions
from pipeline.store.crawl.captures import CompressedBody, FetchedPage
from pipeline.store.crawl.duplicate_urls import payload_ids_by_digest
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db import locks, run_log, taken_down
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import CaptureRow, LedgerEntryRow, PageRow, PayloadRow, RunRow
from pipeline.store.db.sql import chunks, insert_or_ignore, upsert

RUN_KIND: Final = "import"
PAGE_COLUMNS: Final = (
    PageRow.id,
    PageRow.site,
    PageRow.kind,
    PageRow.first_seen_at,
    PageRow.last_matched_at,
    PageRow.due_at,
    PageRow.payload_id,
)

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class ImportedPage:
    """One page as somebody else fetched it."""

    url: str
    fetched_at: datetime
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "text/html"
    charset: str = ""
    canonical_url: str = ""  # where the page declares one that can be trusted
    opt_outs: tuple[str, ...] = ()  # noarchive, noai, tdm
    kind: UrlKind = UrlKind.STORY


@dataclass(frozen=True, slots=True)
class SkippedRecord:
    """A record that is no page, and the reason in a few words."""

    url: str  # "" where the record has none
    detail: str
    outcome: Outcome = Outcome.FAILED
    reason: Reason = Reason.BROKEN_RESPONSE
    at: datetime | None = None
    status: int | None = None


class ImportSession:
    """One import at a time, with a run for each site that it has pages of."""

    def __init__(self, store: Database) -> None:
        self.store = store
        self._lock: locks.Lock | None = None
        self._runs: dict[str, int] = {}
        self._compressors: dict[str, captures.BodyCompressor] = {}

    def open(self) -> None:
        """Take the lock of imports, and close the runs of an import that was killed.

        Raises:
            AlreadyRunning: Another import is active.
        """
        try:
            self._lock = locks.acquire(self.store, RUN_KIND)
        except AlreadyRunning:
            raise AlreadyRunning(
                f"{self.store.name}: another import is at work; let it finish"
            ) from None
        is_open = (RunRow.kind == RUN_KIND, RunRow.status == "running")
        with self.store.write() as db:
            for site in db.scalars(select(RunRow.site).where(*is_open).distinct()).all():
                run_log.close_interrupted_runs(db, site, RUN_KIND)

    def save_pages(
        self, pages: Sequence[tuple[str, ImportedPage]]
    ) -> Counter[tuple[Outcome, Reason]]:
        """Save pages in their order, all of them or none.

        Args:
            pages: The site and the page of each.

        Returns:
            How many pages have each outcome and reason.
        """
        self._load_compressors({site for site, _ in pages})
        bodies = [self._compressors[site].compress(page.body) for site, page in pages]
        counts: Counter[tuple[Outcome, Reason]] = Counter()
        runs = dict(self._runs)
        with self.store.write() as db:
            for site in sorted({site for site, _ in pages if site in runs}):
                run_log.require_running(db, runs[site])
            for (site, page), body in zip(pages, bodies, strict=True):
                if site not in runs:
                    runs[site] = run_log.open_run(db, site, RUN_KIND)
                save = _save_page if page.kind is UrlKind.STORY else _save_source
                counts[save(db, runs[site], site, page, body)] += 1
        self._runs = runs
        return counts

    def _load_compressors(self, sites: Collection[str]) -> None:
        new = [site for site in sites if site not in self._compressors]
        if not new:
            return
        with self.store.read() as db:
            for site in new:
                self._compressors[site] = captures.BodyCompressor.for_site(db, site)

    def record_skipped(self, records: Sequence[tuple[str, SkippedRecord]]) -> int:
        """Add records that are no pages to the ledgers of sites that have pages in this import.

        Args:
            records: The site and the record of each.

        Returns:
            How many records are in a ledger now.
        """
        by_site: dict[str, list[SkippedRecord]] = defaultdict(list)
        for site, record in records:
            by_site[site].append(record)
        count = 0
        for site, site_records in by_site.items():
            for chunk in chunks(site_records):
                with run_log.writing(self.store, self._runs[site]) as db:
                    count += _record_skipped(db, self._runs[site], site, chunk)
        return count

    def close(self, status: str, detail: str = "") -> tuple[int, ...]:
        """Close the runs, release the lock, and return the ids of the runs."""
        if self._runs:
            with self.store.write() as db:
                for run in self._runs.values():
                    run_log.close_run(db, run, status, detail, Reason.INTERRUPTED)
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        return tuple(self._runs.values())


def sites_of(store: Database, urls: Sequence[str]) -> dict[str, str]:
    """Return the sites of URLs. A URL that the archive does not know is left out.

    Args:
        store: The archive.
        urls: URLs in any spelling.

    Returns:
        The ids of sites by the URL as it was given.
    """
    url_by_key = {page_key(url): url for url in urls}
    sites: dict[str, str] = {}
    query = select(PageRow.url_key, PageRow.site)
    with store.read() as db:
        for chunk in chunks(list(url_by_key)):
            for key, site in db.execute(query.where(PageRow.url_key.in_(chunk))):
                sites[url_by_key[key]] = site
    return sites


def body_of(store: Database, url: str, at: datetime) -> bytes | None:
    """Return the bytes that the fetch of a URL at that time returned.

    Returns:
        None where there is no such fetch, or it returned no bytes.
    """
    query = (
        select(*COMPRESSED_COLUMNS)
        .join(CaptureRow, CaptureRow.payload_id == PayloadRow.id)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(PageRow.url_key == page_key(url), CaptureRow.fetched_at == at)
    )
    with store.read() as db:
        row = db.execute(query.limit(1)).first()
        return decompress_payload(db, *row) if row else None


def _fetched_page(page_id: int, page: ImportedPage, due_at: datetime | None) -> FetchedPage:
    capture = Capture(
        page_id=page_id,
        fetched_at=page.fetched_at,
        outcome=Outcome.FETCHED,
        reason=Reason.NEW,
        status=page.status,
        headers=dict(page.headers),
        media_type=page.media_type,
        charset=page.charset,
        body=page.body,
        size=len(page.body),
        canonical_url=page.canonical_url,
        opt_outs=page.opt_outs,
    )
    return FetchedPage(capture, due_at)


def _save_page(
    db: Connection, run: int, site: str, page: ImportedPage, body: CompressedBody
) -> tuple[Outcome, Reason]:
    at = page.fetched_at
    key = page_key(page.url)
    if taken_down.tombstones(db, [key]):
        decision = LinkDecision(Link(page.url))
        frontier.save_links(db, run, site, (decision,), UrlKind.SECTION, at)
        return Outcome.REFUSED, Reason.TAKEN_DOWN
    existing = _page_row(db, page.url)
    if existing is not None and (existing.site != site or existing.kind != UrlKind.STORY):
        run_log.add_entries(db, run, [(existing.id, Outcome.REFUSED, Reason.OTHER_SITE)], at)
        return Outcome.REFUSED, Reason.OTHER_SITE
    if existing is None:
        decision = LinkDecision(Link(page.url))
        frontier.save_links(db, run, site, (decision,), UrlKind.SECTION, at)
    row = existing or _page_row(db, page.url)
    assert row is not None
    due_at = None if existing is None else existing.due_at
    fetch = _fetched_page(row.id, page, due_at)
    if at < row.first_seen_at:
        db.execute(update(PageRow).where(PageRow.id == row.id).values(first_seen_at=at))
    if _has_capture(db, row.id, at):
        outcome = (Outcome.UNCHANGED, Reason.SAME_BYTES)
        run_log.record_outcome(db, run, fetch.capture, *outcome)
        return outcome
    if row.last_matched_at is not None and at <= row.last_matched_at:
        return _save_earlier_capture(db, run, fetch.capture, body)
    (saved,) = captures.save(db, run, site, (fetch,), {0: body})
    return saved, _reason(saved, had_payload=bool(row.payload_id))


def _save_source(
    db: Connection, run: int, site: str, page: ImportedPage, body: CompressedBody
) -> tuple[Outcome, Reason]:
    """Save a version of a source. A page that is a story already stays one."""
    at = page.fetched_at
    existing = _page_row(db, page.url)
    if existing is not None and existing.kind == UrlKind.STORY:
        run_log.add_entries(db, run, [(existing.id, Outcome.KNOWN, Reason.NOT_DUE)], at)
        return Outcome.KNOWN, Reason.NOT_DUE
    link = Link(page.url, page.kind)
    (due,) = frontier.register_sources(db, run, site, (link,), at, again=True)
    capture = _fetched_page(due.page_id, page, None).capture
    if _has_capture(db, due.page_id, at):
        outcome = (Outcome.UNCHANGED, Reason.SAME_BYTES)
        run_log.record_outcome(db, run, capture, *outcome)
        return outcome
    last = db.scalar(select(PageRow.last_matched_at).where(PageRow.id == due.page_id))
    if last is not None and at <= last:
        return _save_earlier_capture(db, run, capture, body)
    capture = replace(capture, reason=Reason.NONE)
    saved = source_versions.save(db, run, capture, body, {}).capture.outcome
    return saved, _reason(saved, had_payload=last is not None)


def _reason(outcome: Outcome, *, had_payload: bool) -> Reason:
    if outcome is Outcome.UNCHANGED:
        return Reason.SAME_BYTES
    if outcome is Outcome.REDIRECTED:
        return Reason.DUPLICATE
    return Reason.CHANGED if had_payload else Reason.NEW


def _record_skipped(db: Connection, run: int, site: str, records: Sequence[SkippedRecord]) -> int:
    """Add records to a ledger. A page that is new may still be fetched where a crawl finds it."""
    record_by_key = {page_key(record.url): record for record in reversed(records)}
    known = _pages_by_key(db, list(record_by_key))
    new_keys = [key for key in record_by_key if key not in known]
    refused: list[LinkDecision] = []
    for key in new_keys:
        link = Link(record_by_key[key].url)
        refused.append(LinkDecision(link, Outcome.REFUSED, Reason.NOT_ALLOWED))
    now = datetime.now(UTC)
    frontier.save_links(db, run, site, refused, UrlKind.SECTION, now)
    created = _pages_by_key(db, new_keys)
    new_rows: list[dict[str, Any]] = []
    known_rows: list[dict[str, Any]] = []
    for key, page in (known | created).items():
        if page.site == site:
            rows = new_rows if key in created else known_rows
            rows.append(_ledger_row(run, page.id, record_by_key[key], now))
    entry_key = ["run_id", "page_id"]
    if new_rows:
        changed = ["outcome", "reason", "status", "at", "detail"]
        db.execute(upsert(db, LedgerEntryRow, entry_key, changed), new_rows)
    if known_rows:  # a page that was imported under the same URL keeps its entry
        db.execute(insert_or_ignore(db, LedgerEntryRow, entry_key), known_rows)
    return len(new_rows) + len(known_rows)


def _ledger_row(run: int, page_id: int, record: SkippedRecord, now: datetime) -> dict[str, Any]:
    return {
        "run_id": run,
        "page_id": page_id,
        "outcome": record.outcome,
        "reason": record.reason,
        "status": record.status,
        "at": record.at or now,
        "detail": record.detail,
    }


def _pages_by_key(db: Connection, keys: Sequence[str]) -> dict[str, AnyRow]:
    pages: dict[str, AnyRow] = {}
    query = select(PageRow.url_key, PageRow.id, PageRow.site)
    for chunk in chunks(keys):
        for row in db.execute(query.where(PageRow.url_key.in_(chunk))):
            pages[row.url_key] = row
    return pages


def _page_row(db: Connection, url: str) -> AnyRow | None:
    """Read the page of a URL, and lock it until the end of the transaction."""
    query = select(*PAGE_COLUMNS).where(PageRow.url_key == page_key(url))
    return db.execute(query.with_for_update()).first()


def _has_capture(db: Connection, page_id: int, at: datetime) -> bool:
    query = select(CaptureRow.id).where(CaptureRow.page_id == page_id, CaptureRow.fetched_at == at)
    return db.execute(query.limit(1)).first() is not None


def _save_earlier_capture(
    db: Connection, run: int, capture: Capture, body: CompressedBody
) -> tuple[Outcome, Reason]:
    """Save a fetch before the last one. The state of the page stays; its history changes."""
    query = (
        select(CaptureRow.fetched_at, PayloadRow.digest)
        .join(PayloadRow, PayloadRow.id == CaptureRow.payload_id)
        .where(CaptureRow.page_id == capture.page_id, CaptureRow.fetched_at < capture.fetched_at)
        .order_by(CaptureRow.fetched_at.desc(), CaptureRow.id.desc())
    )
    previous = db.execute(query.limit(1)).first()
    if previous is not None and previous.digest == body.digest:
        outcome = (Outcome.UNCHANGED, Reason.SAME_BYTES)
        run_log.record_outcome(db, run, capture, *outcome)
        return outcome
    outcome = (Outcome.FETCHED, Reason.CHANGED)
    stored = payload_ids_by_digest(db, [body.digest])
    payload_ids = captures.save_payloads(db, stored, [(capture, body)])
    prior_seen_at = None if previous is None else previous.fetched_at
    row = captures.capture_row(
        run, capture, payload_ids[body.digest], prior_seen_at, Reason.CHANGED
    )
    db.execute(captures.INSERT_CAPTURES, [row])
    db.execute(update(PageRow).where(PageRow.id == capture.page_id).values(needs_clean=True))
    run_log.record_outcome(db, run, capture, *outcome)
    return outcome
