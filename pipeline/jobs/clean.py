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
from pipeline.cleaning.regression_guard import Weighed, is_same, weigh
from pipeline.cleaning.revisions import decide, fold
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
from pipeline.jobs.changes import Change, change_of, refused
from pipeline.jobs.index_ahead import Findable
from pipeline.jobs.near_duplicates import group_site
from pipeline.jobs.workers.pool import Workers
from pipeline.jobs.workers.tasks import shown_by
from pipeline.store.clean.container_stats import Container
from pipeline.store.clean.line_memory import Seen
from pipeline.store.clean.near_duplicates import count_waiting
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import (
    Cleaned,
    Confirmed,
    Material,
    Met,
    Packed,
    Result,
    Scope,
    Shown,
    Undrafted,
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
STALE = Scope()

Made = tuple[int, Packed, Shown]  # of a Payload
Progress = Callable[[str, int, int], None]  # (stage, done, of); may raise Stopped
Tell = Callable[[str, Change], None]  # (Site, what becomes of one of its Pages)


class Stopped(Exception):
    """The one who looks on wants no more; what is done is kept."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a clean is asked for: which Pages, and who wants to know what changes. A dry one writes nothing but Drafts."""

    scope: Scope = STALE
    dry: bool = False
    tell: Tell | None = None


NIGHTLY = Plan()


@dataclass(frozen=True, slots=True)
class Part:
    """Payloads that one worker extracts of a clean in which several have a share: those behind `after`, up to the `last`."""

    scope: Scope
    after: int
    last: int


@dataclass(frozen=True, slots=True)
class CleanRunResult:
    """How a clean ended. `run` is 0 where nothing was stale, and no Run was made."""

    site: str
    run: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    drafted: int = 0


def recipe_of(site: Site) -> Recipe:
    """How a text of this Site is made today."""
    return Recipe(EXTRACTORS, apply_rules.digest(site.cleaning, site.language, site.timezone))


def rule_named(name: str) -> str:
    """The name, if a Rule has it. Raises ConfigError with the nearest one."""
    names = [rule.name for rule in apply_rules.RULES]
    if name not in names:
        close = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(names)}"
        raise ConfigError(f"--rule {name}: there is no such rule; {hint}")
    return name


def clean_site(
    store: Database, site: Site, workers: Workers, progress: Progress, plan: Plan = NIGHTLY
) -> CleanRunResult:
    """Cleans what the plan is about. Raises AlreadyRunning and StoreError, and Stopped where `progress` does."""
    shelf = CleanSession(store, site.id)
    recipe = recipe_of(site)
    if plan.dry:
        drafted = _draft(shelf, recipe, workers, progress, plan)
        _strike(shelf, 0, recipe, site, progress, plan, None)
        return CleanRunResult(site.id, drafted=drafted)
    asked = str(plan.scope)
    if plan.scope.everything:
        shelf.touch(recipe, plan.scope)  # so that a clean which breaks off goes on where it was
        plan = replace(plan, scope=replace(plan.scope, everything=False))
    if not shelf.count_stale(recipe, plan.scope):
        _catch_up(shelf, progress)
        return CleanRunResult(site.id)
    run = shelf.start_run(recipe, scope=asked)
    status, detail = "stopped", "interrupted"
    try:
        drafted = _draft(shelf, recipe, workers, progress, plan)
        found = Findable(site.id, "sqlite" if store.is_sqlite else "postgresql", workers)
        _strike(shelf, run, recipe, site, progress, plan, found)
        shelf.tidy(recipe)
        group_site(store, site.id, progress, found.sketch)
        _index(store, site.id, progress)
        dictionary_training.keep_up(store, site.id)
        status, detail = "finished", ""
    except Stopped:
        raise
    except Exception as error:
        status, detail = "failed", str(error)
        raise
    finally:
        counts = shelf.finish_run(run, status, detail)
    return CleanRunResult(site.id, run, counts, drafted)


