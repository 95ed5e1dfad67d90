"""The last step of a clean: save results and articles, then make the articles findable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pipeline.cleaning import near_duplicates
from pipeline.config.site import Site
from pipeline.core.models import MinHashSketch, Recipe
from pipeline.jobs.clean_steps.apply_rules import CleanedPages
from pipeline.jobs.clean_steps.clean_parts import CleanPart, clean_in_parts
from pipeline.jobs.clean_steps.index_ahead import IndexAhead
from pipeline.jobs.near_duplicates import group_near_duplicates
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean import rights, story_changes
from pipeline.store.clean.session import CleanSession
from pipeline.store.db.engine import Database
from pipeline.store.search import index


class ArticlePublisher:
    """Save the outcomes of one clean of a site.

    Worker processes prepare the index rows of a batch while the rules are applied to the next
    one. So each batch is first given to `prepare`, and to `publish` later.
    """

    def __init__(
        self, session: CleanSession, site: Site, recipe: Recipe, workers: WorkerPool
    ) -> None:
        dialect = "sqlite" if session.store.is_sqlite else "postgresql"
        self._session = session
        self._recipe = recipe
        self._workers = workers
        self._index_ahead = IndexAhead(site.id, dialect, workers)

    def prepare(self, batch: CleanedPages) -> None:
        """Start to prepare the index rows of a batch."""
        self._index_ahead.submit(batch.outcomes)

    def publish(self, run_id: int, batch: CleanedPages) -> None:
        """Save the oldest batch that was prepared, in one transaction."""
        rows = self._index_ahead.collect()
        self._session.save_results(run_id, self._recipe, batch.outcomes, rows)

    def clean_parts(self, parts: Iterable[CleanPart]) -> Iterator[int]:
        """Let the workers clean parts and save the results.

        Yields:
            The number of pages of each part, once it is done.
        """
        for result in clean_in_parts(self._workers, parts):
            self._index_ahead.add_sketches(result.sketches)
            yield result.pages

    def finish(self, progress: ProgressCallback) -> None:
        """Make the articles findable."""
        self._session.trim_profile(self._recipe)
        database, site = self._session.store, self._session.site
        make_findable(database, site, progress, self._index_ahead.sketch)


def finish_pending_articles(session: CleanSession, progress: ProgressCallback) -> None:
    """Group, compare and index articles that an earlier clean or an upgrade left pending.

    Raises:
        AlreadyRunning: Another command cleans the site.
    """
    with session.locked():
        make_findable(session.store, session.site, progress)


def make_findable(
    database: Database,
    site: str,
    progress: ProgressCallback,
    make_sketch: Callable[[str], MinHashSketch | None] = near_duplicates.make_sketch,
) -> None:
    """Group the near-duplicates of a site, list its changes, and index its articles.

    Only articles are looked at that wait for one of these.

    Args:
        database: The archive.
        site: The id of the site. The caller holds the lock of its clean.
        progress: Receives the progress.
        make_sketch: Returns the sketch of a text.
    """
    group_near_duplicates(database, site, progress, make_sketch)
    _list_changes(database, site, progress)
    rights.follow_declarations(database, site)
    _index_pending(database, site, progress)


def _list_changes(database: Database, site: str, progress: ProgressCallback) -> None:
    """List the changes of articles of which an upgrade or a repair wants them again."""
    total = story_changes.count_pending(database, site)
    done = 0
    while done < total:
        listed = story_changes.list_pending(database, site)
        if not listed:
            return
        done += listed
        progress("listing changes", done, max(total, done))


def _index_pending(database: Database, site: str, progress: ProgressCallback) -> None:
    """Index the articles that an upgrade took out of the full-text index."""
    total = index.count_unindexed(database, site)
    done = 0
    while done < total:
        indexed = index.index_pending(database, site)
        if not indexed:
            return
        done += indexed
        progress("indexing", done, max(total, done))
