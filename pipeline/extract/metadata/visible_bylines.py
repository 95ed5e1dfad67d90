"""Read the lines and bylines that a page shows near its headline.

The code reads a bounded stretch of the page, whatever its size. It decides nothing: the caller
decides what a visible name or day is worth beside a declared one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lxml.html import HtmlElement

from pipeline.core.dates.date_text import find_dates
from pipeline.extract.metadata import authors
from pipeline.extract.sanitize import single_line

INLINE = {
    "a", "abbr", "address", "b", "bdi", "br", "cite", "data", "em", "font", "i", "img", "mark",
    "picture", "q", "s", "small", "source", "span", "strong", "sub", "sup", "time", "u", "wbr",
}  # fmt: skip
SKIPPED = {
    "audio", "button", "figure", "footer", "form", "head", "iframe", "nav", "noscript", "option",
    "script", "select", "style", "svg", "template", "video",
}  # fmt: skip
PIECES_BEFORE, PIECES_AFTER = 60, 300  # pieces of text that are read around the headline
MAX_LINES = 20  # on each side of the headline
BYLINE_WITHIN = 14  # lines after the headline
MAX_BYLINE_LINES = 8  # after its first one
NEAR_HEADLINE = 8  # lines under the headline
MAX_CJK_BYLINE = 24  # characters of a line of names in Chinese, Japanese or Korean
AFTER_SUMMARY = 3  # lines under the headline, of which the first is a summary
FARTHEST_BYLINE = -6  # lines before the headline
MAX_LEVELS, TEASER_LEVELS = 20, 2  # elements around a byline
MAX_TEASER_LENGTH, MAX_TEASER_LINKS, TEASER_WORDS = 300, 8, 4
MAX_LENGTH = 160  # characters of a line that can be a byline or a date
PROSE_LENGTH = 200  # characters of a paragraph
MAX_PROSE_LINES = 3  # after so many, the story has begun
PARAGRAPH_LENGTH = 120  # characters of a short paragraph
MAX_MARKED_LENGTH = 80  # characters of a byline that only its classes mark
MAX_MARKED_ELEMENTS = 3  # of a line, whose marks are read
MARK_ATTRIBUTES = ("class", "itemprop", "rel", "id", "data-testid")
MARKED_LEVELS = 3  # an element and those around it
BYLINE_MARK = re.compile(
    r"byline|author(?!i[sztr]|ed)"
    r"|(?<![a-z])(?:by-line|contributors?|writers?|reporters?|autor(?:en?|es)?|auteurs?|autore)"
    r"(?![a-z])"
)
ASIDE_MARK = re.compile(
    r"(?<![a-z])(?:comments?|related|social|share|caption|credit|bio|follow|newsletter|"
    r"breadcrumbs?|weather|footer)(?![a-z])"
)
BESIDE_TAGS = {"form", "aside", "nav", "figure", "blockquote", "dialog"}
BESIDE_CLASS = re.compile(
    r"(?<![a-z])(?:comments?|comment-?(?:list|form|author)|repl(?:y|ies)|respond|disqus|related|"
    r"recommend\w*|teasers?|sidebar|side-bar|most-?(?:read|popular|viewed)|popular|trending|"
    r"latest-?(?:posts|news|stories|articles)|recent-?(?:posts|comments|articles)|columnists|"
    r"more-?(?:on|from|stories|news|by)|read-?(?:more|also)|recirc\w*|promo|newsletter|"
    r"authors-?list|testimonials?|captions?)(?![a-z])",
    re.I,
)
USER_NAME = re.compile(r"[\w-]{3,30}")
COMMENT_MARK = re.compile(r"(?<![a-z])(?:comment-(?:author|form|list)|respond|related)(?![a-z])")
WEEKDAY_AT_END = re.compile(
    r"[\s,·|-]+(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun|mo|"
    r"di|mi|do|"
    r"fr|sa|so|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|on|am|le|el|il|du|den|vom|at|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)?[\s.,]*$",
    re.I,
)
OPENING_MARKS = "'’‘\"“«(/-–@#"  # they belong to the word after them
JOINING = re.compile(r"(?:[,;|•·]|((?:and|und|et|y|e|i|en|и|ва|va)\b|&))\s*", re.I)
BYLINE_AFTER_DATE = re.compile(
    r"(?=.*\d).{6,60}?\d.{0,20}?\s(?:by|von|par|por|door|przez)\s+(?=[^\W\d_])"
)
AUTHOR_PAGE = re.compile(
    r"/(?:authors?|by|byline|autor(?:en|es|i)?|auteurs?|reporters?|journalists?|columnists?|"
    r"contributors?)/",
    re.I,
)
# A paragraph may begin with these words, too, so they open a byline only where the page marks it.
WEAK_OPENING = re.compile(r"^(?:da|di|av|автор)\b", re.I)
END_OF_NAMES = re.compile(r"\s+[—–]\s|[|•·]|\b(?:published|updated|posted|last)\b|(?<!\w)\d", re.I)


@dataclass(frozen=True, slots=True)
class VisibleLine:
    """A line that readers see.

    Attributes:
        text: The line.
        marks: Classes, roles and similar attributes of its elements, in lower case.
        tag: The tag of its first element.
        distance: Lines after the headline; negative before it.
        paragraphs: Paragraphs between it and the headline.
        elements: The elements of its texts.
    """

    text: str
    marks: str = ""
    tag: str = ""
    distance: int = 0
    paragraphs: int = 0
    elements: tuple[HtmlElement, ...] = ()

    @property
    def is_marked_byline(self) -> bool:
        """Tell whether the page marks the line as a byline."""
        return BYLINE_MARK.search(self.marks) is not None

    @property
    def is_aside(self) -> bool:
        """Tell whether the page marks the line as something beside the story."""
        return ASIDE_MARK.search(self.marks) is not None


def lines_near_headline(heading: HtmlElement | None) -> tuple[VisibleLine, ...]:
    """Return the short lines around the headline, in reading order.

    Args:
        heading: The element that `find_headline` returns.

    Returns:
        The lines; () on a page without a headline.
    """
    if heading is None:
        return ()
    before = list(_short_lines(heading, True, PIECES_BEFORE))
    return (*reversed(before), *_short_lines(heading, False, PIECES_AFTER))


def _short_lines(heading: HtmlElement, backward: bool, budget: int) -> Iterator[VisibleLine]:
    """Yield the short lines on one side of the headline, the nearest first."""
    prose_lines = paragraphs = number = 0
    for text, elements in _join_lines(_walk_from(heading, backward, budget), backward):
        if not text:
            continue
        number += 1
        prose_lines += len(text) >= PROSE_LENGTH
        if prose_lines >= MAX_PROSE_LINES or number > MAX_LINES:
            return
        if len(text) <= MAX_LENGTH:
            distance = -number if backward else number
            yield VisibleLine(
                text, _marks(elements), elements[0].tag, distance, paragraphs, tuple(elements)
            )
        paragraphs += len(text) >= PARAGRAPH_LENGTH


def find_headline(tree: HtmlElement, headline: str) -> HtmlElement | None:
    """Return the h1 that is the headline, else the last h1, else a smaller heading that is it.

    Args:
        tree: The parsed page.
        headline: The title of the story by its metadata, or "".

    Returns:
        The element; None where the page has no heading that could be it.
    """
    last = None
    for element in tree.iter("h1"):
        text = single_line(element.text_content())
        if text and (text == headline or headline.startswith(text) or text.startswith(headline)):
            return element
        if text:
            last = element
    if last is not None or not headline:
        return last
    for element in tree.iter("h2", "h3"):
        if single_line(element.text_content()) == headline:
            return element
    return None


TextPiece = tuple[str, HtmlElement, bool]  # text, its element, whether a line ends before it


def _walk_from(start: HtmlElement, backward: bool, budget: int) -> Iterator[TextPiece]:
    """Yield the texts after an element in reading order, or before it in the reverse order.

    Args:
        start: The element.
        backward: Whether to go towards the beginning of the page.
        budget: After so many texts, the walk ends.
    """
    node = start
    while (parent := node.getparent()) is not None:
        if not backward:
            yield node.tail or "", parent, node.tag not in INLINE
        for sibling in node.itersiblings(preceding=backward):
            tail = (sibling.tail or "", parent, sibling.tag not in INLINE)
            if backward:
                yield tail
            for piece in _walk_in(sibling, backward, budget):
                yield piece
                budget -= 1
            if not backward:
                yield tail
            if budget <= 0:
                return
        if backward:
            yield parent.text or "", parent, parent.tag not in INLINE
        node = parent


def _walk_in(element: HtmlElement, backward: bool, budget: int) -> Iterator[TextPiece]:
    """Yield the texts of one element, at most `budget` of them."""
    stack: list[HtmlElement | TextPiece] = [element]
    while stack and budget > 0:
        item = stack.pop()
        if isinstance(item, tuple):
            yield item
            continue
        budget -= 1
        tag = item.tag
        if not isinstance(tag, str) or tag in SKIPPED:
            continue
        if not len(item):
            yield item.text or "", item, tag not in INLINE
            continue
        parts: list[HtmlElement | TextPiece] = [(item.text or "", item, tag not in INLINE)]
        for child in islice(item.iterchildren(reversed=backward), budget):
            tail = (child.tail or "", item, child.tag not in INLINE)
            parts += (tail, child) if backward else (child, tail)
        if backward:
            parts.append(parts.pop(0))
        stack.extend(reversed(parts))


def _join_lines(
    pieces: Iterable[TextPiece], backward: bool
) -> Iterator[tuple[str, list[HtmlElement]]]:
    """Join texts to lines, each with the elements of its texts."""
    texts: list[str] = []
    elements: list[HtmlElement] = []
    for text, element, ends_line in pieces:
        if ends_line and not backward and elements:
            yield _join_texts(texts, backward), elements
            texts, elements = [], []
        if text:
            texts.append(text)
            if not text.isspace():
                elements.append(element)
        if ends_line and backward and elements:
            yield _join_texts(texts, backward), elements
            texts, elements = [], []
    if elements:
        yield _join_texts(texts, backward), elements


def _join_texts(texts: list[str], backward: bool) -> str:
    """Join texts to one line, with a space where two elements meet without one: "Doe" "Dec. 21".

    Single letters get no space, because they are initials in a larger font.
    """
    if len(texts) == 1:
        return single_line(texts[0])
    parts = list(texts)
    if backward:
        parts.reverse()
    for number in range(1, len(parts)):
        left, right = parts[number - 1], parts[number]
        if len(left) <= 1 or len(right) <= 1 or not right[0].isalnum():
            continue
        if not left[-1].isspace() and left[-1] not in OPENING_MARKS:
            parts[number] = f" {right}"
    return single_line("".join(parts))


def _marks(elements: Sequence[HtmlElement]) -> str:
    """Return the classes and roles of the first elements of a line and of those around them."""
    marks: list[str] = []
    for element in elements[:MAX_MARKED_ELEMENTS]:
        for _ in range(MARKED_LEVELS):
            if element is None:
                break
            marks += filter(None, map(element.get, MARK_ATTRIBUTES))
            if element.tag == "a" and AUTHOR_PAGE.search(element.get("href") or ""):
                marks.append("author")
            element = element.getparent()
    return " ".join(marks).lower()


def is_beside_story(element: HtmlElement, around_headline: Collection[HtmlElement] = ()) -> bool:
    """Tell whether an element belongs to comments, a form, teasers or a list of people.

    Such elements name people who did not write the story.

    Args:
        element: One that may be a byline.
        around_headline: The elements around the headline. What holds it is beside no story.
    """
    own_text = element.text_content()
    node: HtmlElement | None = element
    for level in range(MAX_LEVELS):
        if node is None or node in around_headline or node.tag in ("body", "html"):
            return False
        names = f"{node.get('class') or ''} {node.get('id') or ''}"
        if node.tag in BESIDE_TAGS or BESIDE_CLASS.search(names):
            return True
        if 0 < level <= TEASER_LEVELS and _holds_teaser_link(node, own_text):
            return True
        node = node.getparent()
    return False


def _holds_teaser_link(element: HtmlElement, byline: str) -> bool:
    """Tell whether a short element holds a link to another story beside a byline."""
    if len(element.text_content()) > MAX_TEASER_LENGTH:
        return False
    for link in islice(element.iter("a"), MAX_TEASER_LINKS):
        text = link.text_content().strip()
        if text in byline or AUTHOR_PAGE.search(link.get("href") or ""):
            continue
        if "author" in (link.get("rel") or "") or any(map(str.isdigit, text)):
            continue
        if len(text.split()) >= TEASER_WORDS:
            return True
    return False


def visible_byline(
    lines: Sequence[VisibleLine], around: Collection[HtmlElement] = ()
) -> tuple[tuple[str, ...], bool]:
    """Return the names of the first byline, and whether it says "by".

    The first byline that says "by" comes before those that only their classes mark. A single name
    counts only where the page marks the line, too, and nothing else is found.

    Args:
        lines: The lines near the headline.
        around: The elements around the headline.
    """
    marked_names: tuple[str, ...] = ()
    single_name: tuple[str, ...] = ()
    for number in sorted(range(len(lines)), key=lambda number: _byline_rank(lines[number])):
        line = lines[number]
        if not FARTHEST_BYLINE <= line.distance <= BYLINE_WITHIN:
            continue
        is_marked = line.is_marked_byline and not line.is_aside
        opening = authors.BY.match(f"{line.text} ") or BYLINE_AFTER_DATE.match(line.text)
        if not (opening or is_marked) or _is_line_beside(line, around):
            continue
        names: tuple[str, ...] = ()
        rest = line.text[opening.end() :] if opening else line.text
        if opening and not rest and number + 1 < len(lines):
            number += 1
            names = _names(lines[number].text, has_label=True)
        elif opening and (is_marked or not WEAK_OPENING.match(line.text)):
            names = _names(rest, has_label=True)
            if not (names or single_name) and (is_marked or find_dates(rest)):
                single_name = _single_name(rest)
        elif is_marked and not marked_names and len(line.text) < MAX_MARKED_LENGTH:
            marked_names = _with_further_names(_names(line.text), lines[number:])
        if names:
            return _with_further_names(names, lines[number:]), True
    return marked_names or single_name, False


def _byline_rank(line: VisibleLine) -> int:
    """Return the order in which bylines are believed: those under the headline come first."""
    if _is_under_headline(line):
        return 0
    return 1 if line.distance < 0 else 2


def _is_under_headline(line: VisibleLine) -> bool:
    """Tell whether no more than a summary stands between a line and the headline before it."""
    if line.distance <= 0:
        return False
    return line.distance <= (NEAR_HEADLINE if line.paragraphs == 0 else AFTER_SUMMARY)


def _is_line_beside(line: VisibleLine, around: Collection[HtmlElement]) -> bool:
    """Tell whether a line belongs to something beside the story.

    Just under the headline only comments and forms do: classes there are named after looks.
    """
    if not line.elements:
        return False
    if _is_under_headline(line):
        return COMMENT_MARK.search(line.marks) is not None
    return is_beside_story(line.elements[0], around)


def _single_name(text: str) -> tuple[str, ...]:
    """Return the name at the beginning of a line that is one word, as in "By Solène"."""
    text = _before_date(text).strip()
    if USER_NAME.fullmatch(text) and any(map(str.isalpha, text)) and authors.is_name(text):
        return (text,)
    names = authors.parse_names([text])
    if len(names) == 1 and " " not in names[0]:
        return names
    return ()


def _with_further_names(names: tuple[str, ...], lines: Sequence[VisibleLine]) -> tuple[str, ...]:
    """Add the names of a byline whose names stand on lines of their own.

    Args:
        names: The names of the first line.
        lines: The lines from the first one on.
    """
    if not names:
        return ()
    return tuple(dict.fromkeys((*names, *_further_names(lines[0], lines[1:]))))


def _further_names(first: VisibleLine, lines: Sequence[VisibleLine]) -> Iterator[str]:
    follows_joint = False
    for line in lines[:MAX_BYLINE_LINES]:
        joint, rest = JOINING.match(line.text), line.text
        if joint:
            rest = line.text[joint.end() :]
            if not rest:
                follows_joint = True
                continue
        if line.is_marked_byline and line.text != first.text:
            if not (follows_joint or joint or line.marks == first.marks):
                return
        elif not (joint and joint[1]):  # a word such as "and"; a comma proves nothing
            return
        follows_joint = False
        names = _names(rest)
        if not names:
            return
        yield from names


def _names(text: str, has_label: bool = False) -> tuple[str, ...]:
    """Return the people's names at the beginning of a line, up to a date or another text.

    Args:
        text: The line.
        has_label: Whether a word says that a name follows. Chinese names look like other words.
    """
    names = authors.parse_names([_before_date(text)])
    if has_label and len(text) <= MAX_CJK_BYLINE:
        return tuple(name for name in names if _is_labelled_name(name))
    return tuple(filter(authors.is_person_name, names))


def _is_labelled_name(text: str) -> bool:
    return authors.is_person_name(text) or authors.is_cjk_name(text)


def _before_date(text: str) -> str:
    """Return the beginning of a line, up to a date or another text."""
    end = len(text)
    if dates := find_dates(text):
        end = dates[0][0]
    if match := END_OF_NAMES.search(text):
        end = min(end, match.start())
    if end == len(text):
        return text
    return WEEKDAY_AT_END.sub("", text[:end])
