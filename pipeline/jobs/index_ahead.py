"""What makes new texts findable, made ahead in the workers: their rows of the full-text index and their sketches.

Promises nothing but time: each is a pure function of what it is made from, is taken only for just that, and is made by whoever
needs it where the workers did not come to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from pipeline.cleaning import near_duplicates
from pipeline.core.models import MinHashSketch
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, IndexRow, PreparedRows
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.jobs.workers.tasks import Made, index_rows
from pipeline.store.clean import articles
from pipeline.store.clean.types import CleanOutcome

FEW = 10  # texts that are not worth the way to a worker
SKETCHES = 50_000  # that are kept, some 600 bytes each; the others are drawn when they are compared


class IndexAhead:
    """The texts of one Site's clean, in the order in which they are begun."""

    def __init__(self, site: str, dialect: str, workers: WorkerPool) -> None:
        self._site = site
        self._dialect = dialect
        self._workers = workers
        self._begun = deque[list[tuple[Sequence[IndexableArticle], Callable[[], Made | None]]]]()
        self._sketches = dict[
            int, MinHashSketch | None
        ]()  # by the text's hash in this process, which has 64 bits

    def submit(self, batch: Sequence[CleanOutcome]) -> None:
        """Has the workers begin with a batch, if they are up."""
        sources = [
            source for each in batch if (source := articles.index_source_ahead(self._site, each)) is not None
        ]
        size = -(-len(sources) // max(self._workers.processes, 1))
        if len(sources) < FEW or not self._workers.is_running:
            self._begun.append([])
            return
        parts = [sources[start : start + size] for start in range(0, len(sources), size)]
        self._begun.append(
            [(part, self._workers.submit(index_rows, self._dialect, part)) for part in parts]
        )

    def collect(self) -> PreparedRows:
        """What was made of the batch that was begun first, and was not asked for yet."""
        found = dict[IndexableArticle, IndexRow]()
        for sources, answer in self._begun.popleft():
            for source, (row, sketch) in zip(sources, answer() or (), strict=False):
                found[source] = row
                if len(self._sketches) < SKETCHES:
                    self._sketches[hash(source.body)] = sketch
        return found or NO_PREPARED_ROWS

    def sketch(self, text: str) -> MinHashSketch | None:
        """The sketch of a text."""
        number = hash(text)
        return self._sketches[number] if number in self._sketches else near_duplicates.make_sketch(text)
