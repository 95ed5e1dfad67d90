"""Make index rows and sketches of new articles in worker processes, before they are saved.

This only saves time. Each row and each sketch is a pure function of its article, and is used for
exactly that article. What the workers did not make is made when the article is saved or compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.cleaning import near_duplicates
from pipeline.core.clean_values import CleanOutcome
from pipeline.core.models import MinHashSketch
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, IndexRow, PreparedRows
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.jobs.workers.tasks import PreparedArticle, prepare_articles, text_key
from pipeline.store.clean import articles

MIN_ARTICLES = 10  # fewer are not worth the transfer to a worker
# Sketches of some 600 bytes each. The sketches of further articles are made when these are
# compared.
MAX_SKETCHES = 50_000


@dataclass(frozen=True, slots=True)
class _Part:
    """Articles that one worker prepares, and a function that waits for the result."""

    articles: Sequence[IndexableArticle]
    wait: Callable[[], list[PreparedArticle] | None]


class IndexAhead:
    """The prepared articles of one clean of a site.

    Args:
        site: The id of the site.
        dialect: "sqlite" or "postgresql".
        workers: The processes that prepare articles.
    """

    def __init__(self, site: str, dialect: str, workers: WorkerPool) -> None:
        self._site = site
        self._dialect = dialect
        self._workers = workers
        self._batches = deque[list[_Part]]()
        self._sketches = dict[bytes, MinHashSketch | None]()  # by the key of the text

    def submit(self, outcomes: Sequence[CleanOutcome]) -> None:
        """Start to prepare a batch, if worker processes are running.

        Args:
            outcomes: The outcomes of the next batch, in their order.
        """
        batch = []
        for outcome in outcomes:
            article = articles.index_source_ahead(self._site, outcome)
            if article is not None:
                batch.append(article)
        parts = list[_Part]()
        if len(batch) >= MIN_ARTICLES and self._workers.is_running:
            size = -(-len(batch) // max(self._workers.processes, 1))
            for start in range(0, len(batch), size):
                part = batch[start : start + size]
                wait = self._workers.submit(prepare_articles, self._dialect, part)
                parts.append(_Part(part, wait))
        self._batches.append(parts)

    def collect(self) -> PreparedRows:
        """Return the index rows of the oldest batch that was submitted and not collected."""
        rows = dict[IndexableArticle, IndexRow]()
        for part in self._batches.popleft():
            prepared_articles = part.wait() or ()
            for article, prepared in zip(part.articles, prepared_articles, strict=False):
                rows[article] = prepared.index_row
                self.add_sketches({text_key(article.body): prepared.sketch})
        return rows or NO_PREPARED_ROWS

    def add_sketches(self, sketches: Mapping[bytes, MinHashSketch | None]) -> None:
        """Add sketches that were made elsewhere, by the key of the text."""
        if len(self._sketches) < MAX_SKETCHES:
            self._sketches.update(sketches)

    def sketch(self, text: str) -> MinHashSketch | None:
        """Return the sketch of a text, prepared or made now."""
        key = text_key(text)
        if key in self._sketches:
            return self._sketches[key]
        return near_duplicates.make_sketch(text)
