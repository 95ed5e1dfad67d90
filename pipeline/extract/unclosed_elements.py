"""Recognize elements whose end tag is missing, so that the parser put the rest of the page in them.

A link or a button then holds the story. It is read as a part of the page, not as a link.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from lxml.html import HtmlElement

# Skipped elements whose end tag pages forget.
UNCLOSED = frozenset(
    [
        "button",
        "svg",
        "select",
        "option",
        "datalist",
        "template",
        "object",
        "canvas",
        "audio",
        "video",
        "map",
        "math",
    ]
)
# The last child of most skipped elements, where nothing needs a search.
CLOSED_ENDS = frozenset(
    [
        "path",
        "use",
        "circle",
        "rect",
        "polygon",
        "polyline",
        "line",
        "ellipse",
        "title",
        "source",
        "img",
        "i",
        "b",
        "em",
        "strong",
        "small",
    ]
)
PAGE_PARTS = frozenset(("main", "footer", "nav", "form"))  # of a page, not of a teaser
SKIPPED_PARTS = ("h1", "article", "main", "footer", "nav", "aside")  # of a page, not of a button
MIN_PARAGRAPHS: Final = 3  # of an element that holds a part of the page
MIN_PARAGRAPH_LENGTH: Final = 60  # characters
MAX_UNCLOSED: Final = 200  # of one page, since each may hold all that follows it
MAX_LINK_BYTES: Final = 900  # of text in UTF-8; a longer link is a part of the page, not a link


def is_part_of_page(texts: Sequence[str], tags: Set[str]) -> bool:
    """Tell whether a link with several lines holds a part of the page, and not a teaser.

    Args:
        texts: The lines in the link.
        tags: The tags of the block-level elements in it.
    """
    if not PAGE_PARTS.isdisjoint(tags):
        return True
    paragraphs = sum(len(text) >= MIN_PARAGRAPH_LENGTH for text in texts)
    return paragraphs >= MIN_PARAGRAPHS or len("".join(texts).encode()) > MAX_LINK_BYTES


def holds_page(element: HtmlElement) -> bool:
    """Tell whether a skipped element holds headings, landmarks or paragraphs of a page.

    Args:
        element: An element that a reader of the page would not see, such as a dialog that was never
            closed.

    Returns:
        True where skipping it would lose the page, so that it has to be read.
    """
    if next(element.iter(*SKIPPED_PARTS), None) is not None:
        return True
    paragraphs = 0
    for paragraph in element.iter("p"):
        paragraphs += len(paragraph.text or "") >= MIN_PARAGRAPH_LENGTH
        if paragraphs >= MIN_PARAGRAPHS:
            return True
    return False
