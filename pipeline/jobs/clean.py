"""A clean of one Site: whatever is stale is drafted, struck, folded and put on the shelf.

Promises that a clean which is interrupted anywhere is finished by the next one, that nothing is extracted whose bytes and
extractors did not change, and that the Site's memory has seen all new Drafts before the first of them is struck.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice, takewhile

from pipeline.cleaning import apply_rules, boilerplate_keys
from pipeline.cleaning.regression_guard import ReviewDecision, is_same_article, compare_with_current
from pipeline.cleaning.revisions import classify_outcome, build_revisions
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.core.models import (
    CleanResult,
    LineStats,
    Observation,
    Outcome,
    PreviousArticle,
    Reason,
    Recipe,
    ResultStatus,
    Revision,
)
from pipeline.extract import EXTRACTORS
from pipeline.jobs.changes import Change, change_by_clean, rejected_results
from pipeline.jobs.index_ahead import IndexAhead
from pipeline.jobs.near_duplicates import group_near_duplicates
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.jobs.workers.tasks import page_signals
from pipeline.store.clean.container_stats import ContainerSighting
from pipeline.store.clean.line_sightings import Seen
from pipeline.store.clean.near_duplicates import count_pending
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import (
    CleanOutcome,
    NewResult,
    UnchangedResult,
    CleanInput,
    PayloadPeriod,
    StoredExtraction,
    StoredResult,
    CleanScope,
    PageSignals,
    PendingPayload,
)
from pipeline.store.codec import dictionary_training
from pipeline.store.db.engine import Database
from pipeline.store.search import index

log = logging.getLogger(__name__)

READ = 32  # payloads read at a time
DRAFTS, BLOCKS = (
    64,
    20_000,
)  # drafts written at a time, and no more blocks than these, but one draft at the least
AHEAD = 256  # payloads extracted in one go while a crawl goes on, so that every site has its turn
STRIKES = 100  # pages struck and written at a time
STALE_ONLY = CleanScope()

Made = tuple[int, StoredExtraction, PageSignals]  # of a Payload
Progress = Callable[[str, int, int], None]  # (stage, done, of); may raise Stopped
Tell = Callable[[str, Change], None]  # (Site, what becomes of one of its Pages)


class Cancelled(Exception):
    """The one who looks on wants no more; what is done is kept."""


@dataclass(frozen=True, slots=True)
class CleanRequest:
    """What a clean is asked for: which Pages, and who wants to know what changes. A dry one writes nothing but Drafts."""

    scope: CleanScope = STALE_ONLY
    dry_run: bool = False
    on_change: Tell | None = None


DEFAULT_CLEAN = CleanRequest()


@dataclass(frozen=True, slots=True)
class ExtractPart:
    """Payloads that one worker extracts of a clean in which several have a share: those behind `after`, up to the `last`."""

    scope: CleanScope
    after_payload_id: int
    last_payload_id: int


@dataclass(frozen=True, slots=True)
class CleanRunResult:
    """How a clean ended. `run` is 0 where nothing was stale, and no Run was made."""

    site: str
    run_id: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    extracted: int = 0


def current_recipe(site: Site) -> Recipe:
    """How a text of this Site is made today."""
    return Recipe(EXTRACTORS, apply_rules.recipe_digest(site.cleaning, site.language, site.timezone))


def require_rule(name: str) -> str:
    """The name, if a Rule has it. Raises ConfigError with the nearest one."""
    names = [rule.name for rule in apply_rules.RULES]
    if name not in names:
        close = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)}"
        raise ConfigError(f"--rule {name}: there is no such rule; {hint}")
    return name


def clean_site(
    database: Database, site: Site, workers: WorkerPool, progress: Progress, request: CleanRequest = DEFAULT_CLEAN
) -> CleanRunResult:
    """Cleans what the plan is about. Raises AlreadyRunning and StoreError, and Stopped where `progress` does."""
    session = CleanSession(database, site.id)
    recipe = current_recipe(site)
    if request.dry_run:
        drafted = _draft(session, recipe, workers, progress, request)
        _strike(session, 0, recipe, site, progress, request, None)
        return CleanRunResult(site.id, extracted=drafted)
    asked = str(request.scope)
    if request.scope.everything:
        session.mark_stale(recipe, request.scope)  # so that a clean which breaks off goes on where it was
        request = replace(request, scope=replace(request.scope, everything=False))
    if not session.count_stale(recipe, request.scope):
        _catch_up(session, progress)
        return CleanRunResult(site.id)
    run = session.start_run(recipe, scope=asked)
    status, detail = "stopped", "interrupted"
    try:
        drafted = _draft(session, recipe, workers, progress, request)
        found = IndexAhead(site.id, "sqlite" if database.is_sqlite else "postgresql", workers)
        _strike(session, run, recipe, site, progress, request, found)
        session.trim_profile(recipe)
        group_near_duplicates(database, site.id, progress, found.sketch)
        _index(database, site.id, progress)
        dictionary_training.retrain_if_needed(database, site.id)
        status, detail = "finished", ""
    except Cancelled:
        raise
    except Exception as error:
        status, detail = "failed", str(error)
        raise
    finally:
        counts = session.finish_run(run, status, detail)
    return CleanRunResult(site.id, run, counts, drafted)


def _catch_up(shelf: CleanSession, progress: Progress) -> None:
    """Compares and indexes Articles that a clean of before left waiting, or an upgrade of the archive."""
    if count_pending(shelf.store, shelf.site) or index.count_pending(shelf.store, shelf.site):
        with shelf.locked():
            group_near_duplicates(shelf.store, shelf.site, progress)
            _index(shelf.store, shelf.site, progress)


def _index(store: Database, site: str, progress: Progress) -> None:
    """Brings those Articles into the full-text index that an upgrade took out of it."""
    total, done = index.count_pending(store, site), 0
    while done < total and (step := index.index_pending(store, site)):
        done += step
        progress("indexing", done, max(total, done))


def _draft(
    shelf: CleanSession, recipe: Recipe, workers: WorkerPool, progress: Progress, plan: CleanRequest
) -> int:
    """Makes the Drafts that are missing, and tells the memory what their Pages show; a dry plan leaves that to a later one."""
    if not plan.dry_run:
        _learn(shelf, recipe)
    total, done = shelf.count_pending_payloads(recipe, plan.scope), 0
    for made in _put_drafts(
        shelf, workers, _undrafted(shelf, recipe, plan.scope), learning=not plan.dry_run
    ):
        done += made
        progress("extracting", done, max(total, done))
    return done


def extract_ahead(store: Database, site: Site, workers: WorkerPool, is_over: Callable[[], bool]) -> int:
    """Makes Drafts of what a crawl of the Site has brought so far, while it goes on; its clean then finds them made. Ends soon
    after `is_over` says so. Returns how many it made. Raises StoreError."""
    shelf = CleanSession(store, site.id)
    payloads = takewhile(lambda _: not is_over(), _undrafted(shelf, current_recipe(site), STALE_ONLY))
    return sum(_put_drafts(shelf, workers, islice(payloads, AHEAD), learning=True))


def extract_part(
    store: Database, site: Site, workers: WorkerPool, part: ExtractPart, is_over: Callable[[], bool]
) -> int:
    """Makes the Drafts of one part of a clean, beside others who make those of other parts. Ends soon after `is_over` says so.
    Returns how many it made. Raises StoreError."""
    shelf = CleanSession(store, site.id)
    found = _undrafted(shelf, current_recipe(site), part.scope, part.after_payload_id, part.last_payload_id)
    return sum(
        _put_drafts(shelf, workers, takewhile(lambda _: not is_over(), found), learning=True)
    )


def _put_drafts(
    shelf: CleanSession, workers: WorkerPool, payloads: Iterator[PendingPayload], *, learning: bool
) -> Iterator[int]:
    """Extracts and writes in batches; yields how many."""
    made = (
        (payload.source.payload_id, draft, shown)
        for payload, draft, shown in workers.extract_stored(payloads)
    )
    return save_extracted(shelf, made, learning=learning)


def save_extracted(shelf: CleanSession, made: Iterator[Made], *, learning: bool) -> Iterator[int]:
    """Writes Drafts in batches, and tells the memory of them or leaves that to a later clean; yields how many."""
    for batch in _batches(made):
        for payload, draft, _ in batch:
            if draft.reason:
                log.info("payload %d: %s %s", payload, draft.reason, draft.detail)
        seen = _seen((payload, shown) for payload, _, shown in batch)
        shelf.save_extracted(
            [(payload, draft) for payload, draft, _ in batch], seen if learning else None
        )
        yield len(batch)


def _learn(shelf: CleanSession, recipe: Recipe) -> None:
    """Tells the memory of the Drafts that a dry clean made."""
    while found := shelf.not_in_profile(recipe, STRIKES):
        shelf.add_to_profile(
            [each.extracted_page_id for each in found],
            _seen((each.payload_id, page_signals(each.draft, each.pages)) for each in found),
        )


def _seen(drafts: Iterable[tuple[int, PageSignals]]) -> dict[int, Seen]:
    seen: dict[int, Seen] = {}
    for payload, shown in drafts:
        containers = tuple(ContainerSighting(*each) for each in shown.containers)
        for page, headlines in shown.headlines.items():
            seen[page] = _both(
                seen.get(page, Seen()), Seen(shown.lines, headlines, {payload: containers})
            )
    return seen


def _both(one: Seen, other: Seen) -> Seen:
    """What two Payloads of one Page show."""
    return Seen(
        one.lines + other.lines,
        one.headlines + other.headlines,
        {**one.containers, **other.containers},
    )


def _undrafted(
    shelf: CleanSession, recipe: Recipe, scope: CleanScope, after: int = 0, last: int | None = None
) -> Iterator[PendingPayload]:
    while found := shelf.pending_payloads(recipe, after, READ, scope, last):
        yield from found
        after = found[-1].source.payload_id


def _strike(
    shelf: CleanSession,
    run: int,
    recipe: Recipe,
    site: Site,
    progress: Progress,
    plan: CleanRequest,
    found: IndexAhead | None,
) -> None:
    """Without `found` nothing is written."""
    total, done = shelf.count_stale(recipe, plan.scope), 0
    for number, batch in _struck(shelf, recipe, site, plan, found):
        if found is not None:
            shelf.save_results(run, recipe, [result for _, result in batch], found.collect())
        if plan.on_change is not None:
            for material, result in batch:
                plan.on_change(site.id, change_by_clean(material, result))
        done += number
        progress("cleaning", done, max(total, done))


Struck = tuple[
    int, Sequence[tuple[CleanInput, CleanOutcome]]
]  # how many Pages were looked at, and what came of those that could be


def _struck(
    shelf: CleanSession, recipe: Recipe, site: Site, plan: CleanRequest, found: IndexAhead | None
) -> Iterator[Struck]:
    """What is stale, in batches; one is struck while the workers make the one before findable."""
    after, before = 0, list[Struck]()
    while batch := shelf.stale_pages(recipe, after, STRIKES, plan.scope):
        lines = {material.page_id: _lines(material) for material in batch}
        facts = shelf.line_stats(lines)
        struck = [(each, clean_page(each, facts[each.page_id], site)) for each in batch if each.met]
        if found is not None:
            found.submit([result for _, result in struck])
        yield from before
        before = [(len(batch), struck)]
        after = batch[-1].page_id
    yield from before


def _lines(material: CleanInput) -> tuple[int, ...]:
    """Keys of all lines that the Page ever showed."""
    return tuple(
        {
            key
            for met in material.met
            for key in boilerplate_keys.line_keys(met.draft, met.draft.metadata.title)
        }
    )


def clean_page(material: CleanInput, facts: dict[int, LineStats], site: Site) -> CleanOutcome:
    """What becomes of one Page: all its Payloads are struck alike, what would lose much is held, and the Revisions are folded
    anew from the results that stand then."""
    made: dict[int, CleanResult] = {}
    drafts: dict[int, int] = {}
    for met in reversed(material.met):  # the newest Payload comes first, and keeps its place below
        if met.payload_id not in made:
            made[met.payload_id] = _extraction(
                _first(material, met.payload_id), material, facts, site
            )
            drafts[met.payload_id] = met.extracted_page_id
    standing = {
        each.payload_id: each for each in material.results if each.standing is ResultStatus.ACCEPTED
    }
    stands = {payload: each.extraction for payload, each in standing.items()}
    weighed = compare_with_current(stands, rejected_results(material.results), dict(reversed(made.items())))
    same = {
        payload
        for payload in weighed.accepted & stands.keys()
        if is_same_article(stands[payload], made[payload])
    }
    after = stands | {payload: made[payload] for payload in weighed.accepted}
    sightings = [
        Observation(after[met.payload_id], met.payload_id, met.first_seen_at, met.last_seen_at)
        for met in material.met
    ]
    revisions = build_revisions(sightings)
    outcome, reason = _outcome(material, weighed, stands, sightings[-1])
    rows = [
        NewResult(payload, drafts[payload], result) for payload, result in reversed(made.items())
    ]
    return CleanOutcome(
        material.page_id,
        sightings[-1].payload_id,
        tuple(new for new in rows if new.payload_id in weighed.accepted - same),
        revisions,
        outcome,
        reason,
        unchanged=tuple(
            _confirmed(standing[new.payload_id], new.extracted_page_id, new.result)
            for new in rows
            if new.payload_id in same
        ),
        held=tuple(new for new in rows if new.payload_id in weighed.held),
        is_article_unchanged=weighed.accepted <= same and _is_settled(material.before, revisions),
    )


def _first(material: CleanInput, payload: int) -> PayloadPeriod:
    """The first stretch of a Payload: its time is the one that dates are measured against."""
    return next(met for met in material.met if met.payload_id == payload)


def _outcome(
    material: CleanInput, weighed: ReviewDecision, stands: Mapping[int, CleanResult], newest: Observation
) -> tuple[Outcome, Reason]:
    """How cleaning ended: by the newest Payload, and for bytes that were cleaned before also by what the guards say."""
    if newest.payload_id in stands and weighed.held:
        return Outcome.HELD, weighed.reason
    if newest.payload_id not in weighed.accepted:
        return Outcome.UNCHANGED, Reason.REJECTED
    return classify_outcome(material.before, newest)


def _confirmed(stands: StoredResult, draft: int, new: CleanResult) -> UnchangedResult:
    old = stands.extraction
    is_as_it_was = (stands.extracted_page_id, old.profile_digest, old.removed) == (
        draft,
        new.profile_digest,
        new.removed,
    )
    return UnchangedResult(stands.id, draft, new, is_as_it_was)


def _is_settled(before: PreviousArticle | None, revisions: Sequence[Revision]) -> bool:
    """Whether results that are the same also make the same Article: there is no other stretch of time."""
    if before is None:
        return not revisions
    return (
        (len(revisions), revisions[-1].payload_id) == (before.revisions, before.payload_id)
        if revisions
        else False
    )


def _extraction(
    met: PayloadPeriod, material: CleanInput, facts: dict[int, LineStats], site: Site
) -> CleanResult:
    return apply_rules.clean_document(
        met.draft,
        line_stats=facts,
        announced=material.told,
        cleaning=site.cleaning,
        language_hint=site.language,
        timezone=site.timezone,
        fetched_at=met.first_seen_at,
    )


def _batches(made: Iterator[Made]) -> Iterator[Sequence[Made]]:
    """Drafts in as many as may be in memory at the same time: a hostile page has the blocks of hundreds of others."""
    batch, blocks = list[Made](), 0
    for each in made:
        batch.append(each)
        blocks += each[1].blocks
        if len(batch) == DRAFTS or blocks >= BLOCKS:
            yield batch
            batch, blocks = [], 0
    if batch:
        yield batch
