"""What the blocks of a page lie in: lists and their items, quotes, headings, tables, code.

The elements of the page say it, and only those around blocks are asked. `Block.structure` explains
the form of the result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from lxml.html import HtmlElement

from pipeline.core.blocks import Part
from pipeline.extract.page_lines import CELLS, PageElement, PageLine, Region
from pipeline.extract.structure.line_spans import cell_lengths, inline_parts

MAX_PARTS: Final = 12  # of one block; what is nested deeper lies in the innermost of these
MAX_SOURCE_LENGTH: Final = 20_000  # characters of code in one block
MAX_CELLS: Final = 2_000  # of a table of data
MAX_CELL_LENGTH: Final = 1_000  # characters of a cell of data
MAX_SPAN: Final = 30  # columns of one cell
MAX_COLUMNS: Final = 50  # of one table
MAX_ITEMS: Final = 5_000  # of one list that are numbered
HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
BULLET_LISTS: Final = frozenset(("ul", "menu", "dl"))
ITEMS: Final = frozenset(("li", "dt", "dd"))
PART_TAGS: Final = frozenset(
    (*HEADINGS, *BULLET_LISTS, *ITEMS, *CELLS, "ol", "blockquote", "pre", "table", "tr")
)
LISTS: Final = (Part.BULLETS, Part.NUMBERED)


class StructureReader:
    """Reads what the lines of one page lie in."""

    def __init__(self) -> None:
        self._structures: dict[PageElement, str] = {}
        self._item_numbers: dict[HtmlElement, dict[HtmlElement, int]] = {}
        self._columns: dict[HtmlElement, dict[HtmlElement, int]] = {}  # of the cells of each table
        self._count = 0  # of lists, quotes, tables, rows and code so far

    def block_fields(self, line: PageLine) -> dict[str, Any]:
        """Return the fields of a line's block that say what it lies in and what it links to.

        Args:
            line: A line of the page.

        Returns:
            Fields for `Block`: structure and links, as far as they are not empty.
        """
        element, text = line.element, line.text
        fields: dict[str, Any] = {}
        if structure := self.structure(element):
            fields["structure"] = structure
        if not line.pieces:
            return fields
        if line.spans:
            links, emphasis = inline_parts(text, line.pieces, line.spans)
            if links:
                fields["links"] = links
            if emphasis and not element.regions & Region.CODE:
                fields["emphasis"] = emphasis
        raw = "".join(line.pieces)
        if element.is_row and (cells := cell_lengths(text, raw)):
            fields["cells"] = self._with_columns(element.source, cells)
        elif element.regions & Region.CODE:
            source = raw.expandtabs(4).strip("\n").rstrip()[:MAX_SOURCE_LENGTH]
            if source != text:
                fields["source"] = source
        return fields

    def structure(self, element: PageElement) -> str:
        """Return what an element lies in, itself included.

        Args:
            element: An element of the walk.

        Returns:
            Codes from the outside in, separated by spaces, as in `u3 i2`: see
            `docs/explanation/cleaning.md`.
        """
        path: list[PageElement] = []
        current: PageElement | None = element
        while current is not None and current not in self._structures:
            path.append(current)
            current = current.parent
        structure = self._structures[current] if current is not None else ""
        for inner in reversed(path):
            if inner.tag in PART_TAGS or "roleheading" in inner.marks:
                part = self._part(inner, structure) if structure.count(" ") < MAX_PARTS else ""
                structure = f"{structure} {part}".strip()
            self._structures[inner] = structure
        return structure

    def _part(self, element: PageElement, outer: str) -> str:
        tag = element.tag
        if tag in HEADINGS:
            return f"{Part.HEADING}{HEADINGS[tag]}"
        if tag in BULLET_LISTS:
            return self._numbered(Part.BULLETS)
        if tag in ITEMS:
            return self._item(element, outer)
        if tag == "ol":
            return self._numbered(Part.NUMBERED)
        if tag == "blockquote":
            return self._numbered(Part.QUOTE)
        if tag == "pre":
            return self._numbered(Part.CODE)
        if tag == "table":
            return self._numbered(Part.TABLE) if _holds_data(element.source) else ""
        if tag == "tr" or tag in CELLS:
            return self._row_or_cell(element, outer)
        return f"{Part.HEADING}{_aria_level(element.source)}"

    def _numbered(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _item(self, element: PageElement, outer: str) -> str:
        source = element.source
        owner = source.getparent() if source is not None else None
        if source is None or owner is None:
            return self._numbered(Part.ITEM)
        if owner not in self._item_numbers:
            self._item_numbers[owner] = _number_items(owner)
        number = self._item_numbers[owner].get(source, MAX_ITEMS)
        item = f"{Part.ITEM}{number}"
        # an item that lies in no list begins one
        return item if _innermost(outer) in LISTS else f"{self._numbered(Part.BULLETS)} {item}"

    def _row_or_cell(self, element: PageElement, outer: str) -> str:
        innermost = _innermost(outer)
        if element.tag == "tr":
            if innermost != Part.TABLE:
                return ""
            is_header = _is_header(element.source)
            return self._numbered(Part.HEADER_ROW if is_header else Part.ROW)
        if innermost not in (Part.ROW, Part.HEADER_ROW):
            return ""
        return f"{Part.CELL}{self._column(element.source)}"

    def _column(self, cell: HtmlElement | None) -> int:
        """Return the column in which a cell begins."""
        if cell is None or (row := cell.getparent()) is None:
            return 0
        return self._columns_of(row).get(cell, 0)

    def _with_columns(self, row: HtmlElement | None, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Return the lengths of cells with an empty cell for each column that another one spans."""
        if row is None:
            return lengths
        columns = self._columns_of(row)
        cells = [cell for cell in row if cell.tag in CELLS]
        if len(cells) != len(lengths):
            return lengths
        spread: list[int] = []
        for cell, length in zip(cells, lengths, strict=True):
            spread += [0] * (columns.get(cell, 0) - len(spread))
            spread.append(length)
        if cells:
            spread += [0] * (min(_integer(cells[-1].get("colspan"), 1), MAX_SPAN) - 1)
        return tuple(spread)

    def _columns_of(self, row: HtmlElement) -> dict[HtmlElement, int]:
        """Return the columns in which the cells of the table around a row begin."""
        table = next(row.iterancestors("table"), None)
        if table is None:
            return _place_cells([row])
        if table not in self._columns:
            self._columns[table] = _place_cells(table.iter("tr"))
        return self._columns[table]


