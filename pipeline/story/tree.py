"""Make a tree of a story: headings, paragraphs, lists, quotes, tables, code and figures.

The blocks of pages that an older version extracted have no structure. Their kind stands in for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from pipeline.core.blocks import (
    Block,
    BlockEmphasis,
    BlockKind,
    BlockLink,
    Emphasis,
    Figure,
    Part,
)
from pipeline.core.story import Story, joined_links

DEFAULT_LEVEL: Final = 2  # of a heading whose page is not known to say it
LISTS: Final = (Part.BULLETS, Part.NUMBERED)
ROWS: Final = (Part.ROW, Part.HEADER_ROW)
CELL_JOINT: Final = " | "
MAX_COLUMNS: Final = 50


class Run(NamedTuple):
    """A piece of text, with the address of the link that it is.

    Attributes:
        text: The text.
        url: The address; "" for no link.
        marks: The letters of `Emphasis` that apply to it, in alphabetical order.
    """

    text: str
    url: str = ""
    marks: str = ""


Runs = tuple[Run, ...]


@dataclass(slots=True)
class Paragraph:
    """A paragraph."""

    runs: Runs


@dataclass(slots=True)
class Heading:
    """A heading of level 1 to 6."""

    level: int
    runs: Runs


@dataclass(slots=True)
class Code:
    """Lines of code."""

    lines: list[str]


@dataclass(slots=True)
class Picture:
    """A picture with its caption. `url` is absolute, or "" if it is unknown."""

    url: str
    alt: str
    caption: str
    credit: str


@dataclass(slots=True)
class Quote:
    """A quote."""

    children: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Item:
    """An item of a list, with the number that readers see."""

    number: int
    children: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class ItemList:
    """A list."""

    is_numbered: bool
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """A row of a table."""

    is_header: bool
    cells: list[Runs] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """A table of data."""

    rows: list[Row] = field(default_factory=list)


Node = Paragraph | Heading | Code | Picture | Quote | ItemList | Table
Container = Quote | Item | ItemList | Table | Row
PartKey = tuple[str, int]


def story_tree(story: Story) -> list[Node]:
    """Return the tree of a story."""
    builder = _Builder(story)
    figures = sorted(story.figures, key=lambda figure: figure.position)
    shown_in_figures = {index for figure in figures for index in figure.caption_blocks}
    next_figure = 0
    for index, block in enumerate(story.blocks):
        while next_figure < len(figures) and figures[next_figure].position <= index:
            builder.add_figure(figures[next_figure])
            next_figure += 1
        if index not in shown_in_figures:
            builder.add_block(block)
    for figure in figures[next_figure:]:
        builder.add_figure(figure)
    return builder.root


def parse_structure(structure: str) -> list[PartKey]:
    """Return the parts of a `Block.structure` as letters with numbers."""
    parts: list[PartKey] = []
    for part in structure.split():
        if part[1:].isdecimal():
            parts.append((part[0], int(part[1:])))
    return parts


class _Builder:
    def __init__(self, story: Story) -> None:
        self.root: list[Node] = []
        self._story = story
        self._open: list[tuple[PartKey, Container]] = []
        self._last_code: tuple[PartKey, Code] | None = None
        self._count = 0  # of parts that stand in for a structure

    def add_figure(self, figure: Figure) -> None:
        parts = parse_structure(figure.structure)
        if any(letter == Part.TABLE for letter, _ in parts):
            return  # an icon in a cell
        self._enter([part for part in parts if part[0] not in (Part.HEADING, Part.CODE)])
        url = self._story.resolve(figure.image)
        if url or figure.caption:
            self._append(Picture(url, figure.alt, figure.caption, figure.credit))

    def add_block(self, block: Block) -> None:
        parts = self._parts(block)
        level = next((number for letter, number in parts if letter == Part.HEADING), 0)
        code = next((part for part in parts if part[0] == Part.CODE), None)
        containers = [part for part in parts if part[0] not in (Part.HEADING, Part.CODE)]
        letters = [letter for letter, _ in containers]
        if Part.TABLE in letters:
            table = letters.index(Part.TABLE)
            if self._add_to_table(block, containers, table):
                return
            del containers[table:]  # the caption of a table stands before it
        is_same_parent = self._enter(containers)
        if code is not None:
            self._add_code(block, code, is_same_parent)
        elif level:
            runs = _without_common(self._runs(block), Emphasis.STRONG)
            self._append(Heading(min(max(level, 1), 6), runs))
        else:
            self._append(Paragraph(self._runs(block)))

    def _parts(self, block: Block) -> list[PartKey]:
        """Return the parts of a block; those that its kind says where its structure does not."""
        parts = parse_structure(block.structure)
        letters = {letter for letter, _ in parts}
        kind = block.kind
        if kind is BlockKind.HEADING and Part.HEADING not in letters:
            parts.append((Part.HEADING, DEFAULT_LEVEL))
        elif kind is BlockKind.QUOTE and Part.QUOTE not in letters:
            parts.append((Part.QUOTE, 0))
        elif kind is BlockKind.CODE and Part.CODE not in letters:
            parts.append((Part.CODE, 0))
        elif kind is BlockKind.ITEM and Part.ITEM not in letters:
            parts += [(Part.BULLETS, 0), (Part.ITEM, self._next_number())]
        elif kind is BlockKind.TABLE and Part.TABLE not in letters:
            parts += [(Part.TABLE, 0), (Part.ROW, self._next_number())]
        return parts

    def _next_number(self) -> int:
        self._count += 1
        return -self._count

    def _add_to_table(self, block: Block, parts: Sequence[PartKey], table: int) -> bool:
        """Add a block to its row. Return False where it lies in no row of the table."""
        inside = parts[table + 1 : table + 3]
        if not inside or inside[0][0] not in ROWS:
            return False
        self._enter(parts[: table + 2])
        row = self._open[-1][1] if self._open else None
        if not isinstance(row, Row):
            return False
        if len(inside) == 1:
            row.cells += self._cells(block)
            return True
        runs = self._runs(block)
        column = min(inside[1][1], MAX_COLUMNS) if inside[1][0] == Part.CELL else len(row.cells)
        while len(row.cells) <= column:
            row.cells.append(())
        before = row.cells[column]
        row.cells[column] = (*before, Run(" "), *runs) if before else runs
        return True

    def _cells(self, block: Block) -> Iterator[Runs]:
        lengths = block.cells or [len(cell) for cell in block.text.split(CELL_JOINT)]
        links = self._links(block)
        start = 0
        for length in lengths:
            yield _runs_between(block, links, start, start + length)
            if length:
                start += length + len(CELL_JOINT)

    def _enter(self, parts: Sequence[PartKey]) -> bool:
        """Open the containers of a block. Return whether they are those of the block before."""
        common = 0
        while common < min(len(parts), len(self._open)) and self._open[common][0] == parts[common]:
            common += 1
        is_same = common == len(parts) == len(self._open)
        del self._open[common:]
        for part in parts[common:]:
            self._open_part(part)
        return is_same

    def _open_part(self, part: PartKey) -> None:
        letter, number = part
        parent = self._open[-1][1] if self._open else None
        node: Container
        if letter in LISTS:
            node = ItemList(letter == Part.NUMBERED)
            self._append(node)
        elif letter == Part.ITEM and isinstance(parent, ItemList):
            node = Item(number)
            parent.items.append(node)
        elif letter == Part.QUOTE:
            node = Quote()
            self._append(node)
        elif letter == Part.TABLE:
            node = Table()
            self._append(node)
        elif letter in ROWS and isinstance(parent, Table):
            node = Row(letter == Part.HEADER_ROW)
            parent.rows.append(node)
        else:
            return
        self._open.append((part, node))

    def _append(self, node: Node) -> None:
        """Add a node to the innermost open container that can hold it."""
        self._last_code = None
        for _, container in reversed(self._open):
            if isinstance(container, (Quote, Item)):
                container.children.append(node)
                return
        self.root.append(node)

    def _add_code(self, block: Block, part: PartKey, is_same_parent: bool) -> None:
        lines = (block.source or block.text).split("\n")
        if is_same_parent and self._last_code is not None and self._last_code[0] == part:
            self._last_code[1].lines += lines
            return
        code = Code(lines)
        self._append(code)
        self._last_code = part, code

    def _links(self, block: Block) -> list[BlockLink]:
        links: list[BlockLink] = []
        for link in joined_links(block):
            if url := self._story.resolve(link.url):
                links.append(link._replace(url=url))
        return links

    def _runs(self, block: Block) -> Runs:
        return _runs_between(block, self._links(block), 0, len(block.text))


def _runs_between(block: Block, links: Sequence[BlockLink], start: int, end: int) -> Runs:
    """Return the runs of a part of a block, of which each is in one link and in one emphasis."""
    runs: list[Run] = []
    position = start
    for link in links:
        if position <= link.start < link.end <= end:
            runs += [Run(block.text[position : link.start])]
            runs += [Run(block.text[link.start : link.end], link.url)]
            position = link.end
    runs.append(Run(block.text[position:end]))
    runs = [run for run in runs if run.text]
    if block.emphasis:
        runs = list(_joined(_with_marks(runs, start, block.emphasis)))
    return tuple(runs)


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Yield runs of which no two in a row have the same link and the same marks."""
    for (url, marks), same in groupby(runs, key=lambda run: (run.url, run.marks)):
        yield Run("".join(run.text for run in same), url, marks)


