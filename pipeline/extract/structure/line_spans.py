"""The links, emphasis and picture credits in a line: where they begin and end in its text.

The walk over a page notes them while it reads the pieces of a line. The place in the finished line
is computed later, and only for lines that become blocks: most links of a page lie in menus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from lxml.html import HtmlElement

from pipeline.core.blocks import BlockEmphasis, BlockLink, Emphasis
from pipeline.extract.sanitize import single_line

MAX_SPANS: Final = 500  # of one line
MAX_URL_LENGTH: Final = 2000  # characters; a longer address names no page
CELL_END: Final = "\x1f"  # before each cell of a row; a control character, which no text contains
CELL_JOINT: Final = " | "
CREDIT: Final = ""  # the target of a span that is a picture's credit and not a link
STRESS: Final = "\x1e"  # begins the target of a span that is emphasis; no address contains it
STRESS_TARGETS: Final = {
    "b": STRESS + Emphasis.STRONG,
    "strong": STRESS + Emphasis.STRONG,
    "i": STRESS + Emphasis.STRESSED,
    "em": STRESS + Emphasis.STRESSED,
    "code": STRESS + Emphasis.CODE,
    "kbd": STRESS + Emphasis.CODE,
    "samp": STRESS + Emphasis.CODE,
}


class RawSpan(NamedTuple):
    """A part of a line before its spaces are cleaned.

    Attributes:
        start: The index of its first piece of text; in a text, that of its first character.
        end: The index after its last one.
        target: The address of a link, a value of STRESS_TARGETS, or CREDIT.
    """

    start: int
    end: int
    target: str


Span = tuple[int, int, str]
"""The fields of a RawSpan, as the walk notes them: most are never looked at."""


class SpanCollector:
    """Collects the spans of the line that a walk is reading. Hot code: it runs for each link.

    Attributes:
        innermost: The element of the innermost span that is open; None outside spans.
        is_empty: Whether the line has no span so far.
    """

    __slots__ = ("_closed", "_open", "innermost", "is_empty")

    def __init__(self) -> None:
        self.innermost: HtmlElement | None = None
        self.is_empty = True
        self._open: list[tuple[HtmlElement, str, int]] = []
        self._closed: list[Span] = []

    def open(self, element: HtmlElement, target: str, position: int) -> None:
        """Begin a span.

        Args:
            element: The element whose end ends it.
            target: The address of a link, a value of STRESS_TARGETS, or CREDIT.
            position: How many pieces of text the line has so far.
        """
        self._open.append((element, target, position))
        self.innermost = element
        self.is_empty = False

    def close(self, position: int) -> None:
        """End the innermost span."""
        _, target, start = self._open.pop()
        self.innermost = self._open[-1][0] if self._open else None
        self.add(start, position, target)

    def add(self, start: int, end: int, target: str) -> None:
        """Add a span that has ended."""
        if start < end and len(self._closed) < MAX_SPANS:
            self._closed.append((start, end, target))
            self.is_empty = False

    def end_line(self, count: int) -> Sequence[Span]:
        """Return the spans of a line that ends. Those that are open go on in the next line.

        Args:
            count: How many pieces of text the line has.
        """
        spans, self._closed = self._closed, []
        if self._open:
            for _, target, start in self._open[:MAX_SPANS]:
                if start < count:
                    spans.append((start, count, target))
            self._open = [(element, target, 0) for element, target, _ in self._open]
        else:
            self.is_empty = True
        return spans


class InlineParts(NamedTuple):
    """The links and the emphasis of a line, in the order of their places."""

    links: tuple[BlockLink, ...]
    emphasis: tuple[BlockEmphasis, ...]


def inline_parts(text: str, pieces: Sequence[str], spans: Sequence[Span]) -> InlineParts:
    """Return the links and the emphasis of a line.

    Args:
        text: The line as readers get it.
        pieces: The pieces of text of the line before its spaces were cleaned.
        spans: The spans of pieces.
    """
    links: list[BlockLink] = []
    emphasis: dict[BlockEmphasis, None] = {}
    end_before = 0
    for start, end, target in places_in_line(text, pieces, spans):
        if target.startswith(STRESS):
            emphasis[BlockEmphasis(start, end, target[1:])] = None
        elif target != CREDIT and start >= end_before and len(target) <= MAX_URL_LENGTH:
            links.append(BlockLink(start, end, target))
            end_before = end
    return InlineParts(tuple(links), tuple(emphasis))


def places_in_line(text: str, pieces: Sequence[str], spans: Sequence[Span]) -> Iterator[RawSpan]:
    """Yield the spans of a line with their places in its text; those without text are left out.

    Args:
        text: The line as it is stored, with single spaces.
        pieces: The raw texts of the line in the order of the walk.
        spans: links and other spans, by the numbers of the pieces where they begin and end.

    Yields:
        Each span with the offsets of its first character and of the one after its last.
    """
    raw = "".join(pieces)
    ends = list(accumulate(map(len, pieces), initial=0))
    placed = sorted(RawSpan(ends[start], ends[end], target) for start, end, target in spans)
    if CELL_END not in raw:
        yield from _places(text, raw, placed)
        return
    for cell_start, cell_end, offset, cell_text in _cells(text, raw):
        in_cell: list[RawSpan] = []
        for start, end, target in placed:
            if cell_start <= start < cell_end:
                end_in_cell = min(end, cell_end) - cell_start
                in_cell.append(RawSpan(start - cell_start, end_in_cell, target))
        for start, end, target in _places(cell_text, raw[cell_start:cell_end], in_cell):
            yield RawSpan(offset + start, offset + end, target)


def _places(text: str, raw: str, spans: Sequence[RawSpan]) -> Iterator[RawSpan]:
    positions = sorted({position for span in spans for position in span[:2]})
    offsets = dict(zip(positions, _offsets(raw, positions), strict=True))
    for start, end, target in spans:
        anchor = single_line(raw[start:end])
        if not anchor:
            continue
        begin = offsets[start]
        if not text.startswith(anchor, begin):  # the line was cleaned in another way, too
            begin = text.find(anchor, min(begin, len(text)))
        if begin >= 0:
            yield RawSpan(begin, begin + len(anchor), target)


def cell_lengths(text: str, raw: str) -> tuple[int, ...]:
    """Return the length of each cell of a row; () where the text is not made of its cells.

    Args:
        text: The line of the row.
        raw: The same line with CELL_END before each cell.
    """
    return tuple(len(cell) for _, _, _, cell in _cells(text, raw))


def cell_texts(text: str, lengths: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield each cell of a row: where it begins in the text of the row, and its text."""
    start = 0
    for length in lengths:
        yield start, text[start : start + length]
        if length:
            start += length + len(CELL_JOINT)


def _cells(text: str, raw: str) -> list[tuple[int, int, int, str]]:
    """Return where each cell begins and ends in a raw row and begins in its text, and its text."""
    cells: list[tuple[int, int, int, str]] = []
    start = offset = 0
    for number, raw_cell in enumerate(raw.split(CELL_END)):
        end = start + len(raw_cell)
        cell = single_line(raw_cell)
        if number or cell:  # what stands before the first cell is empty
            cells.append((start, end, offset, cell))
        if cell:
            offset += len(cell) + len(CELL_JOINT)
        start = end + 1
    if CELL_JOINT.join(filter(None, (cell for *_, cell in cells))) != text:
        return []
    return cells


def _offsets(raw: str, positions: Sequence[int]) -> Iterator[int]:
    """Yield where the text after each position of a raw line begins in the finished line."""
    length = before = 0
    is_after_space = True
    for position in positions:
        piece, before = raw[before:position], position
        if piece and is_after_space:
            line = single_line(piece + "x")
            length += len(line) - 1
            is_after_space = len(line) == 1 or line[-2] == " "
        elif piece:
            line = single_line(f"x{piece}x")
            length += len(line) - 2
            is_after_space = line[-2] == " "
        yield length
