"""Runs of `review` and `rollback`: progress and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from pipeline.cli.console import exit_on_interrupt
from pipeline.cli.progress import stage_progress
from pipeline.core.formatting import plain_words
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.review import ReviewResult
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.clean.types import ReviewInput
    from pipeline.store.db.engine import Database

BATCH_SIZE: Final = 100  # pages that are loaded together


def load_pages(database: Database, pages: Sequence[int]) -> Iterator[ReviewInput]:
    """Yield the results of these pages, loaded in batches."""
    for start in range(0, len(pages), BATCH_SIZE):
        yield from read.review_inputs(database, pages[start : start + BATCH_SIZE])


def run_with_progress(
    site: str, work: Callable[[ProgressCallback], ReviewResult], *, quiet: bool
) -> ReviewResult:
    """Run the work on a site, and show its progress. Ctrl-C ends the command in order."""
    with (
        exit_on_interrupt("what was done is kept, and the same command goes on from here"),
        stage_progress(quiet=quiet) as progress,
    ):
        return work(partial(progress, site))


def outcome_counts(result: ReviewResult) -> str:
    """Return how many pages got which outcome."""
    counts = []
    for name, number in sorted(result.counts.items()):
        counts.append(f"{number:,} {plain_words(name)}")
    return ", ".join(counts)
