"""What a page declares and shows of its dates → one date of publication, one of the last change, each with its source.

Promises that a declared moment is never replaced. What is shown near the headline confirms it, or tells the day by which
publisher and readers call it: a neighbour, where the declared clock is UTC's and not theirs, or the day on which the story was
published anew. A shown date that nobody declares is believed before a guess. How sure a date is, `Certainty` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from lxml.html import HtmlElement

from pipeline.core.models import DateConfidence
from pipeline.extract.metadata import date_values
from pipeline.extract.metadata.date_text import month_number
from pipeline.extract.metadata.date_values import ParsedDate
from pipeline.extract.metadata.jsonld import text_value
from pipeline.extract.metadata.visible_bylines import VisibleDates

PUBLISHED = (
    "article:published_time", "article:published", "og:published_time", "og:article:published_time", "datepublished",
    "date.published", "publication_date", "publish-date", "publish_date", "pubdate", "parsely-pub-date", "sailthru.date",
    "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created", "dc.date", "dcterms.date",
    "citation_publication_date", "citation_date", "article.published", "cxenseparse:recs:publishtime",
    "cxenseparse:publishtime", "originalpublicationdate", "displaydate", "ptime", "date",
)  # fmt: skip
MODIFIED = (
    "article:modified_time", "og:updated_time", "article:modified", "datemodified", "dcterms.modified", "dc.date.modified",
    "last-modified", "lastmod", "revision_date",
)  # fmt: skip
PUBLISHED_CLASS = re.compile(r"publish|posted|entry-date|pubdate|created|dateline", re.I)
MODIFIED_CLASS = re.compile(r"modified|updated", re.I)
# Of a moment in UTC that is on another day elsewhere: zones end at -12 and at +14 hours.
EARLIEST_NEXT, LATEST_BEFORE = time(10), time(12)
DAY = timedelta(days=1)
MUCH_LATER = timedelta(days=3)  # a correction is made sooner
DAY_IN_ADDRESS = re.compile(r"/((?:19|20)\d\d)[/-](\d{1,2}|[a-z]{3})[/-](\d{1,2})(?=[/_.-]|$)")


@dataclass(frozen=True, slots=True)
class SelectedDate:
    """A date with where it came from, how sure it is, and the day that the page shows for it."""

    stamp: ParsedDate | None = None
    source: str = ""
    certainty: DateConfidence = DateConfidence.NONE
    day: date | None = None


Candidate = tuple[str, ParsedDate]
Declared = dict[str, list[str]]


def select_dates(
    tree: HtmlElement, meta: Declared, story: dict[str, Any], shown: VisibleDates, address: str = ""
) -> tuple[SelectedDate, SelectedDate]:
    """The dates of publication and of the last change."""
    modified = _modified(meta, story, shown)
    published = _published(tree, meta, story, shown, modified.stamp, address)
    if published.stamp and modified.stamp and modified.stamp.day < published.stamp.day:
        modified = replace(
            modified, certainty=DateConfidence.LOW
        )  # changed before it was there: a mistake of somebody's
    return published, modified


def _published(
    tree: HtmlElement,
    meta: Declared,
    story: dict[str, Any],
    shown: VisibleDates,
    modified: ParsedDate | None,
    address: str,
) -> SelectedDate:
    found = [*_declared(story, meta, ("datePublished", "dateCreated"), PUBLISHED), *_marked(tree)]
    if found:
        source, stamp = _most_precise(found)
        stamp = _zoned(stamp, found, shown)
        day = _shown_day(stamp, shown)
        certainty = _certainty(stamp, source, day, found, shown)
        return SelectedDate(stamp, source, certainty, day or _anew(stamp, modified, shown))
    if len(shown.plain) == 1:
        (day,) = shown.plain
        return SelectedDate(_whole_day(day), "shown", DateConfidence.MEDIUM, day)
    if day_in_address := _of_address(address):
        return SelectedDate(_whole_day(day_in_address), "url", DateConfidence.MEDIUM)
    guess = _guessed(tree)
    return SelectedDate(guess, "htmldate", DateConfidence.LOW) if guess else SelectedDate()


def _modified(meta: Declared, story: dict[str, Any], shown: VisibleDates) -> SelectedDate:
    found = list(_declared(story, meta, ("dateModified",), MODIFIED))
    if not found:
        return SelectedDate()
    source, stamp = _most_precise(found)
    stamp = _zoned(stamp, found, shown)
    agreed = stamp.day in shown.all or any(
        each.day == stamp.day for name, each in found if name != source
    )
    return SelectedDate(stamp, source, DateConfidence.HIGH if agreed else DateConfidence.MEDIUM)


def _declared(
    story: dict[str, Any], meta: Declared, keys: Iterable[str], names: Iterable[str]
) -> Iterator[Candidate]:
    for key in keys:
        if stamp := date_values.parse_date(text_value(story.get(key))):
            yield "json-ld", stamp
            break
    stamps = (date_values.parse_date(value) for name in names for value in meta.get(name, ()))
    if stamp := next(filter(None, stamps), None):
        yield "meta", stamp


def _marked(tree: HtmlElement) -> Iterator[Candidate]:
    """A `<time>` that says it is the date of publication, else the only one."""
    stamps: list[ParsedDate] = []
    for element in tree.iter("time", "abbr", "span"):
        stamp = date_values.parse_date(element.get("datetime") or element.get("content") or "")
        if not stamp:
            continue
        marks = " ".join(
            filter(
                None,
                (
                    element.get("itemprop"),
                    element.get("class"),
                    element.get("pubdate") and "pubdate",
                ),
            )
        )
        if PUBLISHED_CLASS.search(marks):
            yield "time", stamp
            return
        if element.tag == "time" and not MODIFIED_CLASS.search(marks):
            stamps.append(stamp)
    if len({stamp.day for stamp in stamps}) == 1:
        yield "time", stamps[0]


def _most_precise(found: Sequence[Candidate]) -> Candidate:
    """The first; where it is a bare day, another that gives a time on that day."""
    source, first = found[0]
    if first.precision == "day":
        timed = (
            (name, each)
            for name, each in found
            if each.precision != "day" and each.day == first.day
        )
        return next(timed, (source, first))
    return source, first


def _zoned(stamp: ParsedDate, found: Iterable[Candidate], shown: VisibleDates) -> ParsedDate:
    """The same moment, on the clock that another declaration names: that of the publisher, where the first is UTC's and the
    page does not go by it."""
    if stamp.offset != 0:
        return stamp
    others = [
        each
        for _, each in found
        if each.offset and abs(each.moment - stamp.moment) < timedelta(minutes=1)
    ]
    if not others or (stamp.day in shown.plain and others[0].day not in shown.plain):
        return stamp
    return others[0]


def _anew(stamp: ParsedDate, modified: ParsedDate | None, shown: VisibleDates) -> date | None:
    """The day of the declared change, where the page calls no other its own: without a word that says "updated", or so much
    later that its readers are given an old story as a new one."""
    if modified is None or modified.day <= stamp.day:
        return None
    days = shown.all if modified.day - stamp.day >= MUCH_LATER else shown.plain
    return modified.day if days == {modified.day} else None


def _shown_day(stamp: ParsedDate, shown: VisibleDates) -> date | None:
    """The day shown near the headline that is this moment's: its own, or a neighbour where the moment is one of UTC."""
    clock = stamp.moment.time()
    neighbours = (
        (stamp.day - DAY, clock < LATEST_BEFORE),
        (stamp.day + DAY, clock >= EARLIEST_NEXT),
    )
    if stamp.day not in shown.plain and stamp.precision != "day" and not stamp.offset:
        for day, can_be in neighbours:
            if can_be and day in shown.plain:
                return day
    return stamp.day if stamp.day in shown.all else None


