"""Read all lines of a page in reading order, each with the element in which it stands.

One walk reads the shared tree, in time linear in its size and without recursion. It chooses
nothing. It stops after MAX_LINES lines. Of an element that browsers show only without scripts, the
lines stay where their text stands nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from lxml.html import HtmlElement

from pipeline.extract.formulas import formula_text
from pipeline.extract.inline_text import (
    REPLACED_TAGS,
    is_initial,
    join_initial,
    replacement,
    stands_in_sentence,
)
from pipeline.extract.misplaced_story import free_misplaced_story
from pipeline.extract.page_lines import CELLS, LISTS, PageElement, PageLine, PageLines, Region
from pipeline.extract.sanitize import single_line
from pipeline.extract.structure.line_spans import CELL_END, CREDIT, STRESS_TARGETS, SpanCollector
from pipeline.extract.structure.pictures import PICTURE_TAGS, add_picture
from pipeline.extract.unclosed_elements import (
    CLOSED_ENDS,
    MAX_UNCLOSED,
    UNCLOSED,
    holds_page,
    is_part_of_page,
)
from pipeline.extract.unseen_lines import drop_lines, hidden_lines, shown_reserves
from pipeline.extract.visibility import (
    is_decoration,
    is_hidden_by,
    is_hiding_class,
    is_short,
    is_side_note,
)

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
# What the walk does with an element.
INLINE_TAG, BREAK_TAG, SKIPPED_TAG, BLOCK_TAG, OTHER = range(5)
KIND_OF_TAG: Final[dict[str, int]] = {
    **dict.fromkeys(NOT_IN_SENTENCE, BLOCK_TAG),
    **dict.fromkeys(SKIPPED - {"button"}, SKIPPED_TAG),
    **dict.fromkeys(INLINE, INLINE_TAG),
    **dict.fromkeys(("br", "hr"), BREAK_TAG),
}
EMPHASIS = frozenset(("b", "strong", "em", "i"))
LAYOUT = frozenset((
    "p", "div", "table", "ul", "ol", "br", "h1", "h2", "h3", "h4", "form", "section", "article",
    "blockquote",
))  # fmt: skip
RESERVES = frozenset(("noscript", "template"))  # read where the page has their text nowhere else
MIN_RESERVE_LENGTH: Final = 240  # characters of text, without space at its ends
# Of the text in an <object>, which browsers show for want of its plug-in. Shorter ones only say so.
MIN_OBJECT_LENGTH: Final = 80
CREDIT_TAGS = frozenset(("span", "small", "cite", "em", "i"))  # that name who made a picture
CREDIT_MARK = re.compile("credit|copyright|photographer", re.I)


HIDDEN, BODY_PROPERTY = Region.HIDDEN, Region.BODY_PROPERTY
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


def _has_long_text(element: HtmlElement, min_length: int) -> bool:
    length = 0
    for text in element.itertext():
        length += len(text.strip())
        if length >= min_length:
            return True
    return False


# An open element of the walk: its remaining children, itself, the block-level element that it is
# or lies in, whether it lies in a link, whether in emphasis, whether it is block-level. A tuple,
# since the walk makes one for each element of the page.
OpenElement = tuple[Iterator[HtmlElement], HtmlElement, PageElement, bool, bool, bool]
Attribute = Callable[[str], str | None]
"""Returns an attribute of an element, or None."""


class _Walk:
    """The walk over one page. Hot code: it runs for each element.

    It reads all attributes of an element at once: one by one takes thrice the time.
    """

    def __init__(self, max_lines: int) -> None:
        self.result = PageLines()
        self.has_reserves = self.has_hidden = False
        self._stack: list[OpenElement] = []
        self._link_depth = 0  # of the open link; 0 for none
        self._link_start = (0, 0)  # the number of lines and elements before it
        self._unclosed = 0  # elements in which a large part of the page was searched
        self._max_lines = max_lines
        self._texts: list[str] = []
        self._blanks = 0  # of these texts, from the first on
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
        stack, lines = self._stack, self.result.lines
        inner: OpenElement | None = (iter(root), root, element, False, False, True)
        while inner is not None and len(lines) < self._max_lines:
            stack.append(inner)
            inner = self._descend(inner)
            while inner is None and len(lines) < self._max_lines:
                self._leave()
                if not stack:
                    break
                inner = self._descend(stack[-1])

    def _descend(self, outer: OpenElement) -> OpenElement | None:
        """Read the children of an open element up to the first that has children of its own."""
        children, _, element, link, emphasis, _ = outer
        lines, texts, max_lines = self.result.lines, self._texts, self._max_lines
        for child in children:
            tag = child.tag
            kind = KIND_OF_TAG.get(tag, OTHER)
            if kind == INLINE_TAG or (kind == OTHER and stands_in_sentence(child, tag)):
                if tag in PICTURE_TAGS:
                    add_picture(self.result.pictures, child, element, len(lines))
                inner = self._enter_inline(child, tag, outer)
            elif kind == BREAK_TAG:
                self._end_line(element)
                self._is_after_break = True
                inner = None
            elif kind != BLOCK_TAG and self._is_skipped(child, tag):
                inner = None
            elif element.is_row and (tag in CELLS or tag == "p"):
                if tag != "p":  # the cells of a row of data are one line
                    texts.append(CELL_END)
                self._add_text(child.text, link, emphasis)
                inner = (iter(child), child, element, link, emphasis, False)
            else:
                inner = self._enter_block(child, tag, outer)
            if inner is not None:
                return inner
            if text := child.tail:
                texts.append(text)
                if link or emphasis:
                    self._count_text(text, link, emphasis)
            if len(lines) >= max_lines:
                break
        return None

    def _leave(self) -> None:
        """End the innermost open element, and read the text behind it."""
        stack = self._stack
        if len(stack) == self._link_depth:
            self._end_link()
        _, owner, element, _, _, is_block = stack.pop()
        if is_block:
            self._end_line(element)
        elif owner is self._spans.innermost:
            self._spans.close(len(self._texts))
        if stack:
            self._add_text(owner.tail, stack[-1][3], stack[-1][4])

    def _is_skipped(self, child: HtmlElement, tag: str) -> bool:
        """Tell whether nothing in an element is read, and note the picture in it."""
        if tag in PICTURE_TAGS:
            add_picture(self.result.pictures, child, self._stack[-1][2], len(self.result.lines))
        if not isinstance(tag, str):  # a reference that the parser left
            return True
        if tag not in SKIPPED or self._is_read(child, tag):
            return False
        if tag == "math":
            self._add_text(formula_text(child), *self._stack[-1][3:5])
        return True

    def _enter_block(self, child: HtmlElement, tag: str, outer: OpenElement) -> OpenElement | None:
        """Begin a block-level element; return it if it stays open."""
        _, _, element, link, emphasis, _ = outer
        if self._texts:
            self._end_line(element)
        self._inline_marks = ""
        inner = self._add_element(child, tag, element)
        if text := child.text:
            self._add_text(text, link, emphasis)
        if len(child):
            return (iter(child), child, inner, link, emphasis, True)
        if text:
            self._end_line(inner)
        return None

    def _enter_inline(self, child: HtmlElement, tag: str, outer: OpenElement) -> OpenElement | None:
        """Begin an inline element; return it if it stays open."""
        _, _, element, link, emphasis, _ = outer
        texts, is_link, has_span = self._texts, link, False
        attributes = child.items()
        if attributes or tag in REPLACED_TAGS:
            get = dict(attributes).get
            seen = self._seen_instead(child, tag, get)
            if seen is not None:
                self._add_text(seen, link, emphasis)
                return None
            if not self._inline_marks and (get("class") or get("itemprop") or get("rel")):
                self._note_inline_marks(get)
            if tag == "a":
                target = get("href")
                is_link = link or target is not None
                has_span = bool(target)
            else:
                target = CREDIT
                has_span = tag in CREDIT_TAGS and _names_credit(get, element)
            if has_span:
                self._spans.open(child, target or CREDIT, len(texts))
        if not has_span and tag in STRESS_TARGETS and (child.text or len(child)):
            self._spans.open(child, STRESS_TARGETS[tag], len(texts))
            has_span = True
        is_emphasis = emphasis or tag in EMPHASIS
        if text := child.text:
            texts.append(text)
            if is_link or is_emphasis:
                self._count_text(text, is_link, is_emphasis)
        if len(child):
            if is_link and not link:
                self._link_depth = len(self._stack) + 1
                self._link_start = (len(self.result.lines), len(self.result.elements))
            return (iter(child), child, element, is_link, is_emphasis, False)
        if has_span:
            self._spans.close(len(texts))
        return None

    def _seen_instead(self, child: HtmlElement, tag: str, get: Attribute) -> str | None:
        """Return what readers see instead of an inline element; None for its own text."""
        names = get("class")
        if names is not None and is_side_note(names):
            self._side_notes.append(single_line("".join(child.itertext())))
            return ""
        if is_hidden_by(get) and is_short(child):
            return ""
        if tag not in REPLACED_TAGS:
            return None
        return replacement(child, tag, self._is_line_empty)

    def _is_line_empty(self) -> bool:
        """Tell whether the line has no text so far but space."""
        texts = self._texts
        while self._blanks < len(texts):
            if not texts[self._blanks].isspace():
                return False
            self._blanks += 1
        return True

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
            is_read = element.get("shadowrootmode") is not None or _has_long_text(
                element, MIN_RESERVE_LENGTH
            )
            self.has_reserves = self.has_reserves or is_read
            return is_read
        if tag == "object" and _has_long_text(element, MIN_OBJECT_LENGTH):
            return True
        if tag in UNCLOSED and self._unclosed < MAX_UNCLOSED and holds_page(element):
            self._unclosed += 1
            return True
        return False

    def _note_inline_marks(self, get: Attribute) -> None:
        marks = " ".join(filter(None, (get("class"), get("itemprop"), get("rel"))))
        if self._is_line_empty():
            self._inline_marks = marks[: MAX_MARKS_LENGTH // 2]

    def _add_element(self, source: HtmlElement, tag: str, parent: PageElement) -> PageElement:
        regions = parent.regions | REGION_OF_TAG.get(tag, 0)
        marks, attributes = "", source.items()
        if len(attributes) == 1 and attributes[0][0] == "class":  # as most that have any
            marks = attributes[0][1]
            if is_hiding_class(marks):
                regions |= HIDDEN
        elif attributes:
            get = dict(attributes).get
            role, itemprop = get("role"), get("itemprop")
            names = (
                get("class"),
                get("id"),
                itemprop,
                role and "role" + role,
                get("data-testid"),
                get("data-component"),
            )
            marks = " ".join(filter(None, names))
            if itemprop and "articleBody" in itemprop:
                regions |= BODY_PROPERTY
            if is_hidden_by(get) or (get("aria-hidden") and is_decoration(source)):
                regions |= HIDDEN
        if tag == "dialog" and source.get("open") is None:
            regions |= HIDDEN
        if regions & HIDDEN:
            self.has_hidden = True
        is_row = tag == "tr" and _is_data_row(source)
        marks = marks[:MAX_MARKS_LENGTH]
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
                self._count_text(text, link, emphasis)

    def _count_text(self, text: str, link: bool, emphasis: bool) -> None:
        size = len(text.strip())
        self._linked += size * link
        self._emphasis += size * emphasis

    def _end_line(self, element: PageElement) -> None:
        if texts := self._texts:
            joined = "".join(texts)
            if joined.isspace():  # as most are
                if not self._spans.is_empty:
                    self._spans.end_line(len(texts))
            else:
                self._add_line(joined, element)
            if self._side_notes:
                self._end_side_notes(element)
            texts.clear()
            self._blanks = 0
            self._linked = self._emphasis = 0
        self._inline_marks = ""

    def _add_line(self, joined: str, element: PageElement) -> None:
        """Add a line with its text as the page has it."""
        if self._initial:
            joined = self._with_initial(joined, element)
        spans = () if self._spans.is_empty else self._spans.end_line(len(self._texts))
        text = _line_text(joined)
        size = len(text)
        if size == 1 and is_initial(text, element.marks):
            self._initial = text
        elif text:
            linked, emphasis = min(self._linked, size), min(self._emphasis, size)
            line = PageLine(
                text, element, linked, emphasis, self._is_after_break, self._inline_marks
            )
            if spans or element.is_row or element.regions & Region.CODE:
                line.spans, line.pieces = spans, self._texts[:]
            self.result.lines.append(line)
            self._is_after_break = False

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


def _names_credit(get: Attribute, element: PageElement) -> bool:
    """Tell whether an inline element of a caption names who made the picture."""
    if not (element.regions & Region.FIGURE or "caption" in element.marks):
        return False
    return CREDIT_MARK.search(f"{get('class') or ''} {get('itemprop') or ''}") is not None


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
