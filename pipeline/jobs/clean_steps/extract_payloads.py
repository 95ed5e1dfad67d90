"""The second step of a clean: extract payloads, and save what comes of them in batches.

Saving also adds the lines, headlines and containers of the pages to the site's profile. All
payloads of a site are extracted before the rules are applied to the first of its pages, because
the profile must have seen all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from pipeline.config.site import Site
from pipeline.core.models import Recipe
from pipeline.jobs.clean_steps.load_pages import load_payloads
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.jobs.workers.tasks import ExtractedPayload, page_signals
from pipeline.store.clean.container_stats import ContainerSighting
from pipeline.store.clean.line_sightings import PageSightings
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope, PageSignals, PendingPayload
from pipeline.store.db.engine import Database

# Extracted pages that one transaction saves. A hostile page has as many blocks as hundreds of
# others, and the batch must fit in memory.
MAX_PAGES_PER_WRITE = 64
MAX_BLOCKS_PER_WRITE = 20_000  # but at least one page
PAYLOADS_AHEAD = 256  # per call of `extract_ahead`, so that every site of a night has its turn
PROFILED_PER_WRITE = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractPart:
    """The payloads of a clean that one of several workers extracts.

    Attributes:
        scope: Which pages the clean is about.
        after_payload_id: The part begins after this payload.
        last_payload_id: The part ends with this payload.
    """

    scope: CleanScope
    after_payload_id: int
    last_payload_id: int


def save_extracted(
    session: CleanSession,
    extracted: Iterable[ExtractedPayload],
    *,
    update_profile: bool = True,
    max_pages: int = MAX_PAGES_PER_WRITE,
    max_blocks: int = MAX_BLOCKS_PER_WRITE,
) -> Iterator[int]:
    """Save extracted pages in batches.

    Args:
        session: The session of the site.
        extracted: What to save.
        update_profile: Whether to add the pages to the site's profile now. Otherwise a later
            clean does it.
        max_pages: Pages that one transaction saves.
        max_blocks: Blocks that one transaction saves; a page with more is saved alone.

    Yields:
        The size of each batch, once it is saved.
    """
    for batch in _batches(extracted, max_pages, max_blocks):
        signals = []
        for payload in batch:
            signals.append((payload.payload_id, payload.signals))
            if payload.extraction.reason:
                reason, detail = payload.extraction.reason, payload.extraction.detail
                log.info("payload %d: %s %s", payload.payload_id, reason, detail)
        extractions = [(payload.payload_id, payload.extraction) for payload in batch]
        sightings = _sightings_by_page(signals) if update_profile else None
        session.save_extracted(extractions, sightings)
        yield len(batch)


def extract_ahead(
    database: Database, site: Site, workers: WorkerPool, should_stop: Callable[[], bool]
) -> int:
    """Extract what a crawl of the site has saved so far, while the crawl goes on.

    The clean of the site then finds these pages extracted.

    Args:
        database: The archive.
        site: The site.
        workers: The processes that extract.
        should_stop: Asked before each payload.

    Returns:
        The number of payloads that were extracted.

    Raises:
        StoreError: The database cannot be read or written.
    """
    session = CleanSession(database, site.id)
    payloads = load_payloads(session, current_recipe(site), CleanScope())
    return _extract_until(session, workers, islice(payloads, PAYLOADS_AHEAD), should_stop)


def extract_part(
    database: Database,
    site: Site,
    workers: WorkerPool,
    part: ExtractPart,
    should_stop: Callable[[], bool],
) -> int:
    """Extract one part of a clean, while other workers extract the other parts.

    Args:
        database: The archive.
        site: The site.
        workers: The processes that extract.
        part: The payloads to extract.
        should_stop: Asked before each payload.

    Returns:
        The number of payloads that were extracted.

    Raises:
        StoreError: The database cannot be read or written.
    """
    session = CleanSession(database, site.id)
    first, last = part.after_payload_id, part.last_payload_id
    payloads = load_payloads(session, current_recipe(site), part.scope, first, last)
    return _extract_until(session, workers, payloads, should_stop)


def add_missing_to_profile(session: CleanSession, recipe: Recipe) -> None:
    """Add those extracted pages to the site's profile that a dry run saved without it."""
    while pages := session.not_in_profile(recipe, PROFILED_PER_WRITE):
        signals = [(page.payload_id, page_signals(page.extracted, page.pages)) for page in pages]
        ids = [page.extracted_page_id for page in pages]
        session.add_to_profile(ids, _sightings_by_page(signals))


def _extract_until(
    session: CleanSession,
    workers: WorkerPool,
    payloads: Iterable[PendingPayload],
    should_stop: Callable[[], bool],
) -> int:
    payloads = takewhile(lambda _: not should_stop(), payloads)
    return sum(save_extracted(session, workers.extract_stored(payloads)))


def _batches(
    extracted: Iterable[ExtractedPayload], max_pages: int, max_blocks: int
) -> Iterator[list[ExtractedPayload]]:
    batch, blocks = list[ExtractedPayload](), 0
    for payload in extracted:
        batch.append(payload)
        blocks += payload.extraction.block_count
        if len(batch) == max_pages or blocks >= max_blocks:
            yield batch
            batch, blocks = [], 0
    if batch:
        yield batch


def _sightings_by_page(signals: Iterable[tuple[int, PageSignals]]) -> dict[int, PageSightings]:
    """Return what the pages show, from (payload id, its signals)."""
    sightings: dict[int, PageSightings] = {}
    for payload_id, payload_signals in signals:
        containers = tuple(ContainerSighting(*signal) for signal in payload_signals.containers)
        for page_id, headlines in payload_signals.headlines.items():
            new = PageSightings(payload_signals.lines, headlines, {payload_id: containers})
            known = sightings.get(page_id)
            sightings[page_id] = new if known is None else _merge_sightings(known, new)
    return sightings


def _merge_sightings(one: PageSightings, other: PageSightings) -> PageSightings:
    """Return what two payloads of one page show."""
    return PageSightings(
        one.lines + other.lines,
        one.headlines + other.headlines,
        {**one.containers, **other.containers},
    )
