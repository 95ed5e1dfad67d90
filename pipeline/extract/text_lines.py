"""Parsed tree → all lines of the page in reading order, each with the place where it stood.

Promises one walk over the shared tree, in time linear in its size and without recursion, and an end: of a page with more lines
than MOST the rest is not read. Nothing is chosen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from lxml.html import HtmlElement

from pipeline.extract.sanitize import single_line

MAX_LINES: Final = 20_000  # lines of one page
LONGEST_ROW: Final = 400  # characters of a table row that is one line of data, not a layout
LONGEST_MARKS: Final = 400

SKIPPED = frozenset((
    "script", "style", "noscript", "template", "head", "svg", "iframe", "object", "select", "option", "button", "textarea",
    "input", "canvas", "audio", "video", "math", "map", "datalist", "embed", "applet", "frameset",
))  # fmt: skip
INLINE = frozenset((
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "ins",
    "kbd", "label", "mark", "nobr", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
    "time", "tt", "u", "var", "wbr",
))  # fmt: skip
EMPHASIS = frozenset(("b", "strong", "em", "i"))
CELLS = frozenset(("td", "th"))
LAYOUT = frozenset(
    (
        "p",
        "div",
        "table",
        "ul",
        "ol",
        "br",
        "h1",
        "h2",
        "h3",
        "h4",
        "form",
        "section",
        "article",
        "blockquote",
    )
)
CELL_END = "\x1f"  # a control character, so no text of a page contains it
WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Region:
    """What a place lies in, itself included: bits of a plain number, since an IntFlag costs a tenth of the whole cleaning."""

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


OF_TAG = {
    "article": Region.ARTICLE, "main": Region.MAIN, "aside": Region.ASIDE, "nav": Region.NAV, "form": Region.NAV,
    "footer": Region.FOOTER, "header": Region.HEADER, "figure": Region.FIGURE, "figcaption": Region.FIGURE, "li": Region.ITEM,
    "dd": Region.ITEM, "dt": Region.ITEM, "table": Region.TABLE, "blockquote": Region.QUOTE, "pre": Region.CODE,
    **{f"h{level}": Region.HEADING for level in range(1, 7)},
}  # fmt: skip


@dataclass(slots=True, eq=False)
class PageElement:
    """A block-level element, as far as its lines ask of it, with the sums over all lines below it."""

    parent: PageElement | None
    tag: str
    regions: int  # bits of Within
    marks: str  # class, id and the like
    depth: int
    is_row: bool = False  # a table row of data, not of layout
    children: int = 0  # of a list
    words: float = 0.0
    prose: float = 0.0  # words of lines that read like prose
    chars: int = 0
    linked: int = 0  # characters in links
    lines: int = 0
    chosen_words: float = 0.0  # words that the extractor chose
    steps: float = 0.0  # up from the story's core until this place is below …
    below: float = 0.0  # … and how deep below it is then


@dataclass(slots=True, eq=False)
class PageLine:
    """One line of the page: the text between two ends of block-level elements."""

    text: str
    element: PageElement
    linked: int  # characters inside links
    emphasis: int  # characters in bold or italics
    is_after_break: bool  # begins behind a <br>
    inline_marks: str  # marks of the inline element that it begins with


@dataclass(slots=True)
class PageLines:
    """All lines of a page and all their places, parents before children."""

    lines: list[PageLine] = field(default_factory=list)
    elements: list[PageElement] = field(default_factory=list)


def read_lines(tree: HtmlElement) -> PageLines:
    """The lines of a page."""
    body = tree.find("body")
    walk = _Walk()
    walk.run(tree if body is None else body)
    return walk.out


@lru_cache(maxsize=20_000)
def words_in_marks(marks: str) -> frozenset[str]:
    """The words of a class or id: articleBody-text → article, body, text."""
    return frozenset(word.lower() for word in WORDS.findall(marks) if len(word) > 1)


# What the walk keeps of an open element: its children still to come, itself, its place, whether in a link, in emphasis, a block
Open = tuple[Iterator[HtmlElement], HtmlElement, PageElement, bool, bool, bool]


class _Walk:
    def __init__(self) -> None:
        self.out = PageLines()
        self._texts: list[str] = []
        self._linked = self._emphasis = 0
        self._is_broken = False
        self._inner = ""

    def run(self, root: HtmlElement) -> None:
        """Reads all below an element."""
        place = PageElement(None, "body", Region.NONE, "", 0)
        self.out.elements.append(place)
        self._text(root.text, False, False)
        stack: list[Open] = [(iter(root), root, place, False, False, True)]
        while stack and len(self.out.lines) < MAX_LINES:
            children, owner, place, _, _, is_block = stack[-1]
            child = next(children, None)
            if child is not None:
                self._enter(child, stack)
                continue
            stack.pop()
            if is_block:
                self._flush(place)
            if stack:
                self._text(owner.tail, stack[-1][3], stack[-1][4])

    def _enter(self, child: HtmlElement, stack: list[Open]) -> None:
        _, _, place, link, emphasis, _ = stack[-1]
        tag = child.tag
        if tag in INLINE:
            if not self._inner:
                self._mark(child)
            inside = (link or tag == "a", emphasis or tag in EMPHASIS)
            self._text(child.text, *inside)
            if len(child):
                stack.append((iter(child), child, place, *inside, False))
            else:
                self._text(child.tail, link, emphasis)
        elif not isinstance(tag, str) or tag in SKIPPED:
            self._text(child.tail, link, emphasis)
        elif tag in ("br", "hr"):
            self._flush(place)
            self._is_broken = True
            self._text(child.tail, link, emphasis)
        elif tag in CELLS and place.is_row:  # the cells of a row of data are one line
            self._texts.append(CELL_END)
            self._text(child.text, link, emphasis)
            stack.append((iter(child), child, place, link, emphasis, False))
        else:
            self._flush(place)
            inner = self._place(child, tag, place)
            self._text(child.text, link, emphasis)
            if len(child):
                stack.append((iter(child), child, inner, link, emphasis, True))
            else:
                self._flush(inner)
                self._text(child.tail, link, emphasis)

    def _mark(self, element: HtmlElement) -> None:
        get = element.get
        marks = " ".join(filter(None, (get("class"), get("itemprop"), get("rel"))))
        if marks and not "".join(self._texts).strip():
            self._inner = marks[: LONGEST_MARKS // 2]

    def _place(self, element: HtmlElement, tag: str, parent: PageElement) -> PageElement:
        within, marks, attributes = parent.regions | OF_TAG.get(tag, Region.NONE), "", element.attrib
        if attributes:
            get = attributes.get
            role, itemprop = get("role"), get("itemprop")
            names = (
                get("class"),
                get("id"),
                itemprop,
                role and "role" + role,
                get("data-testid"),
                get("data-component"),
            )
            marks = " ".join(filter(None, names))[:LONGEST_MARKS]
            if itemprop and "articleBody" in itemprop:
                within |= Region.BODY_PROPERTY
            style = get("style") or ""
            if (
                get("hidden") is not None
                or get("aria-hidden") == "true"
                or ("display" in style and "none" in style)
            ):
                within |= Region.HIDDEN
        place = PageElement(
            parent, tag, within, marks, parent.depth + 1, tag == "tr" and _is_data(element)
        )
        if tag in ("ul", "ol", "dl"):
            place.children = len(element)
        self.out.elements.append(place)
        return place

    def _text(self, text: str | None, link: bool, emphasis: bool) -> None:
        if text:
            self._texts.append(text)
            if link or emphasis:
                size = len(text.strip())
                self._linked += size * link
                self._emphasis += size * emphasis

    def _flush(self, place: PageElement) -> None:
        if self._texts:
            joined = "".join(self._texts)
            self._texts.clear()
            if joined.isspace():  # most of what stands between two elements
                text = ""
            else:
                text = (
                    " | ".join(filter(None, map(single_line, joined.split(CELL_END))))
                    if CELL_END in joined
                    else single_line(joined)
                )
            if text:
                size = len(text)
                linked, emphasis = min(self._linked, size), min(self._emphasis, size)
                self.out.lines.append(
                    PageLine(text, place, linked, emphasis, self._is_broken, self._inner)
                )
                self._is_broken = False
        self._linked = self._emphasis = 0
        self._inner = ""


def _is_data(row: HtmlElement) -> bool:
    """Whether a table row holds data: two cells or more, no block within, no long text."""
    if len(row) < 2:
        return False
    size = 0
    for element in row.iter():
        size += (
            len(element.text or "") + len(element.tail or "") + 1
        )  # an element counts, so that empty ones have an end, too
        if size > LONGEST_ROW or element.tag in LAYOUT:
            return False
    return True
