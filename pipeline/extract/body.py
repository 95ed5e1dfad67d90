"""Parsed tree → Blocks, by way of trafilatura.

Promises Blocks in reading order, each on one line, with the characters inside links counted. A trafilatura
`Document` does not leave this module. Links are counted on the parsed tree instead of asked of trafilatura:
asked to keep them it loses spaces and ends of lines around them, and its fallbacks lose the links anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

from lxml.etree import _Element, iterwalk
from lxml.html import HtmlElement
from trafilatura import bare_extraction

from pipeline.extract.links import LinkMap
from pipeline.extract.repairs import line
from pipeline.extract.version import BALANCED, SHORT, STRICT
from pipeline.model import Block, BlockKind

# Tags of trafilatura's own and of HTML: its fallbacks return either.
KINDS = {
    **dict.fromkeys(("head", "h1", "h2", "h3", "h4", "h5", "h6"), BlockKind.HEADING),
    **dict.fromkeys(("item", "li"), BlockKind.ITEM),
    **dict.fromkeys(("quote", "blockquote"), BlockKind.QUOTE),
    **dict.fromkeys(("code", "pre"), BlockKind.CODE),
    **dict.fromkeys(("row", "tr"), BlockKind.TABLE),
}
LISTS = {"list", "ul", "ol"}
CELLS = {"cell", "td", "th"}
ENDS = {*KINDS, *LISTS, "body", "p", "div", "table", "lb", "br", "section", "article"}
WHOLE = {"row", "tr", "table", "code", "pre"}
CELL_END = "\x1f"  # a control character, so no text of a page contains it
STRONGER = (BlockKind.TABLE, BlockKind.CODE, BlockKind.ITEM, BlockKind.HEADING, BlockKind.QUOTE)


def blocks_of(tree: HtmlElement) -> tuple[Block, ...]:
    """The Blocks that trafilatura takes for the article; () where it finds none."""
    lines = _extracted(tree, STRICT)
    if sum(len(text) for _, text, _ in lines) < SHORT:
        lines = _extracted(tree, BALANCED) or lines
    links = LinkMap(tree)
    return tuple(Block(kind, text, links.linked(text), size) for kind, text, size in lines)


def _extracted(tree: HtmlElement, options: dict[str, Any]) -> list[tuple[BlockKind, str, int]]:
    document = bare_extraction(copy(tree), **options)  # a copy: extraction eats its tree
    body = getattr(document, "body", None)
    return list(lines_of(body)) if body is not None else []


def lines_of(body: _Element) -> Iterator[tuple[BlockKind, str, int]]:
    """Kind, text and list size of each line of an extracted body."""
    place = _Place()
    for event, element in iterwalk(body, events=("start", "end")):
        tag = element.tag
        ends_line = place.ends_line(tag)
        if ends_line:
            yield from place.flush()
        if event == "start":
            place.enter(element)
            place.pieces.append(element.text or "")
        else:
            place.leave(tag)
            if tag in CELLS:
                place.pieces.append(CELL_END)
            place.pieces.append(element.tail or "")
    yield from place.flush()


class _Place:
    """Where in a body we stand: the open kinds and lists, and the pieces of the line so far."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._kinds: list[BlockKind] = []
        self._sizes: list[int] = []

    def enter(self, element: _Element) -> None:
        if element.tag in LISTS:
            self._sizes.append(len(element))  # asked once a list: counting children is linear
        if element.tag in KINDS:
            self._kinds.append(KINDS[element.tag])

    def leave(self, tag: str) -> None:
        if tag in LISTS:
            self._sizes.pop()
        if tag in KINDS:
            self._kinds.pop()

    def ends_line(self, tag: str) -> bool:
        """Whether a tag ends the line; a table row and a piece of code are one line each."""
        return tag in ENDS and (tag in WHOLE or not any(kind in (BlockKind.TABLE, BlockKind.CODE) for kind in self._kinds[-4:]))

    def flush(self) -> Iterator[tuple[BlockKind, str, int]]:
        """The line so far, if it holds anything."""
        kind = self._kind()
        joined = "".join(self.pieces)
        self.pieces.clear()
        text = " | ".join(filter(None, map(line, joined.split(CELL_END))))
        if text:
            yield kind, text, (self._sizes[-1] if kind is BlockKind.ITEM and self._sizes else 0)

    def _kind(self) -> BlockKind:
        """The kind that says most of a line: a paragraph within an item within a quote is an item."""
        inner = self._kinds[-4:]
        return next((kind for kind in STRONGER if kind in inner), BlockKind.PARAGRAPH)