def _innermost(structure: str) -> str:
    """Return the letter of the last part of a structure; "" where it has none."""
    return structure.rpartition(" ")[2][:1]


def _number_items(owner: HtmlElement) -> dict[HtmlElement, int]:
    """Return the number of each item of a list, as readers see it."""
    numbers: dict[HtmlElement, int] = {}
    number = _integer(owner.get("start"), 1) - 1 if owner.tag == "ol" else 0
    for child in owner:
        if child.tag == "dd":
            numbers[child] = max(number, 1)  # the description belongs to the term before it
        elif child.tag in ITEMS:
            number = _integer(child.get("value"), number + 1)
            numbers[child] = number
        if len(numbers) >= MAX_ITEMS:
            break
    return numbers


def _integer(text: str | None, default: int) -> int:
    """Return a number of at most six digits from an attribute."""
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 7 else default


def _aria_level(source: HtmlElement | None) -> int:
    level = _integer(source.get("aria-level"), 2) if source is not None else 2
    return min(max(level, 1), 6)


def _holds_data(table: HtmlElement | None) -> bool:
    """Tell whether a table holds data: short cells, two rows or more, no table in it."""
    if table is None or table.get("role") in ("presentation", "none"):
        return False
    if table.find(".//table") is not None or table.find(".//h1") is not None:
        return False
    rows = wide_rows = cells = 0
    for row in table.iter("tr"):
        rows += 1
        columns = 0
        for cell in row:
            if cell.tag in CELLS:
                columns += 1
                if not _is_short(cell):
                    return False
        cells += columns
        wide_rows += columns > 1
        if cells > MAX_CELLS:
            return False
    return rows > 1 and wide_rows > 0 and 2 * wide_rows >= rows


def _is_short(cell: HtmlElement) -> bool:
    size = 0
    for text in cell.itertext():
        size += len(text.strip())
        if size > MAX_CELL_LENGTH:
            return False
    return True


def _place_cells(rows: Iterable[HtmlElement]) -> dict[HtmlElement, int]:
    """Return the column in which each cell begins, as wide and high cells before it leave it."""
    places: dict[HtmlElement, int] = {}
    rows_below: dict[int, int] = {}  # of each column, in how many further rows it is taken
    for row in rows:
        taken = {column for column, count in rows_below.items() if count}
        rows_below = {column: rows_below[column] - 1 for column in taken}
        column = 0
        for cell in row.iterchildren(*CELLS):
            while column in taken:
                column += 1
            places[cell] = min(column, MAX_COLUMNS)
            width = max(1, min(_integer(cell.get("colspan"), 1), MAX_SPAN))
            height = max(1, min(_integer(cell.get("rowspan"), 1), MAX_CELLS))
            if height > 1 and column < MAX_COLUMNS:
                rows_below |= dict.fromkeys(range(column, column + width), height - 1)
            column += width
        if len(places) > MAX_CELLS:
            break
    return places


def _is_header(row: HtmlElement | None) -> bool:
    """Tell whether a row holds the names of the columns."""
    if row is None:
        return False
    parent = row.getparent()
    if parent is not None and parent.tag == "thead":
        return True
    tags = {cell.tag for cell in row if cell.tag in CELLS}
    return tags == {"th"} and len(row) > 1
