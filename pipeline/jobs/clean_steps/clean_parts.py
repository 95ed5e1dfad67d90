"""Apply the rules to the pages of a large site in several processes, each with its own pages.

A part is a range of page ids. The process that cleans it loads its pages, applies the rules and
saves the results by itself. The process that started the clean holds the lock and the run of the
site, and makes the articles findable at the end. If a process fails, it cleans its part itself:
what was saved is not stale any more. A process that outlives the clean saves nothing, because the
run is closed then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.config.site import Site
from pipeline.core.models import MinHashSketch
from pipeline.fulltext.index_rows import IndexRow
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.jobs.clean_steps.apply_rules import apply_rules
from pipeline.jobs.clean_steps.load_pages import load_page_batches
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.workers.pool import WorkerPool, without_memory_limit
from pipeline.jobs.workers.tasks import prepare_articles, text_key
from pipeline.store.clean import articles
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope
from pipeline.store.db.engine import Database

PARTS_AHEAD_PER_WORKER = 2  # so that no process waits for its next part


@dataclass(frozen=True, slots=True)
class CleanPart:
    """Pages of one clean that one process cleans.

    Attributes:
        address: The address of the database.
        site: The site.
        run_id: The run of the clean.
        scope: Which pages the clean is about.
        after_page_id: The part begins after this page.
        last_page_id: The part ends with this page.
        pages_per_batch: Pages that are loaded and saved at a time.
    """

    address: str
    site: Site
    run_id: int
    scope: CleanScope
    after_page_id: int
    last_page_id: int
    pages_per_batch: int


@dataclass(slots=True)
class PartResult:
    """What a process made of a part.

    Attributes:
        pages: Pages that were loaded.
        sketches: The sketches of new texts, by the key of the text.
    """

    pages: int = 0
    sketches: dict[bytes, MinHashSketch | None] = field(default_factory=dict)


def clean_in_parts(workers: WorkerPool, parts: Iterable[CleanPart]) -> Iterator[PartResult]:
    """Clean parts in worker processes.

    Yields:
        The result of each part, in order.
    """
    waiting = deque[tuple[CleanPart, Callable[[], PartResult | None]]]()
    try:
        for part in parts:
            waiting.append((part, workers.submit(clean_part, part)))
            if len(waiting) > workers.processes * PARTS_AHEAD_PER_WORKER:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())
    finally:
        for _, wait in waiting:  # so that nobody works for the run when it is closed
            wait()


def clean_part(part: CleanPart) -> PartResult:
    """Clean a part in this process.

    Raises:
        StoreError: The database cannot be read or written, or the run was closed.
    """
    with without_memory_limit():
        return _clean_part(part)


def _result(part: CleanPart, wait: Callable[[], PartResult | None]) -> PartResult:
    result = wait()
    return clean_part(part) if result is None else result


def _clean_part(part: CleanPart) -> PartResult:
    site, result = part.site, PartResult()
    session, recipe = CleanSession(_database(part.address), site.id), current_recipe(site)
    dialect = "sqlite" if session.store.is_sqlite else "postgresql"
    batches = load_page_batches(
        session,
        recipe,
        part.scope,
        part.after_page_id,
        part.last_page_id,
        pages_per_batch=part.pages_per_batch,
    )
    for loaded in batches:
        outcomes = apply_rules(loaded, site).outcomes
        rows = dict[IndexableArticle, IndexRow]()
        sources = [articles.index_source_ahead(site.id, outcome) for outcome in outcomes]
        new_articles = [source for source in sources if source is not None]
        prepared = prepare_articles(dialect, new_articles)
        for article, row in zip(new_articles, prepared, strict=True):
            rows[article] = row.index_row
            result.sketches[text_key(article.body)] = row.sketch
        session.save_results(part.run_id, recipe, outcomes, rows)
        result.pages += len(loaded.pages)
    return result


@lru_cache(maxsize=1)
def _database(address: str) -> Database:
    """Return the database of this process, which stays open for the next part."""
    return Database(address)
