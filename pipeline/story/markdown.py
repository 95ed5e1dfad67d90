"""Write a story as Markdown: CommonMark with the tables of GitHub's dialect.

All text is escaped, so that a Markdown reader gives back exactly the text of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from string import punctuation
from typing import Final
from unicodedata import category

from pipeline.core.blocks import Emphasis
from pipeline.core.story import Story
from pipeline.story.tree import (
    Code,
    Heading,
    Item,
    ItemList,
    Node,
    Paragraph,
    Picture,
    Quote,
    Row,
    Run,
    Runs,
    Table,
    story_tree,
)

# An underscore inside a word begins no emphasis, and `&` only matters where it begins a reference.
SPECIAL = re.compile(r"[\\`*\[\]<]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|~(?=~)|(?<=~)~")
LINE_START = re.compile(r"(?:[-+](?=\s|$|[-+\s]*$)|#{1,6}(?=\s|$)|>|=+(?=\s*$)|-{2,}|~{3,})")
NUMBER_START = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
CLOSING_MARKS = re.compile(r"(?:^|(?<=\s))(#+)$")
PLAIN_ADDRESS = re.compile(r"[^\s()<>\\\"'`|&*\[\]]+")
ADDRESS_ESCAPES: Final = {" ": "%20", "<": "%3C", ">": "%3E", "\\": "%5C", "|": "%7C", "`": "%60"}
BACKTICKS = re.compile("`+")
BULLETS: Final = ("-", "*")
MARK: Final = "*"  # of emphasis; the same two in a row would be one
STARS: Final = {
    (False, False): "",
    (False, True): MARK,
    (True, False): MARK * 2,
    (True, True): MARK * 3,
}
DELIMITERS: Final = (".", ")")


def to_markdown(story: Story, title: str = "") -> str:
    """Return a story as Markdown, without a line break at its end.

    Args:
        story: The story.
        title: A headline to write above it; "" for none.
    """
    lines = _blocks(story_tree(story))
    if title:
        lines = [f"# {_heading_text(escape(title))}", *_after_gap(lines)]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Return a text in which Markdown sees no marks, wherever it stands in a line."""
    return SPECIAL.sub(r"\\\g<0>", text)


def _blocks(nodes: Sequence[Node], *, is_tight: bool = False) -> list[str]:
    """Return the lines of nodes that follow each other."""
    lines: list[str] = []
    variant = 0  # of list marks: two lists in a row need different ones to stay two
    last: Node | None = None
    for node in nodes:
        is_list_after_list = isinstance(node, ItemList) and isinstance(last, ItemList)
        variant = 1 - variant if is_list_after_list else 0
        new_lines = _node_lines(node, variant)
        if lines and new_lines and not (is_tight and _may_follow_text(node)):
            lines.append("")
        lines += new_lines
        last = node
    return lines


def _may_follow_text(node: Node) -> bool:
    """Tell whether a node needs no empty line after a paragraph: a list that begins with 1."""
    if not isinstance(node, ItemList):
        return False
    return not node.is_numbered or node.items[0].number == 1


def _after_gap(lines: list[str]) -> list[str]:
    return ["", *lines] if lines else []


def _node_lines(node: Node, variant: int) -> list[str]:
    match node:
        case Paragraph():
            return [_escape_start(_inline(node.runs))]
        case Heading():
            return [f"{'#' * node.level} {_heading_text(_inline(node.runs))}"]
        case Code():
            return _code_lines(node)
        case Picture():
            return _picture_lines(node)
        case Quote():
            return [f"> {line}".rstrip() for line in _blocks(node.children)]
        case ItemList():
            return _list_lines(node, variant)
        case Table():
            return _table_lines(node.rows)


def _inline(runs: Runs) -> str:
    parts: list[str] = []
    for url, group in groupby(_readable_marks(runs), key=lambda run: run.url):
        content = ""
        for marks, same in groupby(group, key=lambda run: run.marks):
            content += _marked("".join(run.text for run in same), marks)
        if url and parts and parts[-1].endswith("!"):
            parts[-1] = f"{parts[-1][:-1]}\\!"  # with it, the link would be a picture
        parts.append(f"[{content}]({_address(url)})" if url else content)
    return "".join(parts)


def _marked(text: str, marks: str) -> str:
    if Emphasis.CODE in marks:
        content = _code_span(text)
    else:
        content = escape(text)
    stars = STARS[Emphasis.STRONG in marks, Emphasis.STRESSED in marks]
    return f"{stars}{content}{stars}"


