"""Choose the dates of publication and of the last change, with source and confidence.

The moment that a page declares always stays. A day that the page shows near the headline confirms
it, or gives the day by which publisher and readers call it: the day before or after, where the
declared clock is UTC and theirs is not, or the day on which the story was republished. A visible
date that nothing declares comes before a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from lxml.html import HtmlElement

from pipeline.core.models import DateConfidence
from pipeline.extract.metadata.date_text import month_number
from pipeline.extract.metadata.date_values import ParsedDate, parse_date
from pipeline.extract.metadata.jsonld import text_value
from pipeline.extract.metadata.visible_bylines import VisibleDates

PUBLISHED_META = (
    "article:published_time", "article:published", "og:published_time", "og:article:published_time",
    "datepublished", "date.published", "publication_date", "publish-date", "publish_date",
    "pubdate", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dcterms.issued",
    "dcterms.created", "dc.date.created", "dc.date", "dcterms.date", "citation_publication_date",
    "citation_date", "article.published", "cxenseparse:recs:publishtime", "cxenseparse:publishtime",
    "originalpublicationdate", "displaydate", "ptime", "date",
)  # fmt: skip
MODIFIED_META = (
    "article:modified_time", "og:updated_time", "article:modified", "datemodified",
    "dcterms.modified", "dc.date.modified", "last-modified", "lastmod", "revision_date",
)  # fmt: skip
PUBLISHED_KEYS = ("datePublished", "dateCreated")  # of JSON-LD
MODIFIED_KEYS = ("dateModified",)
PUBLISHED_CLASS = re.compile(r"publish|posted|entry-date|pubdate|created|dateline", re.I)
MODIFIED_CLASS = re.compile(r"modified|updated", re.I)
# Time zones end at UTC-12 and UTC+14. From 10:00 UTC on, a moment can lie on the next day
# elsewhere; before 12:00 UTC, on the day before.
EARLIEST_NEXT_DAY, LATEST_DAY_BEFORE = time(10), time(12)
DAY = timedelta(days=1)
REPUBLISHED_AFTER = timedelta(days=3)  # a mere correction is made sooner
SAME_MOMENT = timedelta(minutes=1)
URL_DAY = re.compile(r"/((?:19|20)\d\d)[/-](\d{1,2}|[a-z]{3})[/-](\d{1,2})(?=[/_.-]|$)")
NO_LIMIT = "2100-01-01"

Candidate = tuple[str, ParsedDate]  # source and date
MetaValues = Mapping[str, Sequence[str]]  # values by the name of the meta element
StoryNode = Mapping[str, Any]  # of JSON-LD


@dataclass(frozen=True, slots=True)
class SelectedDate:
    """A date with its source, its confidence, and the day that the page shows for it."""

    parsed: ParsedDate | None = None
    source: str = ""
    confidence: DateConfidence = DateConfidence.NONE
    day: date | None = None


def select_dates(
    tree: HtmlElement, meta: MetaValues, story: StoryNode, visible: VisibleDates, url: str = ""
) -> tuple[SelectedDate, SelectedDate]:
    """Choose the dates of publication and of the last change.

    Args:
        tree: The parsed page.
        meta: The meta elements: values by name in lower case.
        story: The JSON-LD node of the story.
        visible: The days near the headline.
        url: The canonical URL, which may hold a day.

    Returns:
        The date of publication, then the date of the last change.
    """
    modified = _select_modified(meta, story, visible)
    published = _select_published(tree, meta, story, visible, modified.parsed, url)
    if published.parsed and modified.parsed and modified.parsed.day < published.parsed.day:
        # A change before the publication: one of the two is wrong.
        modified = replace(modified, confidence=DateConfidence.LOW)
    return published, modified


def _select_published(
    tree: HtmlElement,
    meta: MetaValues,
    story: StoryNode,
    visible: VisibleDates,
    modified: ParsedDate | None,
    url: str,
) -> SelectedDate:
    candidates = [*_declared_dates(story, meta, PUBLISHED_KEYS, PUBLISHED_META), *_time_dates(tree)]
    if candidates:
        source, parsed = _most_precise(candidates)
        parsed = _on_publisher_clock(parsed, candidates, visible)
        day = _visible_day(parsed, visible)
        confidence = _confidence(parsed, source, day, candidates, visible)
        day = day or _republished_day(parsed, modified, visible)
        return SelectedDate(parsed, source, confidence, day)
    if len(visible.plain) == 1:
        (day,) = visible.plain
        return SelectedDate(_whole_day(day), "shown", DateConfidence.MEDIUM, day)
    if day_in_url := _day_in_url(url):
        return SelectedDate(_whole_day(day_in_url), "url", DateConfidence.MEDIUM)
    guess = _guess_date(tree)
    if guess is None:
        return SelectedDate()
    return SelectedDate(guess, "htmldate", DateConfidence.LOW)


def _select_modified(meta: MetaValues, story: StoryNode, visible: VisibleDates) -> SelectedDate:
    candidates = list(_declared_dates(story, meta, MODIFIED_KEYS, MODIFIED_META))
    if not candidates:
        return SelectedDate()
    source, parsed = _most_precise(candidates)
    parsed = _on_publisher_clock(parsed, candidates, visible)
    confidence = DateConfidence.MEDIUM
    if parsed.day in visible.all or parsed.day in _days_of_other_sources(candidates, source):
        confidence = DateConfidence.HIGH
    return SelectedDate(parsed, source, confidence)


def _days_of_other_sources(candidates: Iterable[Candidate], source: str) -> list[date]:
    return [parsed.day for name, parsed in candidates if name != source]


def _declared_dates(
    story: StoryNode, meta: MetaValues, keys: Iterable[str], names: Iterable[str]
) -> Iterator[Candidate]:
    """Yield the first date of JSON-LD and the first date of the meta elements."""
    for key in keys:
        if parsed := parse_date(text_value(story.get(key))):
            yield "json-ld", parsed
            break
    if parsed := _first_meta_date(meta, names):
        yield "meta", parsed


def _first_meta_date(meta: MetaValues, names: Iterable[str]) -> ParsedDate | None:
    for name in names:
        for value in meta.get(name, ()):
            if parsed := parse_date(value):
                return parsed
    return None


def _time_dates(tree: HtmlElement) -> Iterator[Candidate]:
    """Yield the date of a `<time>` that is marked as publication, else the only date."""
    dates: list[ParsedDate] = []
    for element in tree.iter("time", "abbr", "span"):
        parsed = parse_date(element.get("datetime") or element.get("content") or "")
        if not parsed:
            continue
        marks = _time_marks(element)
        if PUBLISHED_CLASS.search(marks):
            yield "time", parsed
            return
        if element.tag == "time" and not MODIFIED_CLASS.search(marks):
            dates.append(parsed)
    if len({parsed.day for parsed in dates}) == 1:
        yield "time", dates[0]


def _time_marks(element: HtmlElement) -> str:
    marks = [element.get("itemprop"), element.get("class")]
    if element.get("pubdate"):
        marks.append("pubdate")
    return " ".join(filter(None, marks))


def _most_precise(candidates: Sequence[Candidate]) -> Candidate:
    """Return the first candidate, or another with a time where the first is only that day."""
    first = candidates[0]
    if first[1].precision == "day":
        for candidate in candidates:
            if candidate[1].precision != "day" and candidate[1].day == first[1].day:
                return candidate
    return first


def _on_publisher_clock(
    parsed: ParsedDate, candidates: Iterable[Candidate], visible: VisibleDates
) -> ParsedDate:
    """Return a moment in UTC on the clock that another declaration names.

    That clock is the publisher's. The moment stays in UTC where the page shows its day in UTC.
    """
    if parsed.offset != 0:
        return parsed
    for _, other in candidates:
        if other.offset and abs(other.moment - parsed.moment) < SAME_MOMENT:
            if parsed.day in visible.plain and other.day not in visible.plain:
                return parsed
            return other
    return parsed


def _republished_day(
    parsed: ParsedDate, modified: ParsedDate | None, visible: VisibleDates
) -> date | None:
    """Return the day of the declared change, where the page shows no other day as its own.

    The page has to show it without a word such as "updated", or so much later that it gives its
    readers an old story as a new one.
    """
    if modified is None or modified.day <= parsed.day:
        return None
    days = visible.plain
    if modified.day - parsed.day >= REPUBLISHED_AFTER:
        days = visible.all
    if days != {modified.day}:
        return None
    return modified.day


def _visible_day(parsed: ParsedDate, visible: VisibleDates) -> date | None:
    """Return the day near the headline that belongs to a moment.

    It is the moment's own day, or the day before or after where the moment is in UTC.
    """
    if parsed.day not in visible.plain and parsed.precision != "day" and not parsed.offset:
        clock = parsed.moment.time()
        if clock < LATEST_DAY_BEFORE and parsed.day - DAY in visible.plain:
            return parsed.day - DAY
        if clock >= EARLIEST_NEXT_DAY and parsed.day + DAY in visible.plain:
            return parsed.day + DAY
    if parsed.day in visible.all:
        return parsed.day
    return None


def _confidence(
    parsed: ParsedDate,
    source: str,
    visible_day: date | None,
    candidates: Iterable[Candidate],
    visible: VisibleDates,
) -> DateConfidence:
    other_days = _days_of_other_sources(candidates, source)
    if visible_day or parsed.day in other_days:
        return DateConfidence.HIGH
    if len(visible.plain) == 1 or any(abs(day - parsed.day) > DAY for day in other_days):
        return DateConfidence.LOW
    return DateConfidence.MEDIUM


def _whole_day(day: date) -> ParsedDate:
    return ParsedDate(datetime.combine(day, time(), UTC), "day")


def _day_in_url(url: str) -> date | None:
    """Return the day in a story's URL: /2024/03/05/, /2024-03-05- or /2024/mar/05/."""
    match = URL_DAY.search(url)
    if match is None:
        return None
    year, month, day = match.groups()
    number = int(month) if month.isdigit() else month_number(month)
    try:
        return date(int(year), number, int(day))
    except ValueError:
        return None


def _guess_date(tree: HtmlElement) -> ParsedDate | None:
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
