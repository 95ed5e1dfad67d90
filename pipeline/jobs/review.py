"""Choosing among results: a review accepts or rejects what was held, a rollback takes a clean back.

Promises that choosing extracts and strikes nothing: results are there, and what stands is chosen and folded. Each is a Run with
a ledger, in batches of Pages that are each one transaction; one that breaks off goes on where it was when it is begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.cleaning.regression_guard import lost
from pipeline.cleaning.revisions import decide, fold
from pipeline.core.errors import ConfigError
from pipeline.core.models import Observation, Outcome, Reason, ResultStatus
from pipeline.jobs.changes import Change, change_to
from pipeline.jobs.near_duplicates import group_site
from pipeline.store.clean import held_results
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import Chosen, Result, Shelved
from pipeline.store.db.engine import Database
from pipeline.store.read import runs

BATCH = 100  # pages in one transaction

Moves = tuple[tuple[int, ResultStatus], ...]
Progress = Callable[[str, int, int], None]  # (stage, done, of)


@dataclass(frozen=True, slots=True)
class Choice:
    """How a review or a rollback ended. `run` is 0 where there was nothing to do, and no Run was made."""

    site: str
    run: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def accepting(page: Shelved) -> Moves:
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


def rejecting(page: Shelved) -> Moves:
    """What is held is refused for good."""
    return tuple(
        (each.id, ResultStatus.REJECTED)
        for each in page.results
        if each.standing is ResultStatus.HELD
    )


def taking_back(page: Shelved, run: int) -> Moves:
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


def _is_earlier(one: Result, other: Result) -> bool:
    return one.payload_id == other.payload_id and one.id < other.id


def chosen(page: Shelved, moves: Moves, how: tuple[Outcome, Reason] | None = None) -> Chosen:
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
    outcome, reason = how or decide(page.before, sightings[-1])
    return Chosen(page.page_id, moves, fold(sightings), outcome, reason)


def accept(page: Shelved) -> Chosen:
    """The held result becomes the Article."""
    return chosen(page, accepting(page))


def reject(page: Shelved) -> Chosen:
    """The Article stays, and the held result is not offered again."""
    return chosen(page, rejecting(page), (Outcome.UNCHANGED, Reason.REJECTED))


def take_back(page: Shelved, run: int) -> Chosen:
    """The Article is again what it was before the Run."""
    moves = taking_back(page, run)
    went_back = any(to is ResultStatus.ACCEPTED for _, to in moves)
    return chosen(
        page,
        moves,
        (Outcome.RECLEANED, Reason.ROLLED_BACK)
        if went_back
        else (Outcome.UNCHANGED, Reason.REJECTED),
    )


def held_change(page: Shelved) -> Change:
    """What accepting the held result of a Page would change: of its newest bytes, where those are held."""
    held = [each for each in page.results if each.standing is ResultStatus.HELD]
    newest = {stretch.payload_id: number for number, stretch in enumerate(page.stretches)}
    new = max(held, key=lambda each: newest[each.payload_id])
    old = next(
        each
        for each in page.results
        if each.standing is ResultStatus.ACCEPTED and each.payload_id == new.payload_id
    )
    return change_to(page, old, new, (Outcome.HELD, lost(old.extraction, new.extraction)))


def back_change(page: Shelved, run: int) -> Change:
    """What taking a Run back would change of a Page's Article."""
    result = take_back(page, run)
    after = {row for row, to in result.moves if to is ResultStatus.ACCEPTED}
    new = next((each for each in reversed(page.results) if each.id in after), None)
    if new is None:
        stands = next(
            (each for each in reversed(page.results) if each.standing is ResultStatus.ACCEPTED),
            None,
        )
        return change_to(page, stands, stands, (result.outcome, result.reason))
    old = next(
        each
        for each in page.results
        if each.standing is ResultStatus.ACCEPTED and each.payload_id == new.payload_id
    )
    return change_to(page, old, new, (result.outcome, result.reason))


def review(
    store: Database,
    site: str,
    pages: Sequence[int],
    choose: Callable[[Shelved], Chosen],
    progress: Progress,
) -> Choice:
    """Accepts or rejects what is held of these Pages, as a Run. Raises AlreadyRunning and StoreError."""
    return _choose(store, site, "review", lambda: pages, choose, progress)


def rollback(store: Database, run: int, progress: Progress) -> Choice:
    """Takes a clean back, as a Run. Raises ConfigError for a Run that is none, AlreadyRunning and StoreError."""
    site = clean_run(store, run)
    return _choose(
        store,
        site,
        "rollback",
        lambda: held_results.made_by(store, run),
        lambda page: take_back(page, run),
        progress,
    )


def clean_run(store: Database, run: int) -> str:
    """The Site of a clean. Raises ConfigError where the Run is something else."""
    found = runs.run(store, run)
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
    choose: Callable[[Shelved], Chosen],
    progress: Progress,
) -> Choice:
    """One Run over Pages, in batches. Which Pages is asked once the Site is ours."""
    if not wanted():
        return Choice(site)
    shelf = CleanSession(store, site)
    run = shelf.start_run(None, kind)
    status, detail = "stopped", "interrupted"
    try:
        pages = wanted()
        for start, batch in _batches(pages):
            results = (choose(page) for page in held_results.shelved(store, batch))
            shelf.put_chosen(run, [result for result in results if result.moves])
            progress(kind, start + len(batch), len(pages))
        group_site(store, site, progress)
        status, detail = "finished", ""
    except Exception as error:
        status, detail = "failed", str(error)
        raise
    finally:
        counts = shelf.finish_run(run, status, detail)
    return Choice(site, run, counts)


def _batches(pages: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
    for start in range(0, len(pages), BATCH):
        yield start, pages[start : start + BATCH]
