"""The blocks of a page, with their links and their place in lists, quotes and tables, and figures.

The place of a block is one short text, `structure`, because every clean reads every block again:
a text costs far less to store and to read than a tree. `pipeline.story` makes the tree of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

LONG_NUMBER = re.compile("[0-9]{3,}")


class BlockKind(StrEnum):
    """What a block is to its reader."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    QUOTE = "quote"
    TABLE = "table"
    CODE = "code"
    CAPTION = "caption"


class BlockLink(NamedTuple):
    """A link in the text of a block.

    Attributes:
        start: The index of the first character of its text.
        end: The index after the last one.
        url: Its address as the page has it, which may be relative.
    """

    start: int
    end: int
    url: str


class Emphasis:
    """The kinds of `BlockEmphasis`. They are plain texts, as the letters of `Part`."""

    STRONG = "b"
    STRESSED = "i"
    CODE = "c"


class BlockEmphasis(NamedTuple):
    """A stressed part of the text of a block.

    Attributes:
        start: The index of its first character.
        end: The index after the last one.
        kind: A letter of `Emphasis`.
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph, list item, quote, caption or table row, in reading order.

    Attributes:
        kind: What it is.
        text: Its text on one line.
        linked: Characters of the text that are inside links.
        list_size: Number of items in the list of an ITEM.
        story_probability: Probability that it belongs to the story, by the page alone, 0.0 to 1.0.
        kept_by_trafilatura: Whether trafilatura keeps the line; None if it was not asked, because
            the page is simple.
        is_summary: Whether the page marks or declares it as the summary of the story.
        element_path: Its element and the one around it.
        structure: What it lies in, the outermost first, as in `q1 u2 i3`: a letter of `Part`
            and a number.
        links: The links in its text, in their order.
        cells: Of a table row, the length of each cell's text. The texts of cells that are not
            empty are joined by ` | `.
        source: Of code, its text with its own spaces and lines, where `text` has lost them.
        emphasis: The parts of its text in bold, in italics and in code. They may lie in each other.
    """

    kind: BlockKind
    text: str
    linked: int = 0
    list_size: int = 0
    story_probability: float = 1.0
    kept_by_trafilatura: bool | None = True
    is_summary: bool = False
    element_path: str = ""
    structure: str = ""
    links: tuple[BlockLink, ...] = ()
    cells: tuple[int, ...] = ()
    source: str = ""
    emphasis: tuple[BlockEmphasis, ...] = ()

    @property
    def link_share(self) -> float:
        """Return the share of the text that is inside links, 0.0 to 1.0."""
        if not self.linked or not self.text:
            return 0.0
        return min(1.0, self.linked / len(self.text))

    @property
    def container(self) -> str:
        """Return `element_path` without numbers, which may belong to one page.

        `div.post-71832 > p` and the same element on other pages have one container.
        """
        return LONG_NUMBER.sub("#", self.element_path)


class Part:
    """The letters of `Block.structure`. The number tells parts of one kind from each other.

    They are plain texts: an enumeration would take most of the time that it takes to read them.
    """

    BULLETS = "u"  # an unordered list
    NUMBERED = "o"  # an ordered list
    ITEM = "i"  # of the list before it; its number is the one that readers see
    QUOTE = "q"
    CODE = "p"
    HEADING = "h"  # its number is its level, 1 to 6
    TABLE = "t"
    ROW = "r"
    HEADER_ROW = "R"
    CELL = "c"  # of a row whose cells are blocks of their own


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of the story, with what the page says of it. It is no part of the text.

    Attributes:
        image: The picture's address as the page has it, which may be relative; "" if unknown.
        alt: The text that stands for the picture where it cannot be seen.
        caption: What the page says below it, without the credit.
        credit: Who made it.
        position: The index of the block before which it stands; the number of blocks at the end.
        caption_blocks: The indexes of the blocks that are its caption or its credit.
        structure: What it lies in: see `Block`.
    """

    image: str = ""
    alt: str = ""
    caption: str = ""
    credit: str = ""
    position: int = 0
    caption_blocks: tuple[int, ...] = ()
    structure: str = ""