def _catch_up(shelf: CleanSession, progress: Progress) -> None:
    """Compares and indexes Articles that a clean of before left waiting, or an upgrade of the archive."""
    if count_waiting(shelf.store, shelf.site) or index.waiting(shelf.store, shelf.site):
        with shelf.locked():
            group_site(shelf.store, shelf.site, progress)
            _index(shelf.store, shelf.site, progress)


def _index(store: Database, site: str, progress: Progress) -> None:
    """Brings those Articles into the full-text index that an upgrade took out of it."""
    total, done = index.waiting(store, site), 0
    while done < total and (step := index.catch_up(store, site)):
        done += step
        progress("indexing", done, max(total, done))


def _draft(
    shelf: CleanSession, recipe: Recipe, workers: Workers, progress: Progress, plan: Plan
) -> int:
    """Makes the Drafts that are missing, and tells the memory what their Pages show; a dry plan leaves that to a later one."""
    if not plan.dry:
        _learn(shelf, recipe)
    total, done = shelf.count_undrafted(recipe, plan.scope), 0
    for made in _put_drafts(
        shelf, workers, _undrafted(shelf, recipe, plan.scope), learning=not plan.dry
    ):
        done += made
        progress("extracting", done, max(total, done))
    return done


def draft_ahead(store: Database, site: Site, workers: Workers, is_over: Callable[[], bool]) -> int:
    """Makes Drafts of what a crawl of the Site has brought so far, while it goes on; its clean then finds them made. Ends soon
    after `is_over` says so. Returns how many it made. Raises StoreError."""
    shelf = CleanSession(store, site.id)
    payloads = takewhile(lambda _: not is_over(), _undrafted(shelf, recipe_of(site), STALE))
    return sum(_put_drafts(shelf, workers, islice(payloads, AHEAD), learning=True))


def draft_part(
    store: Database, site: Site, workers: Workers, part: Part, is_over: Callable[[], bool]
) -> int:
    """Makes the Drafts of one part of a clean, beside others who make those of other parts. Ends soon after `is_over` says so.
    Returns how many it made. Raises StoreError."""
    shelf = CleanSession(store, site.id)
    found = _undrafted(shelf, recipe_of(site), part.scope, part.after, part.last)
    return sum(
        _put_drafts(shelf, workers, takewhile(lambda _: not is_over(), found), learning=True)
    )


def _put_drafts(
    shelf: CleanSession, workers: Workers, payloads: Iterator[Undrafted], *, learning: bool
) -> Iterator[int]:
    """Extracts and writes in batches; yields how many."""
    made = (
        (payload.source.payload_id, draft, shown)
        for payload, draft, shown in workers.packed(payloads)
    )
    return put_made(shelf, made, learning=learning)


def put_made(shelf: CleanSession, made: Iterator[Made], *, learning: bool) -> Iterator[int]:
    """Writes Drafts in batches, and tells the memory of them or leaves that to a later clean; yields how many."""
    for batch in _batches(made):
        for payload, draft, _ in batch:
            if draft.reason:
                log.info("payload %d: %s %s", payload, draft.reason, draft.detail)
        seen = _seen((payload, shown) for payload, _, shown in batch)
        shelf.put_drafts(
            [(payload, draft) for payload, draft, _ in batch], seen if learning else None
        )
        yield len(batch)


def _learn(shelf: CleanSession, recipe: Recipe) -> None:
    """Tells the memory of the Drafts that a dry clean made."""
    while found := shelf.unlearnt(recipe, STRIKES):
        shelf.learn(
            [each.extracted_page_id for each in found],
            _seen((each.payload_id, shown_by(each.draft, each.pages)) for each in found),
        )


def _seen(drafts: Iterable[tuple[int, Shown]]) -> dict[int, Seen]:
    seen: dict[int, Seen] = {}
    for payload, shown in drafts:
        containers = tuple(Container(*each) for each in shown.containers)
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
    shelf: CleanSession, recipe: Recipe, scope: Scope, after: int = 0, last: int | None = None
) -> Iterator[Undrafted]:
    while found := shelf.undrafted(recipe, after, READ, scope, last):
        yield from found
        after = found[-1].source.payload_id


