"""Read the dates of a page from the places where pages have them, each with its source.

Declarations come from JSON-LD and meta elements, further dates from `<time>`, the address, and the
text of the page. Nothing is chosen here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from typing import Any

from lxml.html import HtmlElement

from pipeline.core.dates.date_text import UNKNOWN_STYLE, DateStyle, find_dates
from pipeline.core.dates.date_values import ParsedDate, date_readings, parse_date
from pipeline.core.dates.month_names import month_number
from pipeline.extract.metadata.jsonld import text_value
from pipeline.extract.metadata.set_apart import is_in_page_footer, is_masthead, is_set_apart
from pipeline.extract.metadata.visible_dates import (
    CHANGED,
    PUBLISHED,
    element_date,
    has_other_label,
)
from pipeline.extract.sanitize import single_line

PUBLISHED_META = (
    "article:published_time", "article:published", "og:published_time", "og:article:published_time",
    "datepublished", "date.published", "publication_date", "publish-date", "publish_date",
    "pubdate", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dcterms.issued",
    "dcterms.created", "dc.date.created", "citation_publication_date", "citation_date",
    "article.published", "cxenseparse:recs:publishtime", "cxenseparse:publishtime",
    "originalpublicationdate", "displaydate", "ptime",
)  # fmt: skip
# Many sites put the day of the last change there.
LOOSE_META = ("dc.date", "dcterms.date", "date")
MODIFIED_META = (
    "article:modified_time", "og:updated_time", "article:modified", "datemodified",
    "dcterms.modified", "dc.date.modified", "last-modified", "lastmod", "revision_date",
)  # fmt: skip
PUBLISHED_KEYS = ("datePublished", "dateCreated")  # of JSON-LD
MODIFIED_KEYS = ("dateModified",)
PUBLISHED_CLASS = re.compile(r"publish|posted|entry-date|pubdate|created|dateline", re.I)
PUBLISHED_PROPERTY = re.compile(r"datePublished|dateCreated|dc:(?:date|created|issued)", re.I)
MARKED_PUBLICATION = ".//div[@itemprop='datePublished']"
MODIFIED_CLASS = re.compile(r"modified|updated", re.I)
URL_DAY = re.compile(r"/((?:19|20)\d\d)[/-](\d{1,2}|[a-z]{3})[/-](\d{1,2})(?=[/_.-]|$)")
URL_DAY_FIRST = re.compile(r"/(\d{1,2})[-.](\d{1,2})[-.]((?:19|20)\d\d)(?=[/_.-]|$)")
NO_LIMIT = "2100-01-01"
DIGIT = re.compile(r"\d")
MAX_SENTENCE_REST = 60  # characters around a <time> that is no part of a sentence
MAX_LABELLED_TEXT = 80  # characters of a text such as "Published on 5 March 2024 by Jane Doe"
MAX_DATE_TEXT = 60  # characters of a text that is little more than a date
MAX_OTHER_LETTERS = 14  # of such a text
MICRODATA = ("datepublished", "datemodified")
MAX_META = 500
MAX_TEXTS = 20_000  # that are searched for dates
MAX_DATES = 60  # of a page
UNREAD = {"script", "style", "option", "select", "noscript", "template", "title"}

Candidate = tuple[str, ParsedDate]  # source and date
MetaValues = Mapping[str, Sequence[str]]  # values by the name of the meta element
StoryNode = Mapping[str, Any]  # of JSON-LD


def declared_dates(
    story: StoryNode,
    meta: MetaValues,
    keys: Iterable[str],
    names: Iterable[str],
    style: DateStyle = UNKNOWN_STYLE,
    shown: Collection[date] = (),
) -> list[Candidate]:
    """Return the first date of JSON-LD and the first date of the meta elements.

    Args:
        story: The JSON-LD node of the story.
        meta: The meta elements.
        keys: Of the node.
        names: Of the meta elements.
        style: How the page writes dates.
        shown: Days that the page shows. They decide between two readings of 3/4/2024.
    """
    candidates: list[Candidate] = []
    for key in keys:
        value = story.get(key)
        text = value if isinstance(value, int | float) else text_value(value)
        if parsed := _reading(text, style, shown):
            candidates.append(("json-ld", parsed))
            break
    for name in names:
        for value in meta.get(name, ()):
            if parsed := _reading(value, style, shown):
                return [*candidates, ("meta", parsed)]
    return candidates


def without_other_stories(
    tree: HtmlElement, meta: MetaValues, around_headline: Collection[HtmlElement]
) -> MetaValues:
    """Return the meta elements without the microdata of teasers and comments.

    Args:
        tree: The parsed page.
        meta: The meta elements.
        around_headline: The headline and the elements around it.
    """
    if not any(name in meta for name in MICRODATA):
        return meta
    own: dict[str, list[str]] = {name: [] for name in MICRODATA}
    for element in islice(tree.iter("meta"), MAX_META):
        names = map(element.get, ("property", "name", "itemprop"))
        name = next(filter(None, names), "").strip().lower()
        if name not in own:
            continue
        if element.get("itemprop") and is_set_apart(element, around_headline):
            continue
        own[name].append(single_line(element.get("content") or ""))
    return {**meta, **own}


def meta_texts(meta: MetaValues) -> Iterator[str]:
    """Yield the values of the meta elements that hold dates."""
    for name in chain(PUBLISHED_META, LOOSE_META, MODIFIED_META):
        yield from meta.get(name, ())


def known_days(meta: MetaValues, story: StoryNode) -> set[date]:
    """Return the days that a page declares, as far as each has one reading."""
    published = declared_dates(story, meta, PUBLISHED_KEYS, PUBLISHED_META)
    modified = declared_dates(story, meta, MODIFIED_KEYS, MODIFIED_META)
    return {parsed.day for _, parsed in (*published, *modified)}


def _reading(value: object, style: DateStyle, shown: Collection[date]) -> ParsedDate | None:
    readings = date_readings(value)
    if len(readings) > 1:
        in_view = [parsed for parsed in readings if parsed.day in shown]
        readings = tuple(in_view) if len(in_view) == 1 else date_readings(value, style)
    return readings[0] if len(readings) == 1 else None


def time_dates(tree: HtmlElement, around_headline: Collection[HtmlElement]) -> Iterator[ParsedDate]:
    """Yield the date of a `<time>` that is marked as publication, else the only date.

    Args:
        tree: The parsed page.
        around_headline: The headline and the elements around it.
    """
    dates: list[ParsedDate] = []
    for element in (*tree.iterfind(MARKED_PUBLICATION), *tree.iter("time", "abbr", "span")):
        if not element.attrib:
            continue
        parsed = element_date(element)
        if not parsed or is_set_apart(element, around_headline) or _is_in_sentence(element):
            continue
        if _is_marked_as_publication(element):
            yield parsed
            return
        if element.tag == "time" and not MODIFIED_CLASS.search(_time_marks(element)):
            dates.append(parsed)
    if len({parsed.day for parsed in dates}) == 1:
        yield dates[0]


def is_day_of_other_time(
    day: date, tree: HtmlElement, around_headline: Collection[HtmlElement]
) -> bool:
    """Tell whether a `<time>` or microdata that are not the story's have a day."""
    for element in tree.iter("time", "meta"):
        parsed = element_date(element)
        if parsed is None or parsed.day != day:
            continue
        if is_set_apart(element, around_headline) or _is_in_sentence(element):
            return True
    return False


