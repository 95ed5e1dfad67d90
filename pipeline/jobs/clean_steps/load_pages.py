"""The first step of a clean: load what there is to extract, and later the pages to clean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.cleaning.clean_page import all_line_keys
from pipeline.core.clean_values import CleanInput
from pipeline.core.models import LineStats, Recipe
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope, PendingPayload

PAYLOADS_PER_READ = 32
PAGES_PER_BATCH = 100


@dataclass(frozen=True, slots=True)
class LoadedPages:
    """A batch of stale pages with all that their clean needs.

    Attributes:
        pages: The pages. One whose payloads are not all extracted yet has no periods.
        line_stats: What the site's profile holds of their lines, by page id and line key.
    """

    pages: tuple[CleanInput, ...]
    line_stats: Mapping[int, Mapping[int, LineStats]]


def load_payloads(
    session: CleanSession,
    recipe: Recipe,
    scope: CleanScope,
    after: int = 0,
    last: int | None = None,
    *,
    per_read: int = PAYLOADS_PER_READ,
) -> Iterator[PendingPayload]:
    """Load the payloads of a scope that the current extractors have not seen, by id.

    Args:
        session: The session of the site.
        recipe: The current recipe.
        scope: Which pages the clean is about.
        after: Load payloads with an id greater than this one.
        last: Load no payload with a greater id. By default, there is no end.
        per_read: Payloads that one query loads.
    """
    while payloads := session.pending_payloads(recipe, after, per_read, scope, last):
        yield from payloads
        after = payloads[-1].raw_page.payload_id


def load_page_batches(
    session: CleanSession,
    recipe: Recipe,
    scope: CleanScope,
    after: int = 0,
    last: int | None = None,
    *,
    pages_per_batch: int = PAGES_PER_BATCH,
) -> Iterator[LoadedPages]:
    """Load the pages of a scope in batches, by id.

    Args:
        session: The session of the site.
        recipe: The current recipe.
        scope: Which pages the clean is about.
        after: Load pages with an id greater than this one.
        last: Load no page with a greater id. By default, there is no end.
        pages_per_batch: How many pages to load at a time.
    """
    while pages := session.stale_pages(recipe, after, pages_per_batch, scope, last):
        line_keys = {page.page_id: all_line_keys(page) for page in pages}
        yield LoadedPages(pages, session.line_stats(line_keys))
        after = pages[-1].page_id
