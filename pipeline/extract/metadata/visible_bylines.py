"""Read the bylines and days that a page shows near its headline.

The code reads a bounded stretch of the page, whatever its size. It decides nothing: the caller
decides what a visible name or day is worth beside a declared one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from lxml.html import HtmlElement

from pipeline.extract.metadata import authors
from pipeline.extract.metadata.date_text import find_dates
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
FARTHEST_DATE = -4  # lines before the headline
BYLINE_WITHIN = 14  # lines after the headline
MAX_BYLINE_LINES = 8  # after its first one
MAX_LENGTH = 160  # characters of a line that can be a byline or a date
PROSE_LENGTH = 200  # characters of a paragraph
MAX_PROSE_LINES = 3  # after so many, the story has begun
MAX_LABEL_LENGTH = 30  # characters of a word such as "Updated" on its own line
MAX_DATE_LENGTH = 90  # characters of a date line
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
ONLY_BY = re.compile(
    r"(?:(?:written|posted|story)\s+)?by:?|von:?|par:?|por:?|autor(?:es)?:?|автор:?", re.I
)
END_OF_NAMES = re.compile(r"\s+[—–]\s|[|•·]|\b(?:published|updated|posted|last)\b|\d", re.I)
CHANGED = re.compile(
    r"updated?|modified|last (?:change|edit)|edited(?! by)|aktualisiert|geändert|\bstand\b|"
    r"mis à jour|modifi|màj|actuali[sz]|"
    r"aggiorna|atuali[sz]|bijgewerkt|aktuali|zmieni|обновл|изменен|навсозӣ|таҳрир|yangilan|жаңарт|"
    r"oppdatert|uppdatera",
    re.I,
)
CHANGED_MARK = re.compile(r"updated|modified|lastmod")
PUBLISHED = re.compile(
    r"publish|posted|first|veröffentlicht|erstellt|publi|pubbl|опублик|создан|нашр|opublik|"
    r"gepubliceerd|created",
    re.I,
)
PUBLISHED_MARK = re.compile(r"publish|entry-date|posted")


@dataclass(frozen=True, slots=True)
class VisibleLine:
    """A line that readers see.

    Attributes:
        text: The line.
        marks: Classes, roles and similar attributes of its elements, in lower case.
        tag: The tag of its first element.
        distance: Lines after the headline; negative before it.
    """

    text: str
    marks: str = ""
    tag: str = ""
    distance: int = 0

    @property
    def is_marked_byline(self) -> bool:
        """Tell whether the page marks the line as a byline."""
        return BYLINE_MARK.search(self.marks) is not None

    @property
    def is_aside(self) -> bool:
        """Tell whether the page marks the line as something beside the story."""
        return ASIDE_MARK.search(self.marks) is not None


@dataclass(frozen=True, slots=True)
class VisibleDates:
    """The days near a headline.

    Attributes:
        plain: Days that stand there as the date of the page.
        changed: Days that a word such as "Updated" makes days of a change.
        all: All days.
    """

    plain: frozenset[date] = frozenset()
    changed: frozenset[date] = frozenset()
    all: frozenset[date] = frozenset()


def lines_near_headline(tree: HtmlElement, headline: str = "") -> tuple[VisibleLine, ...]:
    """Return the short lines around the headline, in reading order.

    Args:
        tree: The parsed page.
        headline: The title of the story, which tells it from other headings.

    Returns:
        The lines; () on a page without a headline.
    """
    heading = _find_headline(tree, headline)
    if heading is None:
        return ()
    before = list(_short_lines(heading, True, PIECES_BEFORE))
    return (*reversed(before), *_short_lines(heading, False, PIECES_AFTER))


def _short_lines(heading: HtmlElement, backward: bool, budget: int) -> Iterator[VisibleLine]:
    """Yield the short lines on one side of the headline, the nearest first."""
    prose_lines = number = 0
    for text, elements in _join_lines(_walk_from(heading, backward, budget), backward):
        if not text:
            continue
        number += 1
        prose_lines += len(text) >= PROSE_LENGTH
        if prose_lines >= MAX_PROSE_LINES or number > MAX_LINES:
            return
        if len(text) <= MAX_LENGTH:
            distance = -number if backward else number
            yield VisibleLine(text, _marks(elements), elements[0].tag, distance)


def _find_headline(tree: HtmlElement, headline: str) -> HtmlElement | None:
    """Return the h1 that is the headline, else the last h1, else a smaller heading that is it."""
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


def visible_byline(lines: Sequence[VisibleLine]) -> tuple[tuple[str, ...], bool]:
    """Return the names of the first byline, and whether it says "by".

    The first byline that says "by" comes before those that only their classes mark.
    """
    marked_names: tuple[str, ...] = ()
    for number, line in enumerate(lines):
        if line.distance > BYLINE_WITHIN:
            break
        is_marked = line.is_marked_byline and not line.is_aside
        opening = authors.BY.match(line.text) or BYLINE_AFTER_DATE.match(line.text)
        names: tuple[str, ...] = ()
        if opening and (is_marked or not WEAK_OPENING.match(line.text)):
            names = _names(line.text[opening.end() :])
        elif ONLY_BY.fullmatch(line.text) and number + 1 < len(lines):
            number += 1
            names = _names(lines[number].text)
        elif is_marked and not marked_names and len(line.text) < MAX_MARKED_LENGTH:
            marked_names = _with_further_names(_names(line.text), lines[number:])
        if names:
            return _with_further_names(names, lines[number:]), True
    return marked_names, False


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


def _names(text: str) -> tuple[str, ...]:
    """Return the people's names at the beginning of a line, up to a date or another text."""
    end = len(text)
    if dates := find_dates(text):
        end = dates[0][0]
    if match := END_OF_NAMES.search(text):
        end = min(end, match.start())
    names = authors.parse_names([text[:end]])
    return tuple(filter(authors.is_person_name, names))


