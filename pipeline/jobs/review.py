"""Choosing among results: a review accepts or rejects what was held, a rollback takes a clean back.

Promises that choosing extracts and strikes nothing: results are there, and what stands is chosen and folded. Each is a Run with
a ledger, in batches of Pages that are each one transaction; one that breaks off goes on where it was when it is begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.cleaning.regression_guard import loss_reason
from pipeline.cleaning.revisions import classify_outcome, build_revisions
from pipeline.core.errors import ConfigError
from pipeline.core.models import Observation, Outcome, Reason, ResultStatus
from pipeline.jobs.changes import Change, change_by_review
from pipeline.jobs.near_duplicates import group_near_duplicates
from pipeline.store.clean import held_results
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import ReviewOutcome, StoredResult, ReviewInput
from pipeline.store.db.engine import Database
from pipeline.store.read import runs

BATCH = 100  # pages in one transaction

Moves = tuple[tuple[int, ResultStatus], ...]
Progress = Callable[[str, int, int], None]  # (stage, done, of)


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """How a review or a rollback ended. `run` is 0 where there was nothing to do, and no Run was made."""

    site: str
    run_id: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def accept_moves(page: ReviewInput) -> Moves:
    """What is held takes the place of what stands."""
    held = {each.payload_id: each.id for each in page.results if each.standing is ResultStatus.HELD}
    stood = [
        each
        for each in page.results
        if each.standing is ResultStatus.ACCEPTED and each.payload_id in held
    ]
    return (
        *((each.id, ResultStatus.REPLACED) for each in stood),
        *((row, ResultStatus.ACCEPTED) for row in held.values()),
    )


def reject_moves(page: ReviewInput) -> Moves:
    """What is held is refused for good."""
    return tuple(
        (each.id, ResultStatus.REJECTED)
        for each in page.results
        if each.standing is ResultStatus.HELD
    )


def rollback_moves(page: ReviewInput, run: int) -> Moves:
    """A Run's results are refused, and those come back whose place they took. Where a later Run took theirs, it stays; a first
    result for its bytes stays too, since there is none to go back to."""
    moves: list[tuple[int, ResultStatus]] = []
    for each in page.results:
        if each.run_id != run or each.standing is ResultStatus.REJECTED:
            continue
        earlier = [
            other.id
            for other in page.results
            if other.standing is ResultStatus.REPLACED and _is_earlier(other, each)
        ]
        if earlier or each.standing is ResultStatus.HELD:
            moves.append((each.id, ResultStatus.REJECTED))
        if earlier and each.standing is ResultStatus.ACCEPTED:
            moves.append((earlier[-1], ResultStatus.ACCEPTED))
    return tuple(moves)


def _is_earlier(one: StoredResult, other: StoredResult) -> bool:
    return one.payload_id == other.payload_id and one.id < other.id


def apply_moves(page: ReviewInput, moves: Moves, how: tuple[Outcome, Reason] | None = None) -> ReviewOutcome:
    """What follows from new standings: the Revisions, folded anew. Without `how` the ledger is told what became of the text."""
    now = dict(moves)
    stands = {
        each.payload_id: each.extraction
        for each in page.results
        if now.get(each.id, each.standing) is ResultStatus.ACCEPTED
    }
    sightings = [
        Observation(stands[each.payload_id], each.payload_id, each.first_seen_at, each.last_seen_at)
        for each in page.stretches
        if each.payload_id in stands  # newer bytes may wait for their first clean
    ]
    outcome, reason = how or classify_outcome(page.before, sightings[-1])
    return ReviewOutcome(page.page_id, moves, build_revisions(sightings), outcome, reason)


def accept(page: ReviewInput) -> ReviewOutcome:
    """The held result becomes the Article."""
    return apply_moves(page, accept_moves(page))


def reject(page: ReviewInput) -> ReviewOutcome:
    """The Article stays, and the held result is not offered again."""
    return apply_moves(page, reject_moves(page), (Outcome.UNCHANGED, Reason.REJECTED))


def rollback_page(page: ReviewInput, run: int) -> ReviewOutcome:
    """The Article is again what it was before the Run."""
    moves = rollback_moves(page, run)
    went_back = any(to is ResultStatus.ACCEPTED for _, to in moves)
    return apply_moves(
        page,
        moves,
        (Outcome.RECLEANED, Reason.ROLLED_BACK)
        if went_back
        else (Outcome.UNCHANGED, Reason.REJECTED),
    )


def preview_accept(page: ReviewInput) -> Change:
    """What accepting the held result of a Page would change: of its newest bytes, where those are held."""
    held = [each for each in page.results if each.standing is ResultStatus.HELD]
    newest = {stretch.payload_id: number for number, stretch in enumerate(page.stretches)}
    new = max(held, key=lambda each: newest[each.payload_id])
    old = next(
        each
        for each in page.results
        if each.standing is ResultStatus.ACCEPTED and each.payload_id == new.payload_id
    )
    return change_by_review(page, old, new, (Outcome.HELD, loss_reason(old.extraction, new.extraction)))


def preview_rollback(page: ReviewInput, run: int) -> Change:
    """What taking a Run back would change of a Page's Article."""
    result = rollback_page(page, run)
    after = {row for row, to in result.moves if to is ResultStatus.ACCEPTED}
    new = next((each for each in reversed(page.results) if each.id in after), None)
    if new is None:
        stands = next(
            (each for each in reversed(page.results) if each.standing is ResultStatus.ACCEPTED),
            None,
        )
        return change_by_review(page, stands, stands, (result.outcome, result.reason))
    old = next(
        each
        for each in page.results
        if each.standing is ResultStatus.ACCEPTED and each.payload_id == new.payload_id
    )
    return change_by_review(page, old, new, (result.outcome, result.reason))