def _strike(
    shelf: CleanSession,
    run: int,
    recipe: Recipe,
    site: Site,
    progress: Progress,
    plan: Plan,
    found: Findable | None,
) -> None:
    """Without `found` nothing is written."""
    total, done = shelf.count_stale(recipe, plan.scope), 0
    for number, batch in _struck(shelf, recipe, site, plan, found):
        if found is not None:
            shelf.put(run, recipe, [result for _, result in batch], found.rows())
        if plan.tell is not None:
            for material, result in batch:
                plan.tell(site.id, change_of(material, result))
        done += number
        progress("cleaning", done, max(total, done))


Struck = tuple[
    int, Sequence[tuple[Material, Cleaned]]
]  # how many Pages were looked at, and what came of those that could be


def _struck(
    shelf: CleanSession, recipe: Recipe, site: Site, plan: Plan, found: Findable | None
) -> Iterator[Struck]:
    """What is stale, in batches; one is struck while the workers make the one before findable."""
    after, before = 0, list[Struck]()
    while batch := shelf.stale(recipe, after, STRIKES, plan.scope):
        lines = {material.page_id: _lines(material) for material in batch}
        facts = shelf.recall(lines)
        struck = [(each, clean_page(each, facts[each.page_id], site)) for each in batch if each.met]
        if found is not None:
            found.begin([result for _, result in struck])
        yield from before
        before = [(len(batch), struck)]
        after = batch[-1].page_id
    yield from before


def _lines(material: Material) -> tuple[int, ...]:
    """Keys of all lines that the Page ever showed."""
    return tuple(
        {
            key
            for met in material.met
            for key in boilerplate_keys.line_keys(met.draft, met.draft.metadata.title)
        }
    )


def clean_page(material: Material, facts: dict[int, LineStats], site: Site) -> Cleaned:
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
    weighed = weigh(stands, refused(material.results), dict(reversed(made.items())))
    same = {
        payload
        for payload in weighed.adopted & stands.keys()
        if is_same(stands[payload], made[payload])
    }
    after = stands | {payload: made[payload] for payload in weighed.adopted}
    sightings = [
        Observation(after[met.payload_id], met.payload_id, met.first_seen_at, met.last_seen_at)
        for met in material.met
    ]
    revisions = fold(sightings)
    outcome, reason = _outcome(material, weighed, stands, sightings[-1])
    rows = [
        (payload, drafts[payload], extraction) for payload, extraction in reversed(made.items())
    ]
    return Cleaned(
        material.page_id,
        sightings[-1].payload_id,
        tuple(row for row in rows if row[0] in weighed.adopted - same),
        revisions,
        outcome,
        reason,
        confirmed=tuple(
            _confirmed(standing[payload], draft, new)
            for payload, draft, new in rows
            if payload in same
        ),
        held=tuple(row for row in rows if row[0] in weighed.held),
        settled=weighed.adopted <= same and _is_settled(material.before, revisions),
    )


def _first(material: Material, payload: int) -> Met:
    """The first stretch of a Payload: its time is the one that dates are measured against."""
    return next(met for met in material.met if met.payload_id == payload)


def _outcome(
    material: Material, weighed: Weighed, stands: Mapping[int, CleanResult], newest: Observation
) -> tuple[Outcome, Reason]:
    """How cleaning ended: by the newest Payload, and for bytes that were cleaned before also by what the guards say."""
    if newest.payload_id in stands and weighed.held:
        return Outcome.HELD, weighed.reason
    if newest.payload_id not in weighed.adopted:
        return Outcome.UNCHANGED, Reason.REJECTED
    return decide(material.before, newest)


def _confirmed(stands: Result, draft: int, new: CleanResult) -> Confirmed:
    old = stands.extraction
    is_as_it_was = (stands.extracted_page_id, old.memory, old.removed) == (
        draft,
        new.memory,
        new.removed,
    )
    return Confirmed(stands.id, draft, new, is_as_it_was)


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
    met: Met, material: Material, facts: dict[int, LineStats], site: Site
) -> CleanResult:
    return apply_rules.strike(
        met.draft,
        facts=facts,
        told=material.told,
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
