"""The clean of one site: load → extract → apply rules → publish.

Each step is a module of `clean_steps`: `load_pages`, `extract_payloads`, `apply_rules` and
`publish_articles`. The session of the store only loads and saves. This module connects the steps.
Of a large site, several processes take the last steps for parts of the pages: see `clean_parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pipeline.config.site import Site
from pipeline.jobs.changes import Change, change_by_clean
from pipeline.jobs.clean_steps.apply_rules import CleanedPages, apply_rules
from pipeline.jobs.clean_steps.clean_parts import CleanPart
from pipeline.jobs.clean_steps.extract_payloads import (
    MAX_BLOCKS_PER_WRITE,
    MAX_PAGES_PER_WRITE,
    add_missing_to_profile,
    save_extracted,
)
from pipeline.jobs.clean_steps.join_parts import join_stories
from pipeline.jobs.clean_steps.load_pages import (
    PAGES_PER_BATCH,
    PAYLOADS_PER_READ,
    LoadedPages,
    load_page_batches,
    load_payloads,
)
from pipeline.jobs.clean_steps.publish_articles import (
    ArticlePublisher,
    finish_pending_articles,
)
from pipeline.jobs.progress import Cancelled, ProgressCallback
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.results import CleanRunResult
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean import rights
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope
from pipeline.store.codec import dictionary_training
from pipeline.store.db.engine import Database

STALE_ONLY = CleanScope()
PAGES_PER_PART = 200  # that one process cleans by itself
# Fewer pages are cleaned in one process: each further one first loads the libraries of a database.
MIN_PAGES_IN_PARTS = 5000
MIN_PAGES_FOR_START = 20_000  # the same where no worker processes are running yet

ChangeListener = Callable[[str, Change], None]
"""Receives a site's id and what a clean changes of one of its pages."""


@dataclass(frozen=True, slots=True)
class CleanBatchSizes:
    """How much a clean loads and saves at a time."""

    payloads_per_read: int = PAYLOADS_PER_READ
    extracted_per_write: int = MAX_PAGES_PER_WRITE
    blocks_per_write: int = MAX_BLOCKS_PER_WRITE
    pages_per_batch: int = PAGES_PER_BATCH
    pages_per_part: int = PAGES_PER_PART
    min_pages_in_parts: int = MIN_PAGES_IN_PARTS
    min_pages_for_start: int = MIN_PAGES_FOR_START


DEFAULT_BATCH_SIZES = CleanBatchSizes()


@dataclass(frozen=True, slots=True)
class CleanRequest:
    """What to clean.

    Attributes:
        scope: Which pages.
        dry_run: Whether to save nothing but extracted pages.
        on_change: Receives what changes of each page.
        batch_sizes: How much to load and save at a time.
    """

    scope: CleanScope = STALE_ONLY
    dry_run: bool = False
    on_change: ChangeListener | None = None
    batch_sizes: CleanBatchSizes = DEFAULT_BATCH_SIZES


DEFAULT_CLEAN = CleanRequest()


def clean_site(
    database: Database,
    site: Site,
    workers: WorkerPool,
    progress: ProgressCallback,
    request: CleanRequest = DEFAULT_CLEAN,
) -> CleanRunResult:
    """Clean one site.

    A clean that is interrupted anywhere is finished by the next one. Nothing is extracted again
    unless its bytes or the extractors changed.

    Args:
        database: The archive.
        site: The site.
        workers: The processes that extract.
        progress: Receives the progress.
        request: What to clean.

    Raises:
        AlreadyRunning: Another command cleans the site.
        StoreError: The database cannot be read or written.
        Cancelled: `progress` raised it.
    """
    pipeline = CleanPipeline(database, site, workers, progress, request)
    if request.dry_run:
        return pipeline.preview()
    return pipeline.run()