def _certainty(
    stamp: ParsedDate, source: str, day: date | None, found: Iterable[Candidate], shown: VisibleDates
) -> DateConfidence:
    others = [each for name, each in found if name != source]
    if day or any(each.day == stamp.day for each in others):
        return DateConfidence.HIGH
    contradicted = len(shown.plain) == 1 or any(abs(each.day - stamp.day) > DAY for each in others)
    return DateConfidence.LOW if contradicted else DateConfidence.MEDIUM


def _whole_day(day: date) -> ParsedDate:
    return ParsedDate(datetime.combine(day, time(), UTC), "day")


def _of_address(address: str) -> date | None:
    """The day in a story's own address: /2024/03/05/, /2024-03-05- or /2024/mar/05/."""
    match = DAY_IN_ADDRESS.search(address)
    if match is None:
        return None
    year, month, day = match.groups()
    try:
        return date(int(year), int(month) if month.isdigit() else month_number(month), int(day))
    except ValueError:
        return None


def _guessed(tree: HtmlElement) -> ParsedDate | None:
    """htmldate's guess. Its upper limit is open: it would rewrite a date beyond the limit instead of dropping it."""
    from htmldate import find_date

    try:
        found = find_date(
            tree,
            original_date=True,
            extensive_search=False,
            max_date="2100-01-01",
            deferred_url_extractor=True,
        )
    except Exception:  # noqa: BLE001  a guess is not worth a page, and the library raises many kinds
        return None
    return date_values.parse_date(found)