def _time_marks(element: HtmlElement) -> str:
    marks = [element.get("itemprop"), element.get("property"), element.get("class")]
    if element.get("pubdate") is not None:
        marks.append("pubdate")
    return " ".join(filter(None, marks))


def _is_marked_as_publication(element: HtmlElement) -> bool:
    if element.tag not in ("time", "abbr"):  # a class alone can mean anything there
        properties = f"{element.get('itemprop') or ''} {element.get('property') or ''}"
        return PUBLISHED_PROPERTY.search(properties) is not None
    return PUBLISHED_CLASS.search(_time_marks(element)) is not None


def _is_in_sentence(element: HtmlElement) -> bool:
    """Tell whether a `<time>` is a word of a paragraph, as the time of an event is."""
    parent = element.getparent()
    if parent is None or parent.tag not in ("p", "li", "td", "dd"):
        return False
    own_length = len(element.text_content())
    return len(single_line(parent.text_content())) > own_length + MAX_SENTENCE_REST


def day_in_url(url: str) -> date | None:
    """Return the day in a story's URL: /2024/03/05/, /2024-03-05- or /2024/mar/05/.

    Args:
        url: The URL of a story.

    Returns:
        The day; None where the path has no day, or one that does not exist.
    """
    year = month = day = ""
    if match := URL_DAY.search(url):
        year, month, day = match.groups()
    elif match := URL_DAY_FIRST.search(url):
        day, month, year = match.groups()
    else:
        return None
    number = int(month) if month.isdigit() else month_number(month)
    try:
        return date(int(year), number, int(day))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class TextDays:
    """The days in the short texts of a page.

    Attributes:
        labelled: Days behind a word such as "published", in their order.
        bare: Days of texts that are little more than a date.
        apart: Days of teasers, comments and the like, and of nothing else.
    """

    labelled: tuple[date, ...] = ()
    bare: frozenset[date] = frozenset()
    apart: frozenset[date] = frozenset()


