"""Nights and cleans in a few lines, through the sessions that the crawler and the cleaning use.

Extractors and rules are stand-ins: each line of a body is a paragraph, the first one also the
title, and a body that begins with WALL is no article. What the store does with results does not
depend on how they were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from pipeline.cleaning.revisions import build_revisions, classify_outcome
from pipeline.core.clean_values import CleanInput, CleanOutcome, NewResult
from pipeline.core.models import (
    Block,
    BlockKind,
    Capture,
    CleanResult,
    CrawlSource,
    DueUrl,
    ExtractedPage,
    Link,
    LinkDecision,
    Metadata,
    Observation,
    Outcome,
    Reason,
    Recipe,
    RemovedBlock,
    UrlKind,
)
from pipeline.store.clean.line_sightings import PageSightings
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import PendingPayload
from pipeline.store.codec.compression import decompress
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.row_classes import Base

SITE = "courier"
NIGHT = datetime(2024, 3, 1, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)
RECIPE = Recipe("extractors-1", "rules-1")
FEED = CrawlSource("https://courier.example/feed.xml", UrlKind.FEED)
DATED = "Published on the first day of March"
FRONT_PAGE = CrawlSource("https://courier.example/", UrlKind.FRONT_PAGE)
WALL = "Before you go on"
NOTHING = PageSightings()


def url(name: str) -> str:
    """Return a URL of the site."""
    return f"https://courier.example/{name}"


@dataclass(frozen=True)
class Reply:
    """The response of a site to one URL."""

    body: bytes | None = None
    outcome: Outcome = Outcome.FETCHED
    reason: Reason = Reason.NEW
    status: int | None = 200
    etag: str = ""
    target: str = ""


NOT_MODIFIED = Reply(None, Outcome.UNCHANGED, Reason.NOT_MODIFIED, 304)
GONE = Reply(None, Outcome.GONE, Reason.NOT_FOUND, 404)
FAILED = Reply(None, Outcome.FAILED, Reason.CONNECT, None)


def capture(due: DueUrl, reply: Reply, at: datetime = NIGHT) -> Capture:
    """Return the capture of a response."""
    return Capture(
        page_id=due.page_id,
        fetched_at=at,
        outcome=reply.outcome,
        reason=reply.reason,
        status=reply.status,
        headers={"etag": reply.etag} if reply.etag else {},
        media_type="text/html" if reply.body else "",
        body=reply.body,
        size=len(reply.body or b""),
        location=reply.target,
    )


def links(*urls: str) -> tuple[LinkDecision, ...]:
    """Return links that the site accepts."""
    return tuple(LinkDecision(Link(address)) for address in urls)


def list_links(
    archive: CrawlSession,
    run: int,
    decisions: Iterable[LinkDecision],
    at: datetime = NIGHT,
    source: CrawlSource = FEED,
) -> DueUrl:
    """Save a source that lists links."""
    due = archive.register_source(run, source)
    # Without bytes: the captures and payloads of an archive are then those of its stories.
    archive.save_source(run, capture(due, Reply(), at), tuple(decisions), source.kind)
    return due


def night(
    archive: CrawlSession,
    replies: Mapping[str, bytes | Reply],
    at: datetime = NIGHT,
    site: str = SITE,
    source: CrawlSource = FEED,
) -> dict[str, Outcome]:
    """Run a whole crawl: one feed lists these URLs, each is fetched, and is due again at once."""
    run = archive.start_run(site)
    list_links(archive, run, links(*replies), at, source)
    outcomes: dict[str, Outcome] = {}
    for due in archive.lease_due(run, 1000):
        if due.url not in replies:  # due since an earlier night: it is deferred again
            continue
        reply = replies[due.url]
        if isinstance(reply, bytes):
            reply = Reply(reply)
        redirect = LinkDecision(Link(reply.target)) if reply.target else None
        outcomes[due.url] = archive.save_capture(
            run, capture(due, reply, at), None if redirect else at, redirect
        )
    archive.finish_run(run, "finished")
    return outcomes


def body_of(payload: PendingPayload) -> bytes:
    """Return the bytes to extract."""
    if payload.codec:
        return decompress(payload.codec, payload.raw_page.body)
    return payload.raw_page.body


def extracted_of(body: bytes, recipe: Recipe = RECIPE) -> ExtractedPage:
    """Return what the stand-in extractors make of a body. The line `DATED` gives it a date."""
    lines = body.decode("utf8", "surrogatepass").split("\n")
    blocks = tuple(Block(BlockKind.PARAGRAPH, line) for line in lines)
    metadata = Metadata(title=lines[0])
    if DATED in lines:
        metadata = replace(metadata, published_at=NIGHT, published_source="meta")
    return ExtractedPage(recipe.extractors, blocks, metadata)


def clean_outcome(page: CleanInput, recipe: Recipe = RECIPE, remove: str = "") -> CleanOutcome:
    """Return what a clean makes of a page. Lines that equal `remove` are removed."""
    results: list[NewResult] = []
    observations: list[Observation] = []
    for period in page.periods:
        result = _clean_result(period.extracted, recipe, remove)
        results.append(NewResult(period.payload_id, period.extracted_page_id, result))
        observations.append(
            Observation(result, period.payload_id, period.first_seen_at, period.last_seen_at)
        )
    results_by_payload = {result.payload_id: result for result in results}
    outcome, reason = classify_outcome(page.previous, observations[-1])
    return CleanOutcome(
        page.page_id,
        observations[-1].payload_id,
        tuple(results_by_payload.values()),
        build_revisions(observations),
        outcome,
        reason,
    )


def _clean_result(page: ExtractedPage, recipe: Recipe, remove: str) -> CleanResult:
    removed: list[RemovedBlock] = []
    kept: list[str] = []
    for index, block in enumerate(page.blocks):
        if block.text == remove:
            removed.append(RemovedBlock(index, "wanted", "the test says so"))
        else:
            kept.append(block.text)
    outcome, reason = Outcome.ARCHIVED, Reason.NONE
    if page.metadata.title.startswith(WALL):
        outcome, reason = Outcome.NOT_ARTICLE, Reason.CONSENT_WALL
    text = "\n".join(kept)
    return CleanResult(recipe, "", tuple(removed), page.metadata, text, outcome, reason)


def clean(
    store: Database,
    recipe: Recipe = RECIPE,
    site: str = SITE,
    remove: str = "",
    sightings: PageSightings | None = None,
) -> dict[str, int]:
    """Run a whole clean and return its counts by outcome."""
    session = CleanSession(store, site)
    run = session.start_run(recipe)
    extract_all(session, recipe, sightings or NOTHING)
    pages = session.stale_pages(recipe, 0, 1000)
    session.save_results(run, recipe, [clean_outcome(page, recipe, remove) for page in pages])
    return session.finish_run(run, "finished")


def extract_all(
    session: CleanSession, recipe: Recipe = RECIPE, sightings: PageSightings = NOTHING
) -> int:
    """Extract all pending payloads, and return how many there were."""
    payloads = session.pending_payloads(recipe, 0, 1000)
    extractions: list[tuple[int, ExtractedPage]] = []
    page_ids: set[int] = set()
    for payload in payloads:
        page = extracted_of(body_of(payload), recipe)
        extractions.append((payload.raw_page.payload_id, page))
        page_ids.update(page_id for page_id, _ in payload.pages)
    if extractions:
        session.save_extracted(extractions, dict.fromkeys(sorted(page_ids), sightings))
    return len(payloads)


def dump(
    store: Database, *tables: str, without: tuple[str, ...] = ()
) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the tables named, or of all; `without` leaves columns out."""
    contents: dict[str, list[tuple[Any, ...]]] = {}
    with store.read() as db:
        for table in Base.metadata.sorted_tables:
            if tables and table.name not in tables:
                continue
            columns = [column for column in table.columns if column.name not in without]
            query = select(*columns).order_by(*table.primary_key)
            contents[table.name] = [tuple(row) for row in db.execute(query)]
        if not tables:
            tokens = "title, body, names, marks" if store.is_sqlite else "words::text"
            index = text(f"SELECT rowid, {tokens} FROM article_index ORDER BY 1")
            contents["article_index"] = [tuple(row) for row in db.execute(index)]
    return contents


def rows(store: Database, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with store.read() as db:
        return [tuple(row) for row in db.execute(text(statement), values)]


def one(store: Database, statement: str, **values: object) -> Any:
    """Return the one value of a query."""
    ((value,),) = rows(store, statement, **values)
    return value


def do(store: Database, statement: str, **values: object) -> None:
    """Execute a statement that no session would."""
    with store.write() as db:
        db.execute(text(statement), values)
