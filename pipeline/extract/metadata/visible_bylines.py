"""What the page shows its readers near the headline: bylines and days.

Promises to read a bounded stretch of the page, whatever its size, and to settle nothing: what a shown name or day is worth
beside a declared one is decided by who asks.
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
    "a", "abbr", "address", "b", "bdi", "br", "cite", "data", "em", "font", "i", "img", "mark", "picture", "q", "s", "small",
    "source", "span", "strong", "sub", "sup", "time", "u", "wbr",
}  # fmt: skip
SILENT = {
    "audio", "button", "figure", "footer", "form", "head", "iframe", "nav", "noscript", "option", "script", "select", "style",
    "svg", "template", "video",
}  # fmt: skip
BEFORE, BEHIND = 60, 300  # pieces of text to look at
MOST_LINES, FARTHEST, BYLINE_WITHIN, MOST_MORE = (
    20,
    -4,
    14,
    8,
)  # lines: on each side, of a date, of a byline, in a byline
LONGEST, PROSE, ENOUGH_PROSE = (
    160,
    200,
    3,
)  # characters of a short line and of a paragraph; paragraphs
LABEL, DATE_LENGTH, MARKED_LENGTH = (
    30,
    90,
    80,
)  # characters of a word like "Updated", of a date line, of a marked byline
ATTRIBUTES, DEPTH = ("class", "itemprop", "rel", "id", "data-testid"), 3
MARKED = re.compile(
    r"byline|author(?!i[sztr]|ed)|(?<![a-z])(?:by-line|contributors?|writers?|reporters?|autor(?:en?|es)?|auteurs?|autore)(?![a-z])"
)
ASIDE = re.compile(
    r"(?<![a-z])(?:comments?|related|social|share|caption|credit|bio|follow|newsletter|breadcrumbs?|weather|footer)(?![a-z])"
)
HOLDING = "'’‘\"“«(/-–@#"  # what holds on to the word behind it
JOINING = re.compile(r"(?:[,;|•·]|((?:and|und|et|y|e|i|en|и|ва|va)\b|&))\s*", re.I)
BEHIND_DATE = re.compile(
    r"(?=.*\d).{6,60}?\d.{0,20}?\s(?:by|von|par|por|door|przez)\s+(?=[^\W\d_])"
)
AUTHOR_PAGE = re.compile(
    r"/(?:authors?|by|byline|autor(?:en|es|i)?|auteurs?|reporters?|journalists?|columnists?|contributors?)/",
    re.I,
)
# Words that a paragraph, too, may begin with, so that they open a byline only where the page marks it as one.
WEAK = re.compile(r"^(?:da|di|av|автор)\b", re.I)
BY_ALONE = re.compile(
    r"(?:(?:written|posted|story)\s+)?by:?|von:?|par:?|por:?|autor(?:es)?:?|автор:?", re.I
)
CUT = re.compile(r"\s+[—–]\s|[|•·]|\b(?:published|updated|posted|last)\b|\d", re.I)
CHANGED = re.compile(
    r"updated?|modified|last (?:change|edit)|edited(?! by)|aktualisiert|geändert|\bstand\b|mis à jour|modifi|màj|actuali[sz]|"
    r"aggiorna|atuali[sz]|bijgewerkt|aktuali|zmieni|обновл|изменен|навсозӣ|таҳрир|yangilan|жаңарт|oppdatert|uppdatera",
    re.I,
)
CHANGED_MARK, PUBLISHED_MARK = (
    re.compile(r"updated|modified|lastmod"),
    re.compile(r"publish|entry-date|posted"),
)
PUBLISHED = re.compile(
    r"publish|posted|first|veröffentlicht|erstellt|publi|pubbl|опублик|создан|нашр|opublik|gepubliceerd|created",
    re.I,
)


@dataclass(frozen=True, slots=True)
class VisibleLine:
    """A line that readers see, the words that mark its place (classes, roles), its element, and how many lines it stands behind
    the headline: below zero before it."""

    text: str
    marks: str = ""
    tag: str = ""
    distance: int = 0


@dataclass(frozen=True, slots=True)
class VisibleDates:
    """The days near a headline: those that stand there as the page's date, those that are said to be of a change, and all."""

    plain: frozenset[date] = frozenset()
    changed: frozenset[date] = frozenset()
    all: frozenset[date] = frozenset()


