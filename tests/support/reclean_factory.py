"""Cleans of a site whose recipe changes, with the real craft behind a stand-in for the extractors: each line of a body is a
paragraph, the first one the title, and patterns of the site's file are the rules that come and go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from pipeline.config.site import CleaningOptions, Site
from pipeline.core.models import Block, BlockKind, ExtractedPage, Metadata
from pipeline.extract import EXTRACTORS
from pipeline.jobs.clean import CleanResult, CleanRequest, clean_site
from pipeline.jobs.workers import tasks
from pipeline.store.clean import held_results
from pipeline.store.clean.types import StoredExtraction, CleanScope, PageSignals, PendingPayload
from pipeline.store.db.engine import Database
from tests.support.archive_factory import SITE, body_of, dump, one, rows

PARAGRAPHS = [
    f"Paragraph {number} of the story says that the ferry of the {word} quay left the harbour at {number} and came back before"
    f" the evening, which nobody on the {word} side of the river had seen in years, and everybody was glad of it."
    for number, word in enumerate(("northern", "southern", "eastern", "western", "upper", "lower"))
]
STORY = "\n".join(["The ferries of the harbour are back", *PARAGRAPHS])
ADVERT = "Subscribe to the letter of the harbour office"


class Extractors:
    """In the place of the workers: counts what it extracts."""

    def __init__(self) -> None:
        self.extracted = 0
        self.are_up = False
        self.processes = 1

    def drafts(self, payloads: Iterable[PendingPayload]) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        for payload in payloads:
            self.extracted += 1
            lines = body_of(payload).decode().split("\n")
            blocks = tuple(Block(BlockKind.PARAGRAPH, line) for line in lines[1:])
            yield payload, ExtractedPage(EXTRACTORS, blocks, Metadata(title=lines[0]))

    def packed(self, payloads: Iterable[PendingPayload]) -> Iterator[tuple[PendingPayload, StoredExtraction, PageSignals]]:
        for payload, draft in self.drafts(payloads):
            yield payload, tasks.to_stored_extraction(draft), tasks.page_signals(draft, payload.pages)


def site(*strike: str) -> Site:
    """The site, with patterns that are struck."""
    feeds = ("https://courier.example/feed.xml",)
    return Site(
        id=SITE,
        name="Courier",
        url="https://courier.example/",
        feeds=feeds,
        cleaning=CleaningOptions(remove=strike),
    )


def striking(*paragraphs: int) -> Site:
    """The site under a recipe that strikes these paragraphs."""
    return site(*(f"Paragraph {number} .*" for number in paragraphs))


def reclean(
    store: Database, of: Site, plan: CleanRequest | None = None, extractors: Extractors | None = None
) -> CleanResult:
    """A clean of all that is stale, or of what the plan says."""
    return clean_site(store, of, extractors or Extractors(), silent, plan or CleanRequest())  # type: ignore[arg-type]


def every(store: Database, of: Site, plan: CleanRequest | None = None) -> CleanResult:
    """A clean also of what is not stale."""
    return reclean(store, of, plan or CleanRequest(CleanScope(everything=True)))


def silent(_stage: str, _done: int, _of: int) -> None:
    pass


def text(store: Database, page: int) -> str:
    return str(one(store, "SELECT text FROM articles WHERE id = :id", id=page))


def articles(store: Database) -> dict[str, Any]:
    """All that people see of the articles, byte for byte; numbers of rows are the store's own business."""
    return {
        "articles": rows(store, "SELECT * FROM articles ORDER BY id"),
        "revision": sorted(dump(store, "revision", without=("id",))["revision"]),
        "article": dump(store, "article", without=("revision_id",)),
        "index": dump(store)["article_index"],
    }


def waterline(store: Database) -> dict[str, Any]:
    """What is written once."""
    return dump(store, "payload", "capture")


def wrong_results(store: Database) -> list[int]:
    """Results whose kept and struck blocks are not all blocks of their draft, each once, or whose text is not the kept ones."""
    pages = [
        page
        for (page,) in rows(store, "SELECT DISTINCT page_id FROM clean_result ORDER BY page_id")
    ]
    digests = dict(rows(store, "SELECT id, text_digest FROM clean_result"))
    wrong = []
    for each in (result for page in held_results.review_inputs(store, pages) for result in page.results):
        struck = [strike.index for strike in each.result.removed]
        kept = [block.text for index, block in enumerate(each.blocks) if index not in struck]
        whole = len(set(struck)) == len(struck) and len(kept) + len(struck) == len(each.blocks)
        if not whole or sha256("\n".join(kept).encode()).hexdigest() != digests[each.id]:
            wrong.append(each.id)
    return wrong