def _with_marks(
    runs: Sequence[Run], start: int, emphasis: Sequence[BlockEmphasis]
) -> Iterator[Run]:
    """Cut runs where emphasis begins and ends, and mark the pieces.

    Args:
        runs: The runs of a part of a block.
        start: The index at which the part begins.
        emphasis: The emphasis of the block.
    """
    changes: dict[int, list[tuple[int, str]]] = {}
    for part in emphasis:
        changes.setdefault(max(start, part.start), []).append((1, part.kind))
        changes.setdefault(max(start, part.end), []).append((-1, part.kind))
    places = deque(sorted(changes))
    depths = Counter[str]()
    for run in runs:
        position, end = start, start + len(run.text)
        while position < end:
            while places and places[0] <= position:
                for step, kind in changes[places.popleft()]:
                    depths[kind] += step
            next_position = min(end, places[0]) if places else end
            marks = "".join(sorted(kind for kind, depth in depths.items() if depth > 0))
            text = run.text[position - start : next_position - start]
            yield Run(text, run.url, marks)
            position = next_position
        start = end


def _without_common(runs: Runs, mark: str) -> Runs:
    """Return runs without a mark that all of them have."""
    if not all(mark in run.marks for run in runs if run.text.strip()):
        return runs
    return tuple(run._replace(marks=run.marks.replace(mark, "")) for run in runs)
