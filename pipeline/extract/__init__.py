"""Bytes of one Payload → Draft: the costly half of cleaning.

Promises: `extract` is pure and deterministic, never raises for what a page contains, and answers every
Source with a Draft, with a reason code where there is no text. `EXTRACTORS` changes when a library, an
option or our own version does. Time and memory limits are the business of the process that calls us; what
is boilerplate is the business of `rules`. The heavy libraries load with the first page (or `warm`), so that
whoever only needs `EXTRACTORS` starts fast.
"""

from __future__ import annotations

from pipeline.core.models import ExtractedPage, RawPage
from pipeline.extract.version import EXTRACTORS

__all__ = ["EXTRACTORS", "extract", "warm_up"]


def extract(source: RawPage) -> ExtractedPage:
    """The Draft of one Payload."""
    from pipeline.extract.document import extract_page  # the libraries behind it take a second to load

    return extract_page(source)


def warm_up() -> None:
    """Load libraries and models before the first page, so that no page pays for them."""
    from pipeline.extract.document import warm_up

    warm_up()