def review(
    store: Database,
    site: str,
    pages: Sequence[int],
    choose: Callable[[ReviewInput], ReviewOutcome],
    progress: Progress,
) -> ReviewResult:
    """Accepts or rejects what is held of these Pages, as a Run. Raises AlreadyRunning and StoreError."""
    return _choose(store, site, "review", lambda: pages, choose, progress)


def rollback(store: Database, run: int, progress: Progress) -> ReviewResult:
    """Takes a clean back, as a Run. Raises ConfigError for a Run that is none, AlreadyRunning and StoreError."""
    site = site_of_clean_run(store, run)
    return _choose(
        store,
        site,
        "rollback",
        lambda: held_results.revertible_pages(store, run),
        lambda page: rollback_page(page, run),
        progress,
    )


def site_of_clean_run(store: Database, run: int) -> str:
    """The Site of a clean. Raises ConfigError where the Run is something else."""
    found = runs.get_run(store, run)
    if found is None:
        raise ConfigError(f"run {run}: there is no such run; 'nightdesk runs' lists them")
    if found.kind != "clean":
        raise ConfigError(f"run {run}: is a {found.kind}; only a clean can be taken back")
    return found.site


def _choose(
    store: Database,
    site: str,
    kind: str,
    wanted: Callable[[], Sequence[int]],
    choose: Callable[[ReviewInput], ReviewOutcome],
    progress: Progress,
) -> ReviewResult:
    """One Run over Pages, in batches. Which Pages is asked once the Site is ours."""
    if not wanted():
        return ReviewResult(site)
    shelf = CleanSession(store, site)
    run = shelf.start_run(None, kind)
    status, detail = "stopped", "interrupted"
    try:
        pages = wanted()
        for start, batch in _batches(pages):
            results = (choose(page) for page in held_results.review_inputs(store, batch))
            shelf.save_reviews(run, [result for result in results if result.moves])
            progress(kind, start + len(batch), len(pages))
        group_near_duplicates(store, site, progress)
        status, detail = "finished", ""
    except Exception as error:
        status, detail = "failed", str(error)
        raise
    finally:
        counts = shelf.finish_run(run, status, detail)
    return ReviewResult(site, run, counts)


def _batches(pages: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
    for start in range(0, len(pages), BATCH):
        yield start, pages[start : start + BATCH]
