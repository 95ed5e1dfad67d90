"""Make again what present recipes made, and compare it with what the archive has.

Pages are extracted again from their bytes. The rules are applied again to extracted pages, where
the recipe of a result is the present one of its site. The statistics of lines of a site change
with each night, so a result can be compared while its page has the same ones as then.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from pipeline.cleaning.clean_page import all_line_keys, clean_payloads
from pipeline.config.site import Site
from pipeline.core.clean_values import CleanInput, NewResult, StoredResult
from pipeline.core.formatting import pluralize
from pipeline.core.models import CleanResult, ExtractedPage, Reason, ResultStatus
from pipeline.extract import EXTRACTORS
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean import inputs
from pipeline.store.clean.results import stored_metadata
from pipeline.store.clean.session import CleanSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import extracted_pages, verify_derived
from pipeline.store.maintenance.log_report import LogReport

PAGES_PER_BATCH: Final = 50
# Reasons for an extracted page that may be another one on another day.
UNSTEADY: Final = frozenset(
    {
        Reason.EXTRACTOR_TIMEOUT,
        Reason.EXTRACTOR_DIED,
        Reason.EXTRACTOR_MEMORY,
        Reason.EXTRACTOR_ERROR,
    }
)


def extract_again(
    database: Database, workers: WorkerPool, report: LogReport, progress: ProgressCallback
) -> Iterator[str]:
    """Extract each payload again, and yield where the archive has another extracted page.

    Args:
        database: The archive.
        workers: The processes that extract.
        report: Counts the extracted pages.
        progress: Receives the progress.
    """
    total, done = extracted_pages.count(database, EXTRACTORS), 0
    for batch in extracted_pages.batches(database, EXTRACTORS):
        stored = {item.payload.raw_page.payload_id: item.extracted for item in batch}
        for payload, page in workers.extract([item.payload for item in batch]):
            before = stored[payload.raw_page.payload_id]
            if page.reason in UNSTEADY or before.reason in UNSTEADY:
                continue
            report.count("extracted pages")
            if not _is_same_page(before, page):
                yield (
                    f"payload {payload.raw_page.payload_id}: its extracted page is not what these"
                    " extractors make of its bytes"
                )
        done += len(batch)
        progress("extracting again", done, total)


def _is_same_page(stored: ExtractedPage, made: ExtractedPage) -> bool:
    return replace(stored, cost_ms=0) == replace(made, cost_ms=0)


def apply_rules_again(
    database: Database, sites: Sequence[Site], report: LogReport, progress: ProgressCallback
) -> Iterator[str]:
    """Apply the rules again, and yield where the archive has another result.

    Args:
        database: The archive.
        sites: The sites that have a file. Without its file, nobody knows the options of a site.
        report: Counts the results, and gets a note of those that cannot be compared.
        progress: Receives the progress.
    """
    skipped = 0
    for number, site in enumerate(sites):
        session = CleanSession(database, site.id)
        after = 0
        recipe = str(current_recipe(site))
        while pages := verify_derived.pages_of_recipe(
            database, site.id, recipe, after, PAGES_PER_BATCH
        ):
            after = pages[-1]
            with database.read() as db:
                steps = inputs.clean_inputs(db, pages, EXTRACTORS, PAGES_PER_BATCH)
                loaded = list(itertools.chain.from_iterable(steps))
            keys = {page.page_id: all_line_keys(page) for page in loaded}
            line_stats = session.line_stats(keys)
            for page in loaded:
                made = clean_payloads(page, line_stats[page.page_id], site) if page.periods else {}
                for stored in _comparable(page, recipe):
                    new = made.get(stored.payload_id)
                    if new is None or not _has_same_inputs(stored, new):
                        skipped += 1
                        continue
                    report.count("results made again")
                    if part := _difference(stored.result, new.result):
                        yield (
                            f"result {stored.id} of {page.url}: its {part} is not what the rules"
                            " make of its extracted page"
                        )
        progress("applying the rules again", number + 1, len(sites))
    if skipped:
        report.notes.append(
            f"{pluralize(skipped, 'result')} cannot be made again: the site has shown other lines"
            " since then, or bytes are missing; 'nightdesk clean --all' makes them anew"
        )


def _comparable(page: CleanInput, recipe: str) -> list[StoredResult]:
    rows: list[StoredResult] = []
    for row in page.results:
        if row.status is ResultStatus.ACCEPTED and str(row.result.recipe) == recipe:
            rows.append(row)
    return rows


def _has_same_inputs(stored: StoredResult, new: NewResult) -> bool:
    return (
        stored.extracted_page_id == new.extracted_page_id
        and stored.result.profile_digest == new.result.profile_digest
    )


def _difference(stored: CleanResult, made: CleanResult) -> str:
    """Return what differs, for people; "" where nothing does."""
    if stored.text_digest != made.text_digest:
        return "text"
    removed = [(block.index, block.rule) for block in stored.removed]
    if removed != [(block.index, block.rule) for block in made.removed]:
        return "list of removed lines"
    if stored_metadata(stored) != stored_metadata(made):
        return "metadata"
    if (stored.outcome, stored.reason) != (made.outcome, made.reason):
        return "outcome"
    return ""