def visible_dates(lines: Sequence[VisibleLine]) -> VisibleDates:
    """Return the days near the headline.

    A word such as "Updated" before a day makes it the day of a change.

    Args:
        lines: The lines that `lines_near_headline` returns.
    """
    plain_before: set[date] = set()
    plain_after: set[date] = set()
    changed: set[date] = set()
    all_days: set[date] = set()
    follows_label = False  # whether the line before says "Updated" and no more
    for line in lines:
        dates = find_dates(line.text)
        if not dates and len(line.text) > MAX_LABEL_LENGTH:
            follows_label = False
            continue
        words = _date_words(line, follows_label)
        is_date_line = len(line.text) <= MAX_DATE_LENGTH and not line.is_aside
        for start, day in dates:
            all_days.add(day)
            if _is_changed_at(words, start):
                changed.add(day)
            elif is_date_line and line.distance > 0:
                plain_after.add(day)
            elif is_date_line and line.distance >= FARTHEST_DATE:
                plain_before.add(day)
        follows_label = not dates and _is_changed_at(words, len(line.text))
    # A masthead shows the day of the visit: what follows the headline is nearer to the story.
    return VisibleDates(
        frozenset(plain_after or plain_before), frozenset(changed), frozenset(all_days)
    )


DateWord = tuple[int, bool]  # position, and whether it speaks of a change


def _date_words(line: VisibleLine, follows_label: bool) -> list[DateWord]:
    """Return the words that say what the dates of a line are; -1 is before the line."""
    words = [(match.start(), True) for match in CHANGED.finditer(line.text)]
    has_changed_mark = CHANGED_MARK.search(line.marks) and not PUBLISHED_MARK.search(line.marks)
    if follows_label or (not words and has_changed_mark):
        words.append((-1, True))
    words += [(match.start(), False) for match in PUBLISHED.finditer(line.text)]
    return words


def _is_changed_at(words: Sequence[DateWord], position: int) -> bool:
    """Tell whether the last word before a position speaks of a change."""
    before = [word for word in words if word[0] < position]
    return max(before, default=(0, False))[1]