def _code_span(text: str) -> str:
    fence = "`" * (1 + max((len(run) for run in BACKTICKS.findall(text)), default=0))
    gap = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def _readable_marks(runs: Runs) -> Iterator[Run]:
    """Yield runs with marks only where a reader of Markdown takes them for marks.

    Spaces at the ends of a marked run come without marks.
    """
    before = ""  # the character before the run
    for number, run in enumerate(runs):
        is_first = not number or runs[number - 1].url != run.url
        next_run = runs[number + 1] if number + 1 < len(runs) else None
        is_last = next_run is None or next_run.url != run.url
        if run.url and is_first:
            before = "["
        core = run.text.strip()
        if not core or not run.marks:
            yield run._replace(marks="")
            before = run.text[-1:]
        else:
            start = run.text.index(core)
            head, tail = run.text[:start], run.text[start + len(core) :]
            after = tail or _character_after(run, next_run, is_last)
            marks = run.marks if _may_be_marked(head[-1:] or before, run, core, after) else ""
            yield run._replace(text=head, marks="")
            yield run._replace(text=core, marks=marks)
            yield run._replace(text=tail, marks="")
            before = tail[-1:] or (MARK if marks else core[-1])
        if run.url and is_last:
            before = ")"


def _character_after(run: Run, next_run: Run | None, is_last: bool) -> str:
    if run.url and is_last:
        return "]"
    if next_run is None:
        return ""
    return "[" if next_run.url and next_run.url != run.url else next_run.text[0]


def _may_be_marked(before: str, run: Run, core: str, after: str) -> bool:
    """Tell whether marks around a text begin and end there, by the rules of CommonMark."""
    if before == MARK:
        return False
    if run.marks == Emphasis.CODE:
        return before != "`"
    is_code = Emphasis.CODE in run.marks
    opens = (core[0].isalnum() and not is_code) or _is_edge(before)
    return opens and ((core[-1].isalnum() and not is_code) or _is_edge(after))


def _is_edge(character: str) -> bool:
    """Tell whether words end at a character: at the end of a text, a space, a punctuation mark."""
    if not character or character[0] in punctuation:
        return True
    return category(character[0]) in ("Zs", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po")


def _escape_start(line: str) -> str:
    """Return an escaped line that begins no heading, list, quote or rule."""
    if LINE_START.match(line):
        return f"\\{line}"
    return NUMBER_START.sub(r"\1\\\2", line, count=1) if NUMBER_START.match(line) else line


def _heading_text(line: str) -> str:
    """Return the line of a heading whose last `#` belongs to it."""
    return CLOSING_MARKS.sub(r"\\\1", line)


def _address(url: str) -> str:
    if PLAIN_ADDRESS.fullmatch(url):
        return url
    for character, escaped in ADDRESS_ESCAPES.items():
        url = url.replace(character, escaped)
    url = re.sub(r"\s", "", url)
    return re.sub(r"[()*\[\]\"']|&(?=#?\w+;)", r"\\\g<0>", url)


def _code_lines(code: Code) -> list[str]:
    longest = max((len(run) for run in BACKTICKS.findall("\n".join(code.lines))), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *code.lines, fence]


def _picture_lines(picture: Picture) -> list[str]:
    caption = " ".join(filter(None, (picture.caption, picture.credit)))
    lines: list[str] = []
    if picture.url:
        lines.append(f"![{escape(picture.alt)}]({_address(picture.url)})")
    if caption:
        lines.append(f"*{escape(caption)}*")
    return lines


def _list_lines(items: ItemList, variant: int) -> list[str]:
    lines: list[str] = []
    number = items.items[0].number if items.items else 1
    is_tight = all(map(_is_short, items.items))
    for item in items.items:
        mark = f"{number}{DELIMITERS[variant]}" if items.is_numbered else BULLETS[variant]
        number += 1
        item_lines = _blocks(item.children, is_tight=is_tight) or [""]
        indent = " " * (len(mark) + 1)
        if lines and not is_tight:
            lines.append("")
        lines.append(f"{mark} {item_lines[0]}".rstrip())
        lines += [f"{indent}{line}".rstrip() for line in item_lines[1:]]
    return lines


def _is_short(item: Item) -> bool:
    """Tell whether an item is one line, with or without lists in it."""
    first, *others = item.children or (Paragraph(()),)
    if not isinstance(first, (Paragraph, ItemList)):
        return False
    return all(isinstance(child, ItemList) for child in others)


def _table_lines(rows: Sequence[Row]) -> list[str]:
    width = max((len(row.cells) for row in rows), default=0)
    if not width:
        return []
    header, *others = rows if rows[0].is_header else (Row(True), *rows)
    rule = f"| {' | '.join(['---'] * width)} |"
    return list(chain([_row_line(header, width), rule], (_row_line(row, width) for row in others)))


def _row_line(row: Row, width: int) -> str:
    cells = [_inline(cell).replace("|", "\\|") for cell in row.cells]
    cells += [""] * (width - len(cells))
    return f"| {' | '.join(cells)} |"
