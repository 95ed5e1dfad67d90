"""Nights and cleans in a few lines, through the same doors that the crawler and the cleaning use.

The craft is a stand-in: each line of a body is a paragraph, the first one also the title, and a body that begins with WALL is
no article. What the store does with results does not depend on how they were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from pipeline.cleaning.revisions import classify_outcome, build_revisions
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
from pipeline.store.clean.types import CleanOutcome, CleanInput, NewResult, PendingPayload
from pipeline.store.codec.compression import decompress
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.types import Base

SITE = "courier"
NIGHT = datetime(2024, 3, 1, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)
RECIPE = Recipe("extractors-1", "rules-1")
FEED = CrawlSource("https://courier.example/feed.xml", UrlKind.FEED)
WALL = "Before you go on"
NOTHING = PageSightings()


def url(name: str) -> str:
    return f"https://courier.example/{name}"


@dataclass(frozen=True)
class Reply:
    """What a site answers to one URL."""

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
    return tuple(LinkDecision(Link(each)) for each in urls)


def show(
    archive: CrawlSession,
    run: int,
    verdicts: Iterable[LinkDecision],
    at: datetime = NIGHT,
    place: CrawlSource = FEED,
) -> DueUrl:
    """A Place that shows Links."""
    due = archive.register_source(run, place)
    archive.save_source(run, capture(due, Reply(b"<rss/>"), at), tuple(verdicts), place.kind)
    return due


def night(
    archive: CrawlSession,
    replies: Mapping[str, bytes | Reply],
    at: datetime = NIGHT,
    site: str = SITE,
    place: CrawlSource = FEED,
) -> dict[str, Outcome]:
    """A whole crawl: all these URLs are linked by one feed, each is visited, and is due again at once."""
    run = archive.start_run(site)
    show(archive, run, links(*replies), at, place)
    outcomes = {}
    for due in archive.lease_due(run, 1000):
        if due.url not in replies:  # due since an earlier night: deferred once more
            continue
        reply = replies[due.url]
        reply = Reply(reply) if isinstance(reply, bytes) else reply
        verdict = LinkDecision(Link(reply.target)) if reply.target else None
        outcomes[due.url] = archive.save_capture(
            run, capture(due, reply, at), None if verdict else at, verdict
        )
    archive.finish_run(run, "finished")
    return outcomes


def body_of(payload: PendingPayload) -> bytes:
    """The bytes to extract."""
    return decompress(payload.codec, payload.raw_page.body) if payload.codec else payload.raw_page.body


def draft_of(body: bytes, recipe: Recipe = RECIPE) -> ExtractedPage:
    lines = body.decode("utf8", "surrogatepass").split("\n")
    blocks = tuple(Block(BlockKind.PARAGRAPH, line) for line in lines)
    return ExtractedPage(recipe.extractors, blocks, Metadata(title=lines[0]))


def cleaned(material: CleanInput, recipe: Recipe = RECIPE, strike: str = "") -> CleanOutcome:
    """What becomes of a Page; lines that are `strike` are struck."""
    made = {
        met.payload_id: (met.extracted_page_id, _extraction(met.extracted, recipe, strike))
        for met in material.periods
    }
    sightings = [
        Observation(made[met.payload_id][1], met.payload_id, met.first_seen_at, met.last_seen_at)
        for met in material.periods
    ]
    outcome, reason = classify_outcome(material.previous, sightings[-1])
    rows = tuple(NewResult(payload, draft, result) for payload, (draft, result) in made.items())
    return CleanOutcome(
        material.page_id, sightings[-1].payload_id, rows, build_revisions(sightings), outcome, reason
    )


def _extraction(draft: ExtractedPage, recipe: Recipe, strike: str) -> CleanResult:
    struck = tuple(
        RemovedBlock(n, "wanted", "the test says so")
        for n, each in enumerate(draft.blocks)
        if each.text == strike
    )
    kept = [each.text for each in draft.blocks if each.text != strike]
    is_wall = draft.metadata.title.startswith(WALL)
    outcome, reason = (
        (Outcome.NOT_ARTICLE, Reason.CONSENT_WALL) if is_wall else (Outcome.ARCHIVED, Reason.NONE)
    )
    return CleanResult(recipe, "", struck, draft.metadata, "\n".join(kept), outcome, reason)


def clean(
    store: Database,
    recipe: Recipe = RECIPE,
    site: str = SITE,
    strike: str = "",
    seen: PageSightings | None = None,
) -> dict[str, int]:
    """A whole clean; returns its counts by outcome."""
    shelf = CleanSession(store, site)
    run = shelf.start_run(recipe)
    draft_all(shelf, recipe, seen or NOTHING)
    shelf.save_results(run, recipe, [cleaned(each, recipe, strike) for each in shelf.stale_pages(recipe, 0, 1000)])
    return shelf.finish_run(run, "finished")


def draft_all(shelf: CleanSession, recipe: Recipe = RECIPE, seen: PageSightings = NOTHING) -> int:
    found = shelf.pending_payloads(recipe, 0, 1000)
    drafts = [(each.raw_page.payload_id, draft_of(body_of(each), recipe)) for each in found]
    if drafts:
        shelf.save_extracted(drafts, {page: seen for each in found for page, _ in each.pages})
    return len(found)


def dump(store: Database, *tables: str, without: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    """All rows, of all tables or of the ones named; `without` leaves columns out."""
    with store.read() as db:
        rows = {
            table.name: [
                tuple(row)
                for row in db.execute(
                    select(*(c for c in table.columns if c.name not in without)).order_by(
                        *table.primary_key
                    )
                )
            ]
            for table in Base.metadata.sorted_tables
            if not tables or table.name in tables
        }
        if not tables:
            content = "title, body, names, marks" if store.is_sqlite else "words::text"
            rows["article_index"] = [
                tuple(row)
                for row in db.execute(
                    text(f"SELECT rowid, {content} FROM article_index ORDER BY 1")
                )
            ]
    return rows


def rows(store: Database, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """What a statement finds."""
    with store.read() as db:
        return [tuple(row) for row in db.execute(text(statement), values)]


def one(store: Database, statement: str, **values: object) -> Any:
    """The one value that a statement finds."""
    ((value,),) = rows(store, statement, **values)
    return value


def do(store: Database, statement: str, **values: object) -> None:
    """A change behind the doors' back."""
    with store.write() as db:
        db.execute(text(statement), values)