def days_in_text(
    tree: HtmlElement, around_headline: Collection[HtmlElement], style: DateStyle
) -> TextDays:
    """Search the whole page for texts that are dates.

    Args:
        tree: The parsed page.
        around_headline: The headline and the elements around it.
        style: How the page writes dates.
    """
    labelled: list[date] = []
    bare: set[date] = set()
    apart: set[date] = set()
    other: set[date] = set()
    for text, element in islice(_dated_texts(tree, style), MAX_DATES):
        found = find_dates(text, style)
        days = {each.day for each in found}
        if parsed := element_date(element):
            days.add(parsed.day)
        if is_set_apart(element, around_headline) or is_masthead(element, around_headline):
            apart |= days
            continue
        before = text[: found[0].start] if found else ""
        is_labelled = PUBLISHED.search(before) and not CHANGED.search(before)
        if not is_labelled and is_in_page_footer(element):
            apart |= days
            continue
        other |= days
        if is_labelled:
            labelled.append(found[0].day)
        elif found and not has_other_label(before) and _is_bare_date(text, *found[0][:2]):
            bare |= days
    return TextDays(tuple(labelled), frozenset(bare), frozenset(apart - other))


def _dated_texts(tree: HtmlElement, style: DateStyle) -> Iterator[tuple[str, HtmlElement]]:
    """Yield the short texts of a page that hold a date, each with the element around it.

    The text of a `<time>` counts without one, too: "12 March".
    """
    for element in islice(tree.iter(), MAX_TEXTS):
        if element.tag in UNREAD:
            continue
        for text, around in ((element.text, element), (element.tail, element.getparent())):
            if text and around is not None and DIGIT.search(text):
                line = single_line(text)
                if len(line) > MAX_LABELLED_TEXT:
                    continue
                if around.tag == "time" or find_dates(line, style):
                    yield line, around


def _is_bare_date(text: str, start: int, end: int) -> bool:
    if len(text) > MAX_DATE_TEXT:
        return False
    rest = text[:start] + text[end:]
    return sum(map(str.isalpha, rest)) <= MAX_OTHER_LETTERS and not CHANGED.search(rest)


def guess_date(tree: HtmlElement) -> ParsedDate | None:
    """Return htmldate's guess.

    Its upper limit is open: htmldate changes a date beyond the limit instead of dropping it.
    """
    from htmldate import find_date

    try:
        guess = find_date(
            tree,
            original_date=True,
            extensive_search=False,
            max_date=NO_LIMIT,
            deferred_url_extractor=True,
        )
    except Exception:  # noqa: BLE001  the library raises many kinds; a guess is not worth a page
        return None
    return parse_date(guess)
