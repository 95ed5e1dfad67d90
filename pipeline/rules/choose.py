"""Metadata: what the page says, what feed and sitemap said, and what is plausible at the time of the visit.

Promises no date beyond two days after the visit and none that nobody wrote. The page is believed before the
feed, a second before a day, a declaration before a guess.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline.memory import SEPARATOR, bare_titles, fold
from pipeline.model import Metadata, Told
from pipeline.wallclock import settle

AHEAD = timedelta(days=2)
LONGEST_TITLE = 400


def choose(declared: Metadata, told: Told, *, language_hint: str, timezone: str, fetched_at: datetime) -> Metadata:
    """The Metadata of a story from all candidates."""
    metadata = settle(declared, timezone)
    latest = fetched_at + AHEAD
    published = _plausible(metadata.published_at, latest)
    source, precision = (metadata.published_source, metadata.published_precision) if published else ("", "")
    told_at = _plausible(told.published_at, latest)
    if told_at and (published is None or source == "htmldate" or (precision == "day" and _same_day(told_at, published))):
        published, source, precision = told_at, told.source or "feed", "second"
    return replace(
        metadata,
        title=_title(metadata, told),
        published_at=published,
        published_source=source,
        published_precision=precision,
        modified_at=_plausible(metadata.modified_at, latest) or _plausible(told.modified_at, latest),
        language=metadata.language or language_hint,
    )


def _plausible(moment: datetime | None, latest: datetime) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None and moment <= latest else None


def _same_day(moment: datetime, day: datetime) -> bool:
    """Whether a moment can lie on a day that was written without a zone."""
    return abs(moment - (day + timedelta(hours=12))) <= timedelta(hours=26)


def _title(metadata: Metadata, told: Told) -> str:
    """The page's title; the feed's where the page has none, or where the page's is the feed's with a site's name behind it."""
    page, fed = metadata.title.strip(), told.title.strip()
    extended = len(fed) >= 5 and page.casefold().startswith(fed.casefold()) and SEPARATOR.match(page[len(fed) :])
    return (fed if fed and (not page or extended) else page)[:LONGEST_TITLE]


def title_spellings(metadata: Metadata, told: Told) -> tuple[str, ...]:
    """Folded spellings of a title, as it may stand at the head of its text."""
    titles = [title for title in (metadata.title, told.title) if title]
    spellings = [fold(variant) for title in titles for variant in (title, *bare_titles(title, metadata.site_name))]
    return tuple(dict.fromkeys(filter(None, spellings)))
