"""Metadata: what the page says, what feed and sitemap said, and what is plausible at the time of the visit.

Promises no date beyond two days after the visit and none that nobody wrote. The page is believed before the feed, a second
before a day, a declaration before a guess; where page and feed agree, the date is surer.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.cleaning.boilerplate_keys import SEPARATOR, titles_without_site_name, normalize_text
from pipeline.core.local_times import utc_offset_minutes, resolve_local_times
from pipeline.core.models import AnnouncedMetadata, DateConfidence, Metadata

AHEAD = timedelta(days=2)
AGREED = timedelta(hours=12)  # so far apart page and feed may be and mean one publication
LONGEST_TITLE = 400
NOTHING = Metadata()
PUBLISHED = tuple(each.name for each in fields(Metadata) if each.name.startswith("published_"))
MODIFIED = tuple(each.name for each in fields(Metadata) if each.name.startswith("modified_"))


def merge_metadata(
    declared: Metadata,
    announced: AnnouncedMetadata,
    *,
    language_hint: str,
    timezone: str,
    fetched_at: datetime,
) -> Metadata:
    """The Metadata of a story from all candidates."""
    latest = fetched_at + AHEAD
    metadata = _plausible(resolve_local_times(declared, timezone), latest)
    source = announced.source or "feed"
    chosen = replace(
        metadata,
        title=_title(metadata, announced),
        language=metadata.language or language_hint,
        tags=metadata.tags or announced.tags,
        **_published(metadata, _until(announced.published_at, latest), source, timezone),
        **_modified(metadata, _until(announced.modified_at, latest), source, timezone),
    )
    return replace(chosen, sources=_sources(declared, chosen, source))


def _sources(declared: Metadata, chosen: Metadata, told: str) -> tuple[tuple[str, str], ...]:
    """Where the fields came from, those that the page did not have included."""
    others = {"title": told, "tags": told, "language": "site file"}
    changed = {
        name: source
        for name, source in others.items()
        if getattr(declared, name) != getattr(chosen, name)
    }
    if chosen.title and declared.title.strip().startswith(chosen.title):
        changed.pop("title", None)  # it was cut
    return tuple((dict(declared.sources) | changed).items())


def _published(
    metadata: Metadata, notified_at: datetime | None, source: str, timezone: str
) -> dict[str, Any]:
    """What the feed or sitemap adds to the date of publication: the date, its time, or no more than its weight."""
    at = metadata.published_at
    if notified_at is None:
        return {}
    found: dict[str, Any] = {
        "published_at": notified_at,
        "published_source": source,
        "published_precision": "second",
    }
    found["published_offset"] = utc_offset_minutes(timezone, notified_at)
    guessed = metadata.published_source == "htmldate"
    if (
        at is None
        or guessed
        or (metadata.published_source == "url" and not _same_day(notified_at, at))
    ):
        return found | {"published_certainty": DateConfidence.MEDIUM, "published_day": None}
    if metadata.published_precision == "day" and _same_day(notified_at, at):
        return found | {
            "published_certainty": DateConfidence.HIGH,
            "published_day": metadata.published_day or at.date(),
        }
    if abs(notified_at - at) <= AGREED and metadata.published_confidence == DateConfidence.MEDIUM:
        return {"published_certainty": DateConfidence.HIGH}
    return {}


def _modified(
    metadata: Metadata, notified_at: datetime | None, source: str, timezone: str
) -> dict[str, Any]:
    if metadata.modified_at or notified_at is None:
        return {}
    offset = utc_offset_minutes(timezone, notified_at)
    return {
        "modified_at": notified_at, "modified_source": source, "modified_certainty": DateConfidence.MEDIUM, "modified_offset": offset,
    }  # fmt: skip


def _plausible(metadata: Metadata, latest: datetime) -> Metadata:
    """The same without dates that cannot be."""
    wrong = PUBLISHED if _until(metadata.published_at, latest) is None else ()
    wrong += MODIFIED if _until(metadata.modified_at, latest) is None else ()
    return replace(metadata, **{name: getattr(NOTHING, name) for name in wrong})


def _until(moment: datetime | None, latest: datetime) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None and moment <= latest else None


def _same_day(moment: datetime, day: datetime) -> bool:
    """Whether a moment can lie on a day that was written without a zone."""
    return abs(moment - (day + timedelta(hours=12))) <= timedelta(hours=26)


def _title(metadata: Metadata, told: AnnouncedMetadata) -> str:
    """The page's title; the feed's where the page has none, or where the page's is the feed's with a site's name behind it."""
    page, fed = metadata.title.strip(), told.title.strip()
    extended = (
        len(fed) >= 5
        and page.casefold().startswith(fed.casefold())
        and SEPARATOR.match(page[len(fed) :])
    )
    return (fed if fed and (not page or extended) else page)[:LONGEST_TITLE]


def normalized_titles(metadata: Metadata, told: AnnouncedMetadata) -> tuple[str, ...]:
    """Folded spellings of a title, as it may stand at the head of its text."""
    titles = [title for title in (metadata.title, told.title) if title]
    spellings = [
        normalize_text(variant)
        for title in titles
        for variant in (title, *titles_without_site_name(title, metadata.site_name))
    ]
    return tuple(dict.fromkeys(filter(None, spellings)))