class CleanPipeline:
    """The steps of one clean of a site. See `clean_site` for the arguments."""

    def __init__(
        self,
        database: Database,
        site: Site,
        workers: WorkerPool,
        progress: ProgressCallback,
        request: CleanRequest = DEFAULT_CLEAN,
    ) -> None:
        self._session = CleanSession(database, site.id)
        self._site = site
        self._recipe = current_recipe(site)
        self._workers = workers
        self._progress = progress
        self._scope = request.scope
        self._on_change = request.on_change
        self._batch_sizes = request.batch_sizes

    def run(self) -> CleanRunResult:
        """Clean the pages and save the results as a run.

        Returns:
            The number of the run with its counts by outcome; no run where nothing was to do.

        Raises:
            Cancelled: The progress callback ended the clean. The run is closed, as after an error.
        """
        requested_scope = str(self._scope)
        if self._scope.everything:
            # All pages become stale first, so that an interrupted clean can go on where it was.
            self._session.mark_stale(self._recipe, self._scope)
            self._scope = replace(self._scope, everything=False)
        database, site_id = self._session.store, self._site.id
        left = self._session.work_left(self._recipe, self._scope)
        if not left.has_stale_pages:
            if left.has_pending_articles or rights.has_other_declarations(database, site_id):
                finish_pending_articles(self._session, self._progress)
            return CleanRunResult(self._site.id)
        run_id = self._session.start_run(self._recipe, scope=requested_scope)
        status, detail = "stopped", "interrupted"
        try:
            add_missing_to_profile(self._session, self._recipe)
            extracted = self._extract(update_profile=True)
            join_stories(self._session, self._recipe, self._scope)
            self._clean_and_publish(run_id)
            if extracted:  # without new payloads, a dictionary is what it was
                dictionary_training.retrain_if_needed(self._session.store, self._site.id)
            status, detail = "finished", ""
        except Cancelled:
            raise
        except Exception as error:
            status, detail = "failed", str(error)
            raise
        finally:
            counts = self._session.finish_run(run_id, status, detail)
        return CleanRunResult(self._site.id, run_id, counts, extracted)

    def preview(self) -> CleanRunResult:
        """Report what a clean would change. Nothing is saved but extracted pages.

        Returns:
            How many payloads were extracted. The changes went to the report of the pipeline.
        """
        extracted = self._extract(update_profile=False)
        join_stories(self._session, self._recipe, self._scope)
        total = self._session.count_stale(self._recipe, self._scope)
        done = 0
        for loaded in self._load_page_batches():
            batch = apply_rules(loaded, self._site)
            self._report_changes(batch)
            done += batch.loaded
            self._progress("cleaning", done, max(total, done))
        return CleanRunResult(self._site.id, extracted=extracted)

    def _extract(self, *, update_profile: bool) -> int:
        """Extract the payloads that are not extracted yet. Return how many there were."""
        total = self._session.count_pending_payloads(self._recipe, self._scope)
        per_read = self._batch_sizes.payloads_per_read
        payloads = load_payloads(self._session, self._recipe, self._scope, per_read=per_read)
        saved = save_extracted(
            self._session,
            self._workers.extract_stored(payloads),
            update_profile=update_profile,
            max_pages=self._batch_sizes.extracted_per_write,
            max_blocks=self._batch_sizes.blocks_per_write,
        )
        done = 0
        for batch_size in saved:
            done += batch_size
            self._progress("extracting", done, max(total, done))
        return done

    def _clean_and_publish(self, run_id: int) -> None:
        publisher = ArticlePublisher(self._session, self._site, self._recipe, self._workers)
        total = self._session.count_stale(self._recipe, self._scope)
        if self._is_divided(total):
            cleaned = publisher.clean_parts(self._parts(run_id))
        else:
            cleaned = self._publish_batches(publisher, run_id)
        done = 0
        for loaded in cleaned:
            done += loaded
            self._progress("cleaning", done, max(total, done))
        publisher.finish(self._progress)

    def _is_divided(self, pages: int) -> bool:
        """Return whether several processes clean the pages. Changes are reported by one."""
        sizes = self._batch_sizes
        minimum = sizes.min_pages_for_start
        if self._workers.is_running:
            minimum = sizes.min_pages_in_parts
        return pages >= minimum and self._workers.processes > 1 and self._on_change is None

    def _parts(self, run_id: int) -> Iterator[CleanPart]:
        address = self._session.store.url.render_as_string(hide_password=False)
        sizes, after = self._batch_sizes, 0
        for last, _ in self._session.page_parts(self._recipe, sizes.pages_per_part, self._scope):
            yield CleanPart(
                address, self._site, run_id, self._scope, after, last, sizes.pages_per_batch
            )
            after = last

    def _publish_batches(self, publisher: ArticlePublisher, run_id: int) -> Iterator[int]:
        for batch in self._prepared_batches(publisher):
            publisher.publish(run_id, batch)
            self._report_changes(batch)
            yield batch.loaded

    def _prepared_batches(self, publisher: ArticlePublisher) -> Iterator[CleanedPages]:
        """Yield each batch after the rules were applied to the next one.

        Meanwhile the workers prepare its index rows.
        """
        previous: CleanedPages | None = None
        for loaded in self._load_page_batches():
            batch = apply_rules(loaded, self._site)
            publisher.prepare(batch)
            if previous is not None:
                yield previous
            previous = batch
        if previous is not None:
            yield previous

    def _load_page_batches(self) -> Iterator[LoadedPages]:
        size = self._batch_sizes.pages_per_batch
        return load_page_batches(self._session, self._recipe, self._scope, pages_per_batch=size)

    def _report_changes(self, batch: CleanedPages) -> None:
        if self._on_change is None:
            return
        for cleaned in batch.pages:
            change = change_by_clean(cleaned.page, cleaned.outcome)
            self._on_change(self._site.id, change)
