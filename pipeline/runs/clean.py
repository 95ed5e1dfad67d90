"""A clean of one Site: whatever is stale is drafted, struck, folded and put on the shelf.

Promises that a clean which is interrupted anywhere is finished by the next one, that nothing is extracted whose bytes and
extractors did not change, and that the Site's memory has seen all new Drafts before the first of them is struck.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from pipeline import memory, rules
from pipeline.extract import EXTRACTORS
from pipeline.fold import decide, fold
from pipeline.model import Extraction, Fact, Recipe, Sighting
from pipeline.runs.workers import Workers
from pipeline.sites import Site
from pipeline.store.engine import Store
from pipeline.store.memories import Seen
from pipeline.store.shelf import Shelf
from pipeline.store.values import Cleaned, Material, Met, Undrafted

log = logging.getLogger(__name__)

READ = 32  # payloads read at a time
DRAFTS = 16  # drafts written at a time
STRIKES = 100  # pages struck and written at a time

Progress = Callable[[str, int, int], None]  # (stage, done, of); may raise Stopped
T = TypeVar("T")


class Stopped(Exception):
    """The one who looks on wants no more; what is done is kept."""


@dataclass(frozen=True, slots=True)
class CleanResult:
    """How a clean ended. `run` is 0 where nothing was stale, and no Run was made."""

    site: str
    run: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    drafted: int = 0


def recipe_of(site: Site) -> Recipe:
    """How a text of this Site is made today."""
    return Recipe(EXTRACTORS, rules.digest(site.cleaning, site.language, site.timezone))


def clean_site(store: Store, site: Site, workers: Workers, progress: Progress) -> CleanResult:
    """Cleans all that is stale. Raises AlreadyRunning and StoreError, and Stopped where `progress` does."""
    shelf = Shelf(store, site.id)
    recipe = recipe_of(site)
    if not shelf.count_stale(recipe):
        return CleanResult(site.id)
    run = shelf.start_run(recipe)
    status, detail = "stopped", "interrupted"
    try:
        drafted = _draft(shelf, recipe, workers, progress)
        _strike(shelf, run, recipe, site, progress)
        status, detail = "finished", ""
    except Stopped:
        raise
    except Exception as error:
        status, detail = "failed", str(error)
        raise
    finally:
        counts = shelf.finish_run(run, status, detail)
    return CleanResult(site.id, run, counts, drafted)


def _draft(shelf: Shelf, recipe: Recipe, workers: Workers, progress: Progress) -> int:
    """Makes the Drafts that are missing, and tells the memory what their Pages show."""
    total, done = shelf.count_undrafted(recipe), 0
    for batch in _batches(workers.drafts(_undrafted(shelf, recipe)), DRAFTS):
        seen: dict[int, Seen] = {}
        for payload, draft in batch:
            if draft.reason:
                log.info("payload %d: %s %s", payload.source.payload_id, draft.reason, draft.detail)
            for page, told in payload.pages:
                lines = memory.line_keys(draft, draft.metadata.title)
                seen[page] = Seen(lines, memory.headline_keys(draft.metadata, told))
        shelf.put_drafts([(payload.source.payload_id, draft) for payload, draft in batch], seen)
        done += len(batch)
        progress("extracting", done, max(total, done))
    return done


def _undrafted(shelf: Shelf, recipe: Recipe) -> Iterator[Undrafted]:
    after = 0
    while found := shelf.undrafted(recipe, after, READ):
        yield from found
        after = found[-1].source.payload_id


def _strike(shelf: Shelf, run: int, recipe: Recipe, site: Site, progress: Progress) -> None:
    total, done, after = shelf.count_stale(recipe), 0, 0
    while batch := shelf.stale(recipe, after, STRIKES):
        lines = {material.page_id: _lines(material) for material in batch}
        facts = shelf.recall(lines)
        shelf.put(run, recipe, [clean_page(each, facts[each.page_id], site) for each in batch if each.met])
        after = batch[-1].page_id
        done += len(batch)
        progress("cleaning", done, max(total, done))


def _lines(material: Material) -> tuple[int, ...]:
    """Keys of all lines that the Page ever showed."""
    return tuple({key for met in material.met for key in memory.line_keys(met.draft, met.draft.metadata.title)})


def clean_page(material: Material, facts: dict[int, Fact], site: Site) -> Cleaned:
    """What becomes of one Page: all its Payloads are struck alike, and its Revisions folded anew."""
    made: dict[int, tuple[int, Extraction]] = {}
    for met in material.met:
        if met.payload_id not in made:
            made[met.payload_id] = met.draft_id, _extraction(met, material, facts, site)
    sightings = [Sighting(made[met.payload_id][1], met.payload_id, met.first_seen_at, met.last_seen_at) for met in material.met]
    outcome, reason = decide(material.before, sightings[-1])
    extractions = tuple((payload, draft_id, extraction) for payload, (draft_id, extraction) in made.items())
    return Cleaned(material.page_id, sightings[-1].payload_id, extractions, fold(sightings), outcome, reason)


def _extraction(met: Met, material: Material, facts: dict[int, Fact], site: Site) -> Extraction:
    return rules.strike(
        met.draft,
        facts=facts,
        told=material.told,
        cleaning=site.cleaning,
        language_hint=site.language,
        timezone=site.timezone,
        fetched_at=met.first_seen_at,
    )


def _batches(items: Iterator[T], size: int) -> Iterator[Sequence[T]]:
    while batch := list(islice(items, size)):
        yield batch
