"""Choose the dates of publication and of the last change, with source and confidence.

The moment that a page declares stays. A day that the page shows as its own confirms it, or gives
the day by which publisher and readers call it: the day before or after, where the declared clock is
UTC and theirs is not, or the day on which the story was republished. Where two declarations
disagree, the shown day decides between them. A visible date that nothing declares comes before a
guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from itertools import chain

from lxml.html import HtmlElement

from pipeline.core.dates.date_text import DateStyle
from pipeline.core.dates.date_values import ParsedDate, whole_day
from pipeline.core.models import DateConfidence
from pipeline.extract.metadata import date_sources
from pipeline.extract.metadata.date_sources import Candidate, MetaValues, StoryNode
from pipeline.extract.metadata.date_style import page_style
from pipeline.extract.metadata.visible_bylines import VisibleLine
from pipeline.extract.metadata.visible_dates import (
    VisibleDates,
    says_relative_date,
    visible_dates,
)

# Time zones end at UTC-12 and UTC+14. From 10:00 UTC on, a moment can lie on the next day
# elsewhere; before 12:00 UTC, on the day before.
EARLIEST_NEXT_DAY, LATEST_DAY_BEFORE = time(10), time(12)
# Between these times in UTC it is the same day on nearly all clocks of publishers, from UTC-8 to
# UTC+5.
EARLIEST_SAME_DAY, LATEST_SAME_DAY = time(8), time(19)
DAY = timedelta(days=1)
REPUBLISHED_LATER = timedelta(days=30)
REPUBLISHED_AFTER = timedelta(days=3)  # a mere correction is made sooner
RENEWED_WITHIN = timedelta(days=365)  # later changes keep an old page up to date
SAME_MOMENT = timedelta(minutes=1)
HALF_HOUR = 30  # minutes; nearly all time zones differ by a multiple
EARLIEST_ZONE, LATEST_ZONE = -11 * 60, 14 * 60  # minutes east of UTC
CLOCK_ERROR = 2  # minutes between a shown and a declared time of day


@dataclass(frozen=True, slots=True)
class SelectedDate:
    """A date with its source, its confidence, and the day that the page shows for it."""

    parsed: ParsedDate | None = None
    source: str = ""
    confidence: DateConfidence = DateConfidence.NONE
    day: date | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    """What the choice reads."""

    tree: HtmlElement
    meta: MetaValues
    story: StoryNode
    lines: Sequence[VisibleLine]
    visible: VisibleDates
    url: str
    style: DateStyle
    around_headline: Collection[HtmlElement]


def select_dates(
    tree: HtmlElement,
    meta: MetaValues,
    story: StoryNode,
    lines: Sequence[VisibleLine],
    headline: HtmlElement | None = None,
    url: str = "",
) -> tuple[SelectedDate, SelectedDate]:
    """Choose the dates of publication and of the last change.

    Args:
        tree: The parsed page.
        meta: The meta elements: values by name in lower case.
        story: The JSON-LD node of the story.
        lines: The lines near the headline.
        headline: The element of the headline.
        url: The canonical URL, which may hold a day.

    Returns:
        The date of publication, then the date of the last change.
    """
    around = set() if headline is None else {headline, *headline.iterancestors()}
    meta = date_sources.without_other_stories(tree, meta, around)
    texts = chain((line.text for line in lines), date_sources.meta_texts(meta))
    style = page_style(tree, meta, url, texts, lambda: date_sources.known_days(meta, story))
    visible = visible_dates(lines, headline, style)
    page = _Page(tree, meta, story, lines, visible, url, style, around)
    modified = _select_modified(page)
    published = _select_published(page, modified.parsed)
    if published.parsed and modified.parsed and modified.parsed.day < published.parsed.day:
        # A change before the publication: one of the two is wrong.
        modified = replace(modified, confidence=DateConfidence.LOW)
    return published, modified


def _select_published(page: _Page, modified: ParsedDate | None) -> SelectedDate:
    visible = page.visible
    strong = date_sources.declared_dates(
        page.story,
        page.meta,
        date_sources.PUBLISHED_KEYS,
        date_sources.PUBLISHED_META,
        page.style,
        visible.all,
    )
    # A date of two readings in such a place is too little to go by.
    loose = date_sources.declared_dates(
        {}, page.meta, (), date_sources.LOOSE_META, shown=visible.all
    )
    times: list[Candidate] = [("time", parsed) for parsed in visible.times[:1]]
    candidates = [*strong, *times, *loose]
    shown = _shown_day(visible) or (None if candidates else visible.nearest)
    # A <time> that is shown confirms no more than its text does, against a declared moment.
    agreeing = _find_agreeing([*strong, *loose] if strong else candidates, page)
    if agreeing or strong or (candidates and shown is None):
        chosen = _most_precise(agreeing or candidates[0], candidates)
        return _declared(page, chosen, candidates, modified)
    day_in_url = date_sources.day_in_url(page.url)
    if shown and not (day_in_url and abs(day_in_url - shown) > DAY):
        return _shown(page, shown)
    if day_in_url:
        return SelectedDate(whole_day(day_in_url), "url", DateConfidence.MEDIUM)
    for parsed in date_sources.time_dates(page.tree, page.around_headline):
        return SelectedDate(parsed, "time", DateConfidence.MEDIUM)
    return _found_in_text(page)


def _declared(
    page: _Page,
    chosen: Candidate,
    candidates: Sequence[Candidate],
    modified: ParsedDate | None,
) -> SelectedDate:
    source, parsed = chosen
    visible = page.visible
    parsed = _on_publisher_clock(parsed, candidates, visible)
    day = _visible_day(parsed, page)
    other_days = _days_of_other_sources(candidates, source)
    confidence = _confidence(parsed, day, other_days, modified, visible)
    if day is None and (day := _republished_day(parsed, modified, page)):
        confidence = DateConfidence.LOW
    return SelectedDate(parsed, source, confidence, day)


def _shown(page: _Page, day: date) -> SelectedDate:
    """Return a day that only the page shows, with the time of a `<time>` that says the same."""
    for parsed in date_sources.time_dates(page.tree, page.around_headline):
        if parsed.day == day:
            return SelectedDate(parsed, "time", DateConfidence.MEDIUM, day)
    return SelectedDate(whole_day(day), "shown", DateConfidence.MEDIUM, day)


def _found_in_text(page: _Page) -> SelectedDate:
    """Search the text of the whole page, and ask htmldate last."""
    if says_relative_date(page.lines):  # what the page says of its date needs the day of the visit
        return SelectedDate()
    texts = date_sources.days_in_text(page.tree, page.around_headline, page.style)
    numeric = date_sources.declared_dates(
        {}, page.meta, (), date_sources.LOOSE_META, page.style, texts.labelled
    )
    days = texts.labelled[:1] or [parsed.day for _, parsed in numeric]
    days = days or _only(page.visible.changed) or _only(texts.bare)
    if days:
        return SelectedDate(whole_day(days[0]), "shown", DateConfidence.LOW, days[0])
    guess = date_sources.guess_date(page.tree)
    if guess is None or _is_other_day(guess.day, page, texts):
        return SelectedDate()
    return SelectedDate(guess, "htmldate", DateConfidence.LOW)


def _is_other_day(day: date, page: _Page, texts: date_sources.TextDays) -> bool:
    """Tell whether a guessed day is that of a teaser, a comment, an event or the like."""
    if day in texts.apart:
        return True
    return date_sources.is_day_of_other_time(day, page.tree, page.around_headline)


def _only(days: Collection[date]) -> list[date]:
    return list(days) if len(days) == 1 else []


def _shown_day(visible: VisibleDates) -> date | None:
    """Return the one day that the page shows as its own."""
    if len(visible.own) == 1:
        return next(iter(visible.own))
    if len(visible.plain) == 1 and not visible.times:
        return next(iter(visible.plain))
    return None


def _select_modified(page: _Page) -> SelectedDate:
    visible = page.visible
    candidates = date_sources.declared_dates(
        page.story,
        page.meta,
        date_sources.MODIFIED_KEYS,
        date_sources.MODIFIED_META,
        page.style,
        visible.all,
    )
    if not candidates:
        return SelectedDate()
    source, parsed = _most_precise(candidates[0], candidates)
    parsed = _on_publisher_clock(parsed, candidates, visible)
    confidence = DateConfidence.MEDIUM
    if parsed.day in visible.all or parsed.day in _days_of_other_sources(candidates, source):
        confidence = DateConfidence.HIGH
    return SelectedDate(parsed, source, confidence)


def _days_of_other_sources(candidates: Iterable[Candidate], source: str) -> list[date]:
    return [parsed.day for name, parsed in candidates if name != source]


def _find_agreeing(candidates: Sequence[Candidate], page: _Page) -> Candidate | None:
    """Return the first candidate on the day that the page shows as its own, if any."""
    shown = _shown_day(page.visible)
    if shown is None:
        return None
    for candidate in candidates:
        if shown in (candidate[1].day, _visible_day(candidate[1], page)):
            return candidate
    return None


def _most_precise(chosen: Candidate, candidates: Sequence[Candidate]) -> Candidate:
    """Return the chosen candidate, or another with a time where the chosen is only that day."""
    if chosen[1].precision == "day":
        for candidate in candidates:
            if candidate[1].precision != "day" and candidate[1].day == chosen[1].day:
                return candidate
    return chosen


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


def _republished_day(parsed: ParsedDate, modified: ParsedDate | None, page: _Page) -> date | None:
    """Return the day of a later change, where the page shows no other day as its own.

    The page has to show the declared day of the change without a word such as "updated", or it has
    to show a day so much later that it gives its readers an old story as a new one.
    """
    visible = page.visible
    if modified is None or len(visible.all) != 1:
        return None
    (day,) = visible.all
    gap = day - parsed.day
    if gap <= timedelta() or day > modified.day:
        return None
    if day in visible.plain or day in visible.silently_changed:
        is_change = day == modified.day and (gap > DAY or _is_same_moment(modified, day, page))
        return day if is_change else None
    return day if REPUBLISHED_AFTER <= gap <= RENEWED_WITHIN else None


def _visible_day(parsed: ParsedDate, page: _Page) -> date | None:
    """Return the day near the headline that belongs to a moment.

    It is the moment's own day. It is the day before or after, where the page marks that as its own
    and something proves that it means the same moment on another clock.
    """
    visible = page.visible
    if parsed.day not in visible.plain and parsed.precision != "day":
        for day in (parsed.day - DAY, parsed.day + DAY):
            if day in visible.own and _is_same_moment(parsed, day, page):
                return day
    if parsed.day in visible.all:
        return parsed.day
    return None


def _is_same_moment(parsed: ParsedDate, day: date, page: _Page) -> bool:
    """Tell whether a shown day is that of a moment, on a clock elsewhere.

    The shown time of day proves it, or the day in the URL.
    """
    clocks = [minutes for shown, minutes in page.visible.clocks if shown == day]
    moment = parsed.moment
    distance = round((whole_day(day).moment - moment).total_seconds() / 60)
    offsets = [distance + minutes for minutes in clocks]
    if parsed.offset:  # the page can still show it in UTC
        return any(abs(offset) <= CLOCK_ERROR for offset in offsets)
    if clocks:
        return any(map(_is_zone, offsets))
    is_possible = moment.time() >= EARLIEST_NEXT_DAY
    if day < parsed.day:
        is_possible = moment.time() < LATEST_DAY_BEFORE
    return is_possible and date_sources.day_in_url(page.url) == day


def _is_zone(offset: int) -> bool:
    """Tell whether clocks somewhere are so many minutes ahead of UTC, as far as they are exact."""
    if not EARLIEST_ZONE <= offset <= LATEST_ZONE:
        return False
    rest = offset % HALF_HOUR
    return min(rest, HALF_HOUR - rest) <= CLOCK_ERROR


def _may_be_other_day(parsed: ParsedDate, modified: ParsedDate | None) -> bool:
    """Tell whether readers may know another day than the declarations that agree on one.

    Where all of them are in UTC, the evening or the morning of the publisher can be on another day.
    A story that was changed much later may be published anew.
    """
    time_of_day = parsed.moment.time()
    if parsed.offset == 0 and not EARLIEST_SAME_DAY <= time_of_day < LATEST_SAME_DAY:
        return True
    return modified is not None and modified.day - parsed.day > REPUBLISHED_LATER


def _confidence(
    parsed: ParsedDate,
    visible_day: date | None,
    other_days: Collection[date],
    modified: ParsedDate | None,
    visible: VisibleDates,
) -> DateConfidence:
    shown = _shown_day(visible)
    if shown and shown not in (parsed.day, visible_day):
        return DateConfidence.LOW
    if visible_day or parsed.day in other_days:
        # A page that shows other days only, or declares a change before the publication, is wrong
        # in one of the two.
        is_doubtful = visible.all and not visible_day
        if is_doubtful or (modified and modified.day < parsed.day):
            return DateConfidence.MEDIUM
        if not visible_day and _may_be_other_day(parsed, modified):
            return DateConfidence.MEDIUM
        return DateConfidence.HIGH
    if any(abs(day - parsed.day) > DAY for day in other_days):
        return DateConfidence.LOW
    return DateConfidence.MEDIUM
