"""Read the stored versions of sources again, and queue the stories that were missed.

A story is missed where the archive has no page of its URL, or where it was refused by rules that
accept it now. What is known or was fetched stays as it is: an old version of a source says nothing
new about it. So a second call queues nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from pipeline.core.models import LISTING_KINDS, LinkDecision, Outcome, Reason, UrlKind
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.crawl import frontier, placements
from pipeline.store.crawl.frontier import page_key
from pipeline.store.db import run_log, taken_down
from pipeline.store.db.schema import CaptureRow, LedgerEntryRow, PageRow, PayloadRow


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A source of which the archive has bytes."""

    page_id: int
    url: str
    url_key: str
    kind: UrlKind


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """One version of a source; `base` is the URL that its bytes came from."""

    page_id: int
    payload_id: int
    fetched_at: datetime
    base: str
    content_type: str


@dataclass(frozen=True, slots=True)
class MissedCounts:
    """How many links of a version were queued, are known, or are refused."""

    queued: int = 0
    known: int = 0
    refused: int = 0


def stored_sources(db: Connection, site: str) -> tuple[StoredSource, ...]:
    """Return the feeds, sitemaps, sections and front pages of a site that have bytes.

    Args:
        db: A connection that reads.
        site: The id of the site.

    Returns:
        Each source once, however many versions it has.
    """
    kinds = (*LISTING_KINDS, UrlKind.FRONT_PAGE)
    query = (
        select(PageRow.id, PageRow.url, PageRow.kind)
        .where(PageRow.site == site, PageRow.kind != UrlKind.STORY, PageRow.kind.in_(kinds))
        .where(PageRow.payload_id.is_not(None))
        .order_by(PageRow.id)
    )
    sources: list[StoredSource] = []
    for row in db.execute(query):
        # two sites may have a page each for one source, so the key of the row may be another one
        key = page_key(row.url)
        sources.append(StoredSource(row.id, row.url, key, UrlKind(row.kind)))
    return tuple(sources)


def source_versions(
    db: Connection, page_id: int, since: datetime | None
) -> tuple[SourceVersion, ...]:
    """Return the versions of a source, oldest first.

    Args:
        db: A transaction.
        page_id: The page of the source.
        since: Only versions that a fetch at this time or later may have shown: those that came
            later, and the one before them.
    """
    query = (
        select(
            CaptureRow.payload_id,
            CaptureRow.fetched_at,
            CaptureRow.location,
            CaptureRow.headers,
            PageRow.url,
        )
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(CaptureRow.page_id == page_id, CaptureRow.payload_id.is_not(None))
        .order_by(CaptureRow.fetched_at, CaptureRow.id)
    )
    if since is not None:
        in_force = select(func.max(CaptureRow.fetched_at)).where(
            CaptureRow.page_id == page_id,
            CaptureRow.payload_id.is_not(None),
            CaptureRow.fetched_at <= since,
        )
        query = query.where(
            CaptureRow.fetched_at >= func.coalesce(in_force.scalar_subquery(), since)
        )
    return tuple(_version(page_id, row) for row in db.execute(query).all())


def _version(page_id: int, row: Row[*tuple[Any, ...]]) -> SourceVersion:
    content_type = str(row.headers.get("content-type", ""))
    base = row.location or row.url
    return SourceVersion(page_id, row.payload_id, row.fetched_at, base, content_type)


def version_body(db: Connection, version: SourceVersion) -> bytes | None:
    """Return the bytes of a version; None where they are damaged."""
    query = select(*COMPRESSED_COLUMNS).where(PayloadRow.id == version.payload_id)
    try:
        return decompress_payload(db, *db.execute(query).one())
    except ValueError:
        return None


def queue_missed(
    db: Connection,
    run: int,
    site: str,
    decisions: Sequence[LinkDecision],
    found_on: UrlKind,
    version: SourceVersion,
    now: datetime,
) -> MissedCounts:
    """Make the missed stories of a version due, and add them to the ledger.

    Args:
        db: A write transaction.
        run: The run's id.
        site: The site's id.
        decisions: The links of the version and what was decided about them.
        found_on: The kind of the source.
        version: The version. A page that is new was first seen when it was fetched.
        now: The time of the run.
    """
    accepted: dict[str, LinkDecision] = {}
    refused = 0
    for decision in decisions:
        if decision.outcome is Outcome.REFUSED:
            refused += 1
        elif decision.link.kind is UrlKind.STORY:
            accepted.setdefault(page_key(decision.link.url), decision)
    accepted = taken_down.without_taken_down(db, accepted)
    pages = frontier.pages_by_key(db, list(accepted))
    new = {key: decision for key, decision in accepted.items() if key not in pages}
    frontier.insert_pages(db, site, new, found_on, version.fetched_at)
    queued = [page.id for page in frontier.pages_by_key(db, list(new)).values()]
    changes: dict[int, dict[str, Any]] = {}
    for page in pages.values():
        is_ours = page.site == site and page.kind == UrlKind.STORY
        if is_ours and page.due_at is None and frontier.is_refusal_lifted(page):
            changes[page.id] = {"due_at": now}
    frontier.update_pages(db, changes)
    queued += changes
    run_log.add_entries(db, run, [(page, Outcome.PENDING, Reason.NONE) for page in queued], now)
    return MissedCounts(len(queued), len(accepted) - len(queued), refused)


def record_source(db: Connection, run: int, page_id: int, now: datetime) -> None:
    """Add a source that was read to the ledger."""
    run_log.add_entries(db, run, [(page_id, Outcome.KNOWN, Reason.READ_AGAIN)], now)


def remake_placements(
    db: Connection, page_id: int, shown: Sequence[tuple[datetime, Sequence[str]]]
) -> None:
    """Make the placements of a front page again, as far back as its versions are stored.

    Args:
        db: A write transaction.
        page_id: The page of the front page.
        shown: The stories of each version in their order, with the time of the version.
    """
    if not shown:
        return
    placements.delete_since(db, page_id, shown[0][0])
    last: datetime | None = None
    for at, stories in _visits(db, page_id, shown):
        if stories is None:
            placements.save_unchanged(db, page_id, last, at)
        else:
            placements.save(db, page_id, stories, last, at)
        last = at


def _visits(
    db: Connection, page_id: int, shown: Sequence[tuple[datetime, Sequence[str]]]
) -> Iterator[tuple[datetime, Sequence[str] | None]]:
    """All visits to a front page by time: those with a version, and those that changed nothing."""
    query = select(LedgerEntryRow.at).where(
        LedgerEntryRow.page_id == page_id,
        LedgerEntryRow.outcome == Outcome.UNCHANGED,
        LedgerEntryRow.at > shown[0][0],
    )
    visits: dict[datetime, Sequence[str] | None] = dict.fromkeys(db.scalars(query))
    visits.update(shown)
    yield from sorted(visits.items(), key=lambda visit: visit[0])
