"""Extraction: from the bytes of one payload to an ExtractedPage, the costly half of cleaning.

The heavy libraries load with the first page or with `warm_up`. A caller that needs only
`EXTRACTORS` starts fast.
"""

from __future__ import annotations

from pipeline.core.models import ExtractedPage, RawPage
from pipeline.extract.version import EXTRACTORS

__all__ = ["EXTRACTORS", "extract", "warm_up"]


def extract(raw_page: RawPage) -> ExtractedPage:
    """Extract the blocks and the metadata of one payload.

    The function is pure and deterministic. It sets no limits of time and memory: the process that
    calls it does.

    Args:
        raw_page: The bytes of the payload, and what the server declared about them.

    Returns:
        The page. It has a reason code where there is no text; no content of a page raises an error.
    """
    from pipeline.extract.document import extract_page  # its libraries take a second to load

    return extract_page(raw_page)


def warm_up() -> None:
    """Load libraries and models before the first page, so that no page pays for them."""
    from pipeline.extract import document

    document.warm_up()