def lines_near_headline(tree: HtmlElement, headline: str = "") -> tuple[VisibleLine, ...]:
    """The short lines around the headline; () on a page without one."""
    head = _headline(tree, headline)
    if head is None:
        return ()
    return (*reversed(list(_stretch(head, True, BEFORE))), *_stretch(head, False, BEHIND))


def _stretch(head: HtmlElement, back: bool, budget: int) -> Iterator[VisibleLine]:
    """The short lines on one side of the headline, the nearest first."""
    prose = number = 0
    for text, places in _lines(_away(head, back, budget), back):
        if not text:
            continue
        number += 1
        prose += len(text) >= PROSE
        if prose >= ENOUGH_PROSE or number > MOST_LINES:
            return
        if len(text) <= LONGEST:
            yield VisibleLine(text, _marks(places), places[0].tag, -number if back else number)


def _headline(tree: HtmlElement, headline: str) -> HtmlElement | None:
    """The h1 that is the headline, else the last h1, else a smaller heading that is the headline."""
    last = None
    for element in tree.iter("h1"):
        text = single_line(element.text_content())
        if text and (text == headline or headline.startswith(text) or text.startswith(headline)):
            return element
        last = element if text else last
    if last is not None or not headline:
        return last
    return next(
        (each for each in tree.iter("h2", "h3") if single_line(each.text_content()) == headline), None
    )


Piece = tuple[str, HtmlElement, bool]  # text, where it stands, whether a line ends before it


def _away(head: HtmlElement, back: bool, budget: int) -> Iterator[Piece]:
    """The pieces of text behind an element in reading order, or before it in the opposite order."""
    node = head
    while (parent := node.getparent()) is not None:
        if not back:
            yield node.tail or "", parent, node.tag not in INLINE
        for sibling in node.itersiblings(preceding=back):
            tail = (sibling.tail or "", parent, sibling.tag not in INLINE)
            if back:
                yield tail
            for piece in _within(sibling, back, budget):
                yield piece
                budget -= 1
            if not back:
                yield tail
            if budget <= 0:
                return
        if back:
            yield parent.text or "", parent, parent.tag not in INLINE
        node = parent


def _within(element: HtmlElement, back: bool, budget: int) -> Iterator[Piece]:
    """The pieces of one element, at most so many."""
    waiting: list[HtmlElement | Piece] = [element]
    while waiting and budget > 0:
        each = waiting.pop()
        if isinstance(each, tuple):
            yield each
            continue
        budget -= 1
        tag = each.tag
        if not isinstance(tag, str) or tag in SILENT:
            continue
        breaks = tag not in INLINE
        parts: list[HtmlElement | Piece] = [(each.text or "", each, breaks)]
        for child in islice(each.iterchildren(reversed=back), budget):
            tail = (child.tail or "", each, child.tag not in INLINE)
            parts += (tail, child) if back else (child, tail)
        if back:
            parts.append(parts.pop(0))
        waiting.extend(reversed(parts))


def _lines(pieces: Iterable[Piece], back: bool) -> Iterator[tuple[str, list[HtmlElement]]]:
    """Pieces joined to lines, each with the elements that it stands in."""
    texts: list[str] = []
    places: list[HtmlElement] = []
    for text, element, breaks in pieces:
        if breaks and not back and places:
            yield _joined(texts, back), places
            texts, places = [], []
        if text:
            texts.append(text)
            if not text.isspace():
                places.append(element)
        if breaks and back and places:
            yield _joined(texts, back), places
            texts, places = [], []
    if places:
        yield _joined(texts, back), places


def _joined(texts: list[str], back: bool) -> str:
    """One line. Where two elements meet without a space, the words of both stay words: "Jane Doe" "Dec. 21". Single letters do
    not, for they are initials that are set large."""
    parts = texts[::-1] if back else list(texts)
    for number in range(1, len(parts)):
        left, right = parts[number - 1], parts[number]
        if (
            len(left) > 1 < len(right)
            and right[0].isalnum()
            and not left[-1].isspace()
            and left[-1] not in HOLDING
        ):
            parts[number] = f" {right}"
    return single_line("".join(parts))


