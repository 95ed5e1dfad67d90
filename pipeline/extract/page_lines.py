"""The lines of a page and its block-level elements: what a walk over the tree reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from lxml.html import HtmlElement

from pipeline.extract.structure.line_spans import Span
from pipeline.extract.structure.pictures import Picture

CELLS = frozenset(("td", "th"))
LISTS = frozenset(("ul", "ol", "dl"))
MARK_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Region:
    """Bits for the regions in which an element lies, including its own.

    They are plain integers: an IntFlag would take a tenth of the time of the whole cleaning.
    """

    NONE: Final = 0
    ARTICLE: Final = 1
    MAIN: Final = 2
    ASIDE: Final = 4
    NAV: Final = 8  # or a form
    FOOTER: Final = 16
    HEADER: Final = 32
    FIGURE: Final = 64
    ITEM: Final = 128
    TABLE: Final = 256
    QUOTE: Final = 512
    CODE: Final = 1024
    HEADING: Final = 2048
    HIDDEN: Final = 4096
    BODY_PROPERTY: Final = 8192  # itemprop="articleBody"
    RESERVE: Final = 16384  # shown by browsers only without scripts


@dataclass(slots=True, eq=False)
class PageElement:
    """A block-level element, with sums over all lines in it.

    `LineFeatures` fills the fields from `words` on.
    """

    parent: PageElement | None
    tag: str
    regions: int  # bits of Region
    marks: str  # class, id and similar attributes
    depth: int
    is_row: bool = False  # a table row of data, not of layout
    children: int = 0  # of a list
    words: float = 0.0
    prose: float = 0.0  # words of lines that read like prose
    chars: int = 0
    linked: int = 0  # characters in links
    lines: int = 0
    chosen_words: float = 0.0  # words that the extractor chose
    likely_words: float = 0.0  # words, each weighed by the probability of its line
    branch: PageElement | None = None  # the outermost element around this one beside the core
    steps_up: float = 0.0  # from the story's core to the nearest element around this one
    steps_down: float = 0.0  # from there to this element
    source: HtmlElement | None = None  # the element of the tree


@dataclass(slots=True, eq=False)
class PageLine:
    """One line of the page: the text between two boundaries of block-level elements."""

    text: str
    element: PageElement
    linked: int  # characters in links
    emphasis: int  # characters in bold or italics
    is_after_break: bool  # begins after a <br>
    inline_marks: str  # marks of the inline element with which it begins
    spans: Sequence[Span] = ()  # its links, and credits of pictures
    pieces: Sequence[str] = ()  # its text as the page has it, where something in it has a place


@dataclass(slots=True)
class PageLines:
    """All lines of a page and all their elements, parents before children."""

    lines: list[PageLine] = field(default_factory=list)
    elements: list[PageElement] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


@lru_cache(maxsize=20_000)
def words_in_marks(marks: str) -> frozenset[str]:
    """Return the words of a class or id: `articleBody-text` has article, body and text."""
    return frozenset(word.lower() for word in MARK_WORD.findall(marks) if len(word) > 1)
