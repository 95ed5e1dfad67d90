"""Read all lines of a page in reading order, each with the element in which it stands.

One walk reads the shared tree, in time linear in its size and without recursion. It chooses
nothing. It stops after MAX_LINES lines. Of an element that browsers show only without scripts, the
lines stay where their text stands nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from lxml.html import HtmlElement

from pipeline.extract.formulas import formula_text
from pipeline.extract.inline_text import (
    READINGS,
    is_initial,
    join_initial,
    replacement,
    stands_in_sentence,
)
from pipeline.extract.misplaced_story import free_misplaced_story
from pipeline.extract.sanitize import single_line
from pipeline.extract.structure.line_spans import CELL_END, CREDIT, RawSpan, SpanCollector
from pipeline.extract.structure.pictures import PICTURE_TAGS, Picture, add_picture
from pipeline.extract.unclosed_elements import (
    CLOSED_ENDS,
    MAX_UNCLOSED,
    UNCLOSED,
    holds_page,
    is_part_of_page,
)
from pipeline.extract.unseen_lines import drop_lines, hidden_lines, shown_reserves
from pipeline.extract.visibility import is_decoration, is_hidden, is_side_note

MAX_LINES: Final = 20_000  # of one page
MAX_ROW_LENGTH: Final = 400  # characters of a table row that holds data and not a layout
MAX_MARKS_LENGTH: Final = 400

SKIPPED = frozenset((
    "script", "style", "noscript", "template", "head", "svg", "iframe", "object", "select",
    "option", "button", "textarea", "input", "canvas", "audio", "video", "math", "map", "datalist",
    "embed", "applet", "frameset",
))  # fmt: skip
INLINE = frozenset((
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "ins", "kbd", "label", "mark", "nobr", "output", "picture", "q", "rb", "rp",
    "rt", "rtc", "ruby", "s", "samp", "small", "source", "span", "strike", "strong", "sub", "sup",
    "time", "tt", "u", "var", "wbr",
))  # fmt: skip
# No words of a sentence stand in these: blocks, and what is skipped everywhere.
NOT_IN_SENTENCE = (SKIPPED - {"button"}) | frozenset((
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details",
    "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "main", "menu", "nav", "ol", "p",
    "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
))  # fmt: skip
EMPHASIS = frozenset(("b", "strong", "em", "i"))
CELLS = frozenset(("td", "th"))
LISTS = frozenset(("ul", "ol", "dl"))
LAYOUT = frozenset((
    "p", "div", "table", "ul", "ol", "br", "h1", "h2", "h3", "h4", "form", "section", "article",
    "blockquote",
))  # fmt: skip
RESERVES = frozenset(("noscript", "template"))  # read where the page has their text nowhere else
MIN_RESERVE_LENGTH: Final = 240  # characters of text, without space at its ends
CREDIT_TAGS = frozenset(("span", "small", "cite", "em", "i"))  # that name who made a picture
CREDIT_MARK = re.compile("credit|copyright|photographer", re.I)
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


REGION_OF_TAG = {
    "article": Region.ARTICLE,
    "main": Region.MAIN,
    "aside": Region.ASIDE,
    "nav": Region.NAV,
    "form": Region.NAV,
    "footer": Region.FOOTER,
    "header": Region.HEADER,
    "figure": Region.FIGURE,
    "figcaption": Region.FIGURE,
    "li": Region.ITEM,
    "dd": Region.ITEM,
    "dt": Region.ITEM,
    "table": Region.TABLE,
    "blockquote": Region.QUOTE,
    "pre": Region.CODE,
    "noscript": Region.RESERVE,
    "template": Region.RESERVE,
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), Region.HEADING),
}


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
    spans: Sequence[RawSpan] = ()  # its links, and credits of pictures
    pieces: Sequence[str] = ()  # its text as the page has it, where something in it has a place


@dataclass(slots=True)
class PageLines:
    """All lines of a page and all their elements, parents before children."""

    lines: list[PageLine] = field(default_factory=list)
    elements: list[PageElement] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def read_lines(tree: HtmlElement, max_lines: int = MAX_LINES) -> PageLines:
    """Read the lines of a page.

    Args:
        tree: The parsed page.
        max_lines: After so many lines, the rest of the page is not read.

    Returns:
        The lines, without those that readers do not see.
    """
    body = tree.find("body")
    if body is None:
        body = tree
    walk = _Walk(max_lines)
    walk.run(body)
    page_lines = walk.result
    if walk.has_reserves:
        drop_lines(page_lines, shown_reserves(page_lines.lines, Region.RESERVE))
    if walk.has_hidden:
        drop_lines(page_lines, hidden_lines(page_lines.lines, Region.HIDDEN))
    free_misplaced_story(page_lines, Region.NAV | Region.FOOTER, Region.MAIN | Region.ARTICLE)
    return page_lines


def _has_long_text(element: HtmlElement) -> bool:
    length = 0
    for text in element.itertext():
        length += len(text.strip())
        if length >= MIN_RESERVE_LENGTH:
            return True
    return False


@lru_cache(maxsize=20_000)
def words_in_marks(marks: str) -> frozenset[str]:
    """Return the words of a class or id: `articleBody-text` has article, body and text."""
    return frozenset(word.lower() for word in MARK_WORD.findall(marks) if len(word) > 1)


# An open element of the walk: its remaining children, itself, the block-level element that it is
# or lies in, whether it lies in a link, whether in emphasis, whether it is block-level. A tuple,
# since the walk makes one for each element of the page.
OpenElement = tuple[Iterator[HtmlElement], HtmlElement, PageElement, bool, bool, bool]


class _Walk:
    """The walk over one page. Hot code: it runs for each element."""

    def __init__(self, max_lines: int) -> None:
        self.result = PageLines()
        self.has_reserves = self.has_hidden = False
        self._link_depth = 0  # of the open link; 0 for none
        self._link_start = (0, 0)  # the number of lines and elements before it
        self._unclosed = 0  # elements in which a large part of the page was searched
        self._max_lines = max_lines
        self._texts: list[str] = []
        self._linked = self._emphasis = 0
        self._is_after_break = False
        self._inline_marks = ""
        self._side_notes: list[str] = []
        self._initial = ""  # the first letter of the next line, in an element of its own
        self._spans = SpanCollector()

    def run(self, root: HtmlElement) -> None:
        element = PageElement(None, "body", Region.NONE, "", 0)
        self.result.elements.append(element)
        self._add_text(root.text, False, False)
        stack: list[OpenElement] = [(iter(root), root, element, False, False, True)]
        while stack and len(self.result.lines) < self._max_lines:
            children, owner, element, _, _, is_block = stack[-1]
            child = next(children, None)
            if child is not None:
                self._enter(child, stack)
                continue
            if len(stack) == self._link_depth:
                self._end_link()
            stack.pop()
            if is_block:
                self._end_line(element)
            elif owner is self._spans.innermost:
                self._spans.close(len(self._texts))
            if stack:
                self._add_text(owner.tail, stack[-1][3], stack[-1][4])

    def _enter(self, child: HtmlElement, stack: list[OpenElement]) -> None:
        _, _, element, link, emphasis, _ = stack[-1]
        tag = child.tag
        if tag in PICTURE_TAGS:
            add_picture(self.result.pictures, child, element, len(self.result.lines))
        if tag in INLINE or (tag not in NOT_IN_SENTENCE and stands_in_sentence(child, tag)):
            seen = self._seen_instead(child, tag)
            if seen is not None:
                self._add_text(seen, link, emphasis)
                self._add_text(child.tail, link, emphasis)
                return
            if not self._inline_marks:
                self._note_inline_marks(child)
            href = child.get("href") if tag == "a" else None
            is_link = link or href is not None
            inside = (is_link, emphasis or tag in EMPHASIS)
            if href:
                self._spans.open(child, href, len(self._texts))
            elif tag in CREDIT_TAGS and _names_credit(child, element):
                self._spans.open(child, CREDIT, len(self._texts))
            self._add_text(child.text, *inside)
            if len(child):
                stack.append((iter(child), child, element, *inside, False))
                if is_link and not link:
                    self._link_depth = len(stack)
                    self._link_start = (len(self.result.lines), len(self.result.elements))
            else:
                if child is self._spans.innermost:
                    self._spans.close(len(self._texts))
                self._add_text(child.tail, link, emphasis)
        elif not isinstance(tag, str) or (tag in SKIPPED and not self._is_read(child, tag)):
            if tag == "math":
                self._add_text(formula_text(child), link, emphasis)
            self._add_text(child.tail, link, emphasis)
        elif tag in ("br", "hr"):
            self._end_line(element)
            self._is_after_break = True
            self._add_text(child.tail, link, emphasis)
        elif element.is_row and (tag in CELLS or tag == "p"):
            if tag != "p":  # the cells of a row of data are one line
                self._texts.append(CELL_END)
            self._add_text(child.text, link, emphasis)
            stack.append((iter(child), child, element, link, emphasis, False))
        else:
            self._end_line(element)
            inner = self._add_element(child, tag, element)
            self._add_text(child.text, link, emphasis)
            if len(child):
                stack.append((iter(child), child, inner, link, emphasis, True))
            else:
                self._end_line(inner)
                self._add_text(child.tail, link, emphasis)

    def _seen_instead(self, child: HtmlElement, tag: str) -> str | None:
        """Return what readers see instead of an inline element; None for its own text."""
        if not child.keys() and tag != "sup" and tag not in READINGS:
            return None
        is_line_empty = not self._texts or not "".join(self._texts).strip()
        if is_side_note(child):
            self._side_notes.append(single_line("".join(child.itertext())))
            return ""
        return replacement(child, tag, is_line_empty)

    def _end_link(self) -> None:
        """Take what stands in a link for no link if that is a part of the page."""
        self._link_depth = 0
        lines = self.result.lines[self._link_start[0] :]
        if not lines:
            return
        tags = {element.tag for element in self.result.elements[self._link_start[1] :]}
        if is_part_of_page([line.text for line in lines], tags):
            self._linked = 0
            for line in lines:
                line.linked = 0
                line.spans = ()

    def _is_read(self, element: HtmlElement, tag: str) -> bool:
        """Tell whether a skipped element holds a part of the page that readers see."""
        if not len(element) or element[-1].tag in CLOSED_ENDS:
            return False
        if tag in RESERVES:
            is_read = element.get("shadowrootmode") is not None or _has_long_text(element)
            self.has_reserves = self.has_reserves or is_read
            return is_read
        if tag in UNCLOSED and self._unclosed < MAX_UNCLOSED and holds_page(element):
            self._unclosed += 1
            return True
        return False

    def _note_inline_marks(self, element: HtmlElement) -> None:
        get = element.get
        marks = " ".join(filter(None, (get("class"), get("itemprop"), get("rel"))))
        if marks and not "".join(self._texts).strip():
            self._inline_marks = marks[: MAX_MARKS_LENGTH // 2]

    def _add_element(self, source: HtmlElement, tag: str, parent: PageElement) -> PageElement:
        regions = parent.regions | REGION_OF_TAG.get(tag, Region.NONE)
        marks, attributes = "", source.attrib
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
            marks = " ".join(filter(None, names))[:MAX_MARKS_LENGTH]
            if itemprop and "articleBody" in itemprop:
                regions |= Region.BODY_PROPERTY
            if is_hidden(source) or is_decoration(source):
                regions |= Region.HIDDEN
        if tag == "dialog" and source.get("open") is None:
            regions |= Region.HIDDEN
        if regions & Region.HIDDEN:
            self.has_hidden = True
        is_row = tag == "tr" and _is_data_row(source)
        element = PageElement(parent, tag, regions, marks, parent.depth + 1, is_row)
        element.source = source
        if tag in LISTS:
            element.children = len(source)
        self.result.elements.append(element)
        return element

    def _add_text(self, text: str | None, link: bool, emphasis: bool) -> None:
        if text:
            self._texts.append(text)
            if link or emphasis:
                size = len(text.strip())
                self._linked += size * link
                self._emphasis += size * emphasis

    def _end_line(self, element: PageElement) -> None:
        if self._texts:
            joined = "".join(self._texts)
            if self._initial and not joined.isspace():
                joined = self._with_initial(joined, element)
            pieces, self._texts = self._texts, []
            spans = () if self._spans.is_empty else self._spans.end_line(len(pieces))
            text = "" if joined.isspace() else _line_text(joined)  # most texts are only space
            if len(text) == 1 and is_initial(text, element.marks):
                self._initial = text
            elif text:
                size = len(text)
                linked, emphasis = min(self._linked, size), min(self._emphasis, size)
                line = PageLine(
                    text, element, linked, emphasis, self._is_after_break, self._inline_marks
                )
                if spans or element.is_row or element.regions & Region.CODE:
                    line.spans, line.pieces = spans, pieces
                self.result.lines.append(line)
                self._is_after_break = False
            if self._side_notes:
                self._end_side_notes(element)
        self._linked = self._emphasis = 0
        self._inline_marks = ""

    def _with_initial(self, joined: str, element: PageElement) -> str:
        """Return a line with the letter that stands before it in an element of its own."""
        initial, self._initial = self._initial, ""
        if with_initial := join_initial(initial, joined):
            return with_initial
        self.result.lines.append(PageLine(initial, element, 0, 0, False, ""))
        return joined

    def _end_side_notes(self, element: PageElement) -> None:
        """Put the notes beside a line below it."""
        for note in filter(None, self._side_notes):
            self.result.lines.append(PageLine(note, element, 0, 0, False, ""))
        self._side_notes.clear()


def _names_credit(source: HtmlElement, element: PageElement) -> bool:
    """Tell whether an inline element of a caption names who made the picture."""
    if not (element.regions & Region.FIGURE or "caption" in element.marks):
        return False
    return (
        CREDIT_MARK.search(f"{source.get('class') or ''} {source.get('itemprop') or ''}")
        is not None
    )


def _line_text(joined: str) -> str:
    if CELL_END in joined:
        return " | ".join(filter(None, map(single_line, joined.split(CELL_END))))
    return single_line(joined)


def _is_only_paragraph(element: HtmlElement) -> bool:
    """Tell whether an element is the one paragraph of a table cell."""
    parent = element.getparent()
    if element.tag != "p" or parent is None or parent.tag not in CELLS:
        return False
    return len(parent) == 1 and not (parent.text or "").strip()


def _has_other_rows(row: HtmlElement) -> bool:
    parent = row.getparent()
    if parent is not None and parent.tag == "thead":
        return True
    other = next(row.itersiblings("tr"), None)
    return other is not None or next(row.itersiblings("tr", preceding=True), None) is not None


def _is_data_row(row: HtmlElement) -> bool:
    """Tell whether a table row holds data: two cells or more, no block in it, no long text."""
    if len(row) < 2:
        return False
    size = 0
    for element in row.iter():
        # Each element counts as one character, so that a row of empty ones ends, too.
        size += len(element.text or "") + len(element.tail or "") + 1
        if size > MAX_ROW_LENGTH:
            return False
        if element.tag in LAYOUT and not (_is_only_paragraph(element) and _has_other_rows(row)):
            return False
    return True
