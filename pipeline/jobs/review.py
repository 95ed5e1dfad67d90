"""Choose among stored results: a review accepts or rejects held results, a rollback undoes a clean.

Nothing is extracted or cleaned again: the results exist, and only their status changes. Each
review and each rollback is a run. Each batch of pages is one transaction. If a run is
interrupted, the same command goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from pipeline.cleaning.clean_page import article_links
from pipeline.cleaning.regression_guard import loss_reason
from pipeline.cleaning.revisions import build_revisions, classify_outcome
from pipeline.core.clean_values import StoredResult
from pipeline.core.errors import ConfigError
from pipeline.core.models import Observation, Outcome, Reason, ResultStatus
from pipeline.core.story import StoryLink
from pipeline.jobs.changes import Change, change_by_review
from pipeline.jobs.near_duplicates import group_near_duplicates
from pipeline.jobs.progress import ProgressCallback
from pipeline.store.clean import held_results
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import ReviewInput, ReviewOutcome
from pipeline.store.db.engine import Database
from pipeline.store.read import runs

PAGES_PER_BATCH = 100

Moves = tuple[tuple[int, ResultStatus], ...]
"""Ids of results, each with its new status."""


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """How a review or a rollback ended. `run_id` is 0 if there was nothing to do."""

    site: str
    run_id: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def accept_moves(page: ReviewInput) -> Moves:
    """Return the moves by which held results replace the current ones.

    Args:
        page: The page with all results of its payloads.

    Returns:
        Which results become accepted and which replaced.
    """
    held = {row.payload_id: row.id for row in _rows(page, ResultStatus.HELD)}
    moves = []
    for row in _rows(page, ResultStatus.ACCEPTED):
        if row.payload_id in held:
            moves.append((row.id, ResultStatus.REPLACED))
    for result_id in held.values():
        moves.append((result_id, ResultStatus.ACCEPTED))
    return tuple(moves)


def reject_moves(page: ReviewInput) -> Moves:
    """Return the moves by which held results are rejected."""
    return tuple((row.id, ResultStatus.REJECTED) for row in _rows(page, ResultStatus.HELD))


def rollback_moves(page: ReviewInput, run_id: int) -> Moves:
    """Return the moves that undo a run.

    The results of the run are rejected, and the results that they replaced become current again.
    If a later run replaced a result of this run, the later result stays. The first result of a
    payload stays, too, because there is none to go back to.
    """
    moves: list[tuple[int, ResultStatus]] = []
    for row in page.results:
        if row.run_id != run_id or row.status is ResultStatus.REJECTED:
            continue
        replaced = _last_replaced_before(page, row)
        if replaced is not None or row.status is ResultStatus.HELD:
            moves.append((row.id, ResultStatus.REJECTED))
        if replaced is not None and row.status is ResultStatus.ACCEPTED:
            moves.append((replaced.id, ResultStatus.ACCEPTED))
    return tuple(moves)


def apply_moves(
    page: ReviewInput, moves: Moves, outcome: tuple[Outcome, Reason] | None = None
) -> ReviewOutcome:
    """Return what follows from a new status of results.

    Args:
        page: The page with all its results.
        moves: The results whose status changes.
        outcome: The outcome and reason for the ledger. By default, they follow from the text.
    """
    accepted_rows = _accepted_after(page, moves)
    accepted = {payload_id: row.result for payload_id, row in accepted_rows.items()}
    observations = []
    for period in page.periods:
        if period.payload_id in accepted:  # newer bytes may still wait for their first clean
            times = period.first_seen_at, period.last_seen_at
            result = accepted[period.payload_id]
            observations.append(Observation(result, period.payload_id, *times))
    if outcome is None:
        outcome = classify_outcome(page.previous, observations[-1])
    revisions = build_revisions(observations)
    links: tuple[StoryLink, ...] = ()
    if revisions:
        links = article_links(page.url, accepted_rows[revisions[-1].payload_id])
    return ReviewOutcome(page.page_id, moves, revisions, *outcome, links)


def accept(page: ReviewInput) -> ReviewOutcome:
    """Make the held result the article."""
    return apply_moves(page, accept_moves(page))


def reject(page: ReviewInput) -> ReviewOutcome:
    """Keep the article, and do not offer the held result again."""
    return apply_moves(page, reject_moves(page), (Outcome.UNCHANGED, Reason.REJECTED))


def rollback_page(page: ReviewInput, run_id: int) -> ReviewOutcome:
    """Make the article what it was before a run.

    Args:
        page: The page with all results of its payloads.
        run_id: The number of the clean that is taken back.

    Returns:
        The moves of results, and the article with its revisions as they were.
    """
    moves = rollback_moves(page, run_id)
    outcome = (Outcome.UNCHANGED, Reason.REJECTED)
    if any(status is ResultStatus.ACCEPTED for _, status in moves):
        outcome = (Outcome.RECLEANED, Reason.ROLLED_BACK)
    return apply_moves(page, moves, outcome)


def preview_accept(page: ReviewInput) -> Change:
    """Return what it would change to accept the held result of a page.

    If several payloads have one, the change is of the newest of them.

    Args:
        page: The page with all results of its payloads.

    Returns:
        Lines lost and gained, and changes of the metadata.
    """
    positions = {period.payload_id: index for index, period in enumerate(page.periods)}
    held = _rows(page, ResultStatus.HELD)
    new = max(held, key=lambda row: positions[row.payload_id])
    old = _accepted_row(page, new.payload_id)
    return change_by_review(page, old, new, (Outcome.HELD, loss_reason(old.result, new.result)))


def preview_rollback(page: ReviewInput, run_id: int) -> Change:
    """Return what the rollback of a run would change of a page's article.

    Args:
        page: The page with all results of its payloads.
        run_id: The number of the clean.

    Returns:
        Lines lost and gained, and changes of the metadata.
    """
    rollback = rollback_page(page, run_id)
    outcome = (rollback.outcome, rollback.reason)
    restored = {result_id for result_id, to in rollback.moves if to is ResultStatus.ACCEPTED}
    new = _last_row(page.results, restored)
    if new is None:
        accepted = _rows(page, ResultStatus.ACCEPTED)
        current = accepted[-1] if accepted else None
        return change_by_review(page, current, current, outcome)
    return change_by_review(page, _accepted_row(page, new.payload_id), new, outcome)


def review(
    database: Database,
    site: str,
    pages: Sequence[int],
    decide: Callable[[ReviewInput], ReviewOutcome],
    progress: ProgressCallback,
    *,
    pages_per_batch: int = PAGES_PER_BATCH,
) -> ReviewResult:
    """Accept or reject what is held of some pages, as a run.

    Args:
        database: The archive.
        site: The id of the site.
        pages: The ids of the pages.
        decide: `accept` or `reject`.
        progress: Receives the progress.
        pages_per_batch: Pages in one transaction.

    Raises:
        AlreadyRunning: Another command cleans the site.
        StoreError: The database cannot be read or written.
    """
    return _run(database, site, "review", lambda: pages, decide, progress, pages_per_batch)


def rollback(
    database: Database,
    run_id: int,
    progress: ProgressCallback,
    *,
    pages_per_batch: int = PAGES_PER_BATCH,
) -> ReviewResult:
    """Undo a clean, as a run.

    Raises:
        ConfigError: There is no such run, or it is not a clean.
        AlreadyRunning: Another command cleans the site.
        StoreError: The database cannot be read or written.
    """
    site = site_of_clean_run(database, run_id)

    def find_pages() -> Sequence[int]:
        return held_results.revertible_pages(database, run_id)

    def decide(page: ReviewInput) -> ReviewOutcome:
        return rollback_page(page, run_id)

    return _run(database, site, "rollback", find_pages, decide, progress, pages_per_batch)


def site_of_clean_run(database: Database, run_id: int) -> str:
    """Return the site of a clean.

    Raises:
        ConfigError: There is no such run, or it is not a clean.
    """
    run = runs.get_run(database, run_id)
    if run is None:
        raise ConfigError(f"run {run_id}: there is no such run; 'nightdesk runs' lists them")
    if run.kind != "clean":
        raise ConfigError(f"run {run_id}: is a {run.kind}; only a clean can be taken back")
    return run.site


def _run(
    database: Database,
    site: str,
    kind: str,
    find_pages: Callable[[], Sequence[int]],
    decide: Callable[[ReviewInput], ReviewOutcome],
    progress: ProgressCallback,
    pages_per_batch: int,
) -> ReviewResult:
    if not find_pages():
        return ReviewResult(site)
    session = CleanSession(database, site)
    run_id = session.start_run(None, kind)
    status, detail = "stopped", "interrupted"
    try:
        pages = find_pages()  # again, because now nobody else changes the site
        for start in range(0, len(pages), pages_per_batch):
            batch = pages[start : start + pages_per_batch]
            outcomes = [decide(page) for page in held_results.review_inputs(database, batch)]
            session.save_reviews(run_id, [outcome for outcome in outcomes if outcome.moves])
            progress(kind, start + len(batch), len(pages))
        group_near_duplicates(database, site, progress)
        status, detail = "finished", ""
    except Exception as error:
        status, detail = "failed", str(error)
        raise
    finally:
        counts = session.finish_run(run_id, status, detail)
    return ReviewResult(site, run_id, counts)


def _rows(page: ReviewInput, status: ResultStatus) -> list[StoredResult]:
    return [row for row in page.results if row.status is status]


def _accepted_row(page: ReviewInput, payload_id: int) -> StoredResult:
    for row in _rows(page, ResultStatus.ACCEPTED):
        if row.payload_id == payload_id:
            return row
    raise LookupError(f"page {page.page_id} has no accepted result of payload {payload_id}")


def _accepted_after(page: ReviewInput, moves: Moves) -> dict[int, StoredResult]:
    """Return the results that are accepted after the moves, by payload id."""
    statuses = dict(moves)
    accepted = {}
    for row in page.results:
        if statuses.get(row.id, row.status) is ResultStatus.ACCEPTED:
            accepted[row.payload_id] = row
    return accepted


def _last_replaced_before(page: ReviewInput, row: StoredResult) -> StoredResult | None:
    last = None
    for other in _rows(page, ResultStatus.REPLACED):
        if other.payload_id == row.payload_id and other.id < row.id:
            last = other
    return last


def _last_row(rows: Sequence[StoredResult], ids: Collection[int]) -> StoredResult | None:
    for row in reversed(rows):
        if row.id in ids:
            return row
    return None