def _marks(places: Sequence[HtmlElement]) -> str:
    """The classes and roles of the first elements of a line and of those around them."""
    found: list[str] = []
    for element in places[:3]:
        for _ in range(DEPTH):
            if element is None:
                break
            found += filter(None, map(element.get, ATTRIBUTES))
            if element.tag == "a" and AUTHOR_PAGE.search(element.get("href") or ""):
                found.append("author")
            element = element.getparent()
    return " ".join(found).lower()


def visible_byline(lines: Sequence[VisibleLine]) -> tuple[tuple[str, ...], bool]:
    """The names of the first byline, and whether it says "by"; the first that says so is before those that are only marked."""
    marked: tuple[str, ...] = ()
    for number, each in enumerate(lines):
        if each.distance > BYLINE_WITHIN:
            break
        is_marked = bool(MARKED.search(each.marks)) and not ASIDE.search(each.marks)
        opening = authors.BY.match(each.text) or BEHIND_DATE.match(each.text)
        found: tuple[str, ...] = ()
        if opening and (is_marked or not WEAK.match(each.text)):
            found = _names(each.text[opening.end() :])
        elif BY_ALONE.fullmatch(each.text) and number + 1 < len(lines):
            number += 1
            found = _names(lines[number].text)
        elif (
            is_marked
            and not marked
            and len(each.text) < MARKED_LENGTH
            and (names := _names(each.text))
        ):
            marked = (*names, *_more(lines[number], lines[number + 1 :]))
        if found:
            return tuple(dict.fromkeys((*found, *_more(lines[number], lines[number + 1 :])))), True
    return tuple(dict.fromkeys(marked)), False


def _more(first: VisibleLine, lines: Sequence[VisibleLine]) -> Iterator[str]:
    """The names of a byline whose names stand on lines of their own."""
    joined = False
    for each in lines[:MOST_MORE]:
        opening = JOINING.match(each.text)
        rest = each.text[opening.end() :] if opening else each.text
        if opening and not rest:
            joined = True
            continue
        is_marked = bool(MARKED.search(each.marks)) and each.text != first.text
        if not (
            opening and opening[1]
            if not is_marked
            else joined or opening or each.marks == first.marks
        ):
            return
        joined = False
        if not (names := _names(rest)):
            return
        yield from names


def _names(text: str) -> tuple[str, ...]:
    """The names at the beginning of a line, as far as nothing else stands there."""
    ends = [at for at, _ in find_dates(text)[:1]] + [
        match.start() for match in islice(CUT.finditer(text), 1)
    ]
    found = authors.parse_names([text[: min(ends)] if ends else text])
    return tuple(name for name in found if authors.is_person_name(name))


def visible_dates(lines: Sequence[VisibleLine]) -> VisibleDates:
    """The days that stand near the headline; a word like "Updated" before a day makes it one of a change."""
    plain: dict[int, set[date]] = {}
    changed: set[date] = set()
    every: set[date] = set()
    is_label = False  # whether the line before was no more than such a word
    for each in lines:
        found = find_dates(each.text)
        if not found and len(each.text) > LABEL:
            is_label = False
            continue
        words = [(match.start(), True) for match in CHANGED.finditer(each.text)]
        if is_label or (
            not words and CHANGED_MARK.search(each.marks) and not PUBLISHED_MARK.search(each.marks)
        ):
            words.append((-1, True))
        words += [(match.start(), False) for match in PUBLISHED.finditer(each.text)]
        is_date = (
            len(each.text) <= DATE_LENGTH
            and each.distance >= FARTHEST
            and not ASIDE.search(each.marks)
        )
        for at, day in found:
            every.add(day)
            if max((word for word in words if word[0] < at), default=(0, False))[1]:
                changed.add(day)
            elif is_date:
                plain.setdefault(each.distance > 0, set()).add(day)
        is_label = not found and bool(words) and max(words)[1]
    # A masthead shows the day of the visit: what stands behind the headline is nearer to the story.
    return VisibleDates(
        frozenset(plain.get(True) or plain.get(False) or ()), frozenset(changed), frozenset(every)
    )
