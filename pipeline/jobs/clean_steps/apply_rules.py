"""The third step of a clean: apply the rules to loaded pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.cleaning.clean_page import clean_page
from pipeline.config.site import Site
from pipeline.core.clean_values import CleanInput, CleanOutcome
from pipeline.jobs.clean_steps.load_pages import LoadedPages


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """A page and the outcome of its clean."""

    page: CleanInput
    outcome: CleanOutcome


@dataclass(frozen=True, slots=True)
class CleanedPages:
    """A batch of pages to which the rules were applied.

    Attributes:
        loaded: Pages that the batch was made from, those that could not be cleaned yet included.
        pages: The others, and what became of them.
    """

    loaded: int
    pages: tuple[PageOutcome, ...]

    @property
    def outcomes(self) -> Sequence[CleanOutcome]:
        """Return what became of the pages."""
        return [page.outcome for page in self.pages]


def apply_rules(loaded: LoadedPages, site: Site) -> CleanedPages:
    """Apply the rules of a site to a batch of its pages."""
    cleaned = []
    for page in loaded.pages:
        if page.periods:  # a page whose payloads are not all extracted stays stale
            outcome = clean_page(page, loaded.line_stats[page.page_id], site)
            cleaned.append(PageOutcome(page, outcome))
    return CleanedPages(len(loaded.pages), tuple(cleaned))
