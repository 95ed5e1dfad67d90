"""Cleans of a site whose recipe changes.

The cleaning is the real one. The extractors are a stand-in: each line of a body is a paragraph, the
first one the title. Patterns in the site file are the rules that come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from pipeline.config.site import CleaningOptions, Site
from pipeline.core.models import Block, BlockKind, ExtractedPage, Metadata
from pipeline.extract import EXTRACTORS
from pipeline.jobs.clean import CleanRequest, clean_site
from pipeline.jobs.results import CleanRunResult
from pipeline.jobs.workers import tasks
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.jobs.workers.tasks import ExtractedPayload
from pipeline.store.clean import held_results
from pipeline.store.clean.types import CleanScope, PendingPayload
from pipeline.store.db.engine import Database
from tests.support.archive_factory import SITE, body_of, dump, one, rows

LINES = (
    "Paragraph {number} of the story says that the ferry of the {word} quay left the harbour at"
    " {number} and came back before the evening, which nobody on the {word} side of the river had"
    " seen in years, and everybody was glad of it."
)
WORDS = ("northern", "southern", "eastern", "western", "upper", "lower")
PARAGRAPHS = [LINES.format(number=number, word=word) for number, word in enumerate(WORDS)]
STORY = "\n".join(["The ferries of the harbour are back", *PARAGRAPHS])
ADVERT = "Subscribe to the letter of the harbour office"


class Extractors:
    """Extracts in this process, instead of the worker pool, and counts what it extracts."""

    def __init__(self) -> None:
        self.extracted = 0
        self.is_running = False
        self.processes = 1

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        for payload in payloads:
            self.extracted += 1
            title, *lines = body_of(payload).decode().split("\n")
            blocks = tuple(Block(BlockKind.PARAGRAPH, line) for line in lines)
            yield payload, ExtractedPage(EXTRACTORS, blocks, Metadata(title=title))

    def extract_stored(self, payloads: Iterable[PendingPayload]) -> Iterator[ExtractedPayload]:
        for payload, page in self.extract(payloads):
            yield ExtractedPayload(
                payload.raw_page.payload_id,
                tasks.to_stored_extraction(page),
                tasks.page_signals(page, payload.pages),
            )


def site(*patterns: str) -> Site:
    """Return the site, with patterns of lines to remove."""
    feeds = ("https://courier.example/feed.xml",)
    return Site(
        id=SITE,
        name="Courier",
        url="https://courier.example/",
        feeds=feeds,
        cleaning=CleaningOptions(remove=patterns),
    )


def site_removing(*paragraphs: int) -> Site:
    """Return the site under a recipe that removes these paragraphs."""
    return site(*(f"Paragraph {number} .*" for number in paragraphs))


def reclean(
    store: Database,
    site: Site,
    request: CleanRequest | None = None,
    extractors: Extractors | WorkerPool | None = None,
) -> CleanRunResult:
    """Clean all that is stale, or what the request says."""
    workers = extractors or Extractors()
    return clean_site(store, site, workers, silent, request or CleanRequest())  # type: ignore[arg-type]


def reclean_all(store: Database, site: Site, request: CleanRequest | None = None) -> CleanRunResult:
    """Clean all pages, also those that are not stale."""
    return reclean(store, site, request or CleanRequest(CleanScope(everything=True)))


def silent(_stage: str, _done: int, _of: int) -> None:
    """Report no progress."""


def text(store: Database, page: int) -> str:
    """Return the text of an article."""
    return str(one(store, "SELECT text FROM articles WHERE id = :id", id=page))


def articles(store: Database) -> dict[str, Any]:
    """Return all that people see of the articles, without the numbers of rows."""
    return {
        "articles": rows(store, "SELECT * FROM articles ORDER BY id"),
        "revision": sorted(dump(store, "revision", without=("id",))["revision"]),
        "article": dump(store, "article", without=("revision_id",)),
        "index": dump(store)["article_index"],
    }


def payloads_and_captures(store: Database) -> dict[str, Any]:
    """Return the rows that are written once."""
    return dump(store, "payload", "capture")


def inconsistent_results(store: Database) -> list[int]:
    """Return the results whose blocks or text do not add up.

    The kept and the removed blocks have to be all blocks of the extracted page, each once, and the
    text has to be the kept ones.
    """
    pages = [page for (page,) in rows(store, "SELECT DISTINCT page_id FROM clean_result")]
    digests = dict(rows(store, "SELECT id, text_digest FROM clean_result"))
    inconsistent: list[int] = []
    for page in held_results.review_inputs(store, sorted(pages)):
        for result in page.results:
            removed = [block.index for block in result.result.removed]
            kept = [block.text for index, block in enumerate(result.blocks) if index not in removed]
            is_complete = len(kept) + len(removed) == len(result.blocks)
            is_unique = len(set(removed)) == len(removed)
            digest = sha256("\n".join(kept).encode()).hexdigest()
            if not is_complete or not is_unique or digest != digests[result.id]:
                inconsistent.append(result.id)
    return inconsistent
