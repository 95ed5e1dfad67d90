"""Choose metadata from what the page says, what feed or sitemap announced, and what is plausible.

The page comes before the feed, a time before a day, and a declaration before a guess. Where page
and feed agree, the date has more confidence. No date is later than two days after the capture, and
none is invented.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.cleaning.boilerplate_keys import SEPARATOR
from pipeline.core.local_times import DAY, resolve_local_times, utc_offset_minutes
from pipeline.core.models import AnnouncedMetadata, DateConfidence, Metadata

MAX_AHEAD = timedelta(days=2)  # of the capture
SAME_PUBLICATION = timedelta(hours=12)  # page and feed may differ so much and mean the same
HALF_DAY, HALF_ANY_DAY = timedelta(hours=12), timedelta(hours=26)  # with zones of up to 14 hours
MAX_TITLE_LENGTH = 400
MIN_ANNOUNCED_TITLE_LENGTH = 5  # of a title that can shorten the page's
UNKNOWN = Metadata()


def _field_names(prefix: str) -> list[str]:
    return [field.name for field in fields(Metadata) if field.name.startswith(prefix)]


PUBLISHED_FIELDS, MODIFIED_FIELDS = _field_names("published_"), _field_names("modified_")


def merge_metadata(
    declared: Metadata,
    announced: AnnouncedMetadata,
    *,
    language_hint: str,
    timezone: str,
    fetched_at: datetime,
) -> Metadata:
    """Choose the metadata of a story from all candidates.

    Args:
        declared: What the page says.
        announced: What feed or sitemap announced.
        language_hint: The language of the site, for a page that declares none.
        timezone: Name of the site's time zone, for dates that name none.
        fetched_at: The time of the capture.

    Returns:
        The metadata, with the source of each chosen field.
    """
    latest = fetched_at + MAX_AHEAD
    metadata = _without_impossible_dates(resolve_local_times(declared, timezone), latest)
    source = announced.source or "feed"
    announced = _without_impossible_announcements(announced, latest)
    merged = replace(
        metadata,
        title=_title(metadata, announced),
        language=metadata.language or language_hint,
        tags=metadata.tags or announced.tags,
        **_published_changes(metadata, announced, source, timezone),
        **_modified_changes(metadata, announced, source, timezone),
    )
    return replace(merged, sources=_sources(declared, merged, source))


def _sources(
    declared: Metadata, merged: Metadata, announced_source: str
) -> tuple[tuple[str, str], ...]:
    """Return the source of each field, also of those that the page does not have."""
    sources = dict(declared.sources)
    is_shortened = merged.title and declared.title.strip().startswith(merged.title)
    if merged.title != declared.title and not is_shortened:
        sources["title"] = announced_source
    if merged.tags != declared.tags:
        sources["tags"] = announced_source
    if merged.language != declared.language:
        sources["language"] = "site file"
    return tuple(sources.items())


def _published_changes(
    metadata: Metadata, announced: AnnouncedMetadata, source: str, timezone: str
) -> dict[str, Any]:
    """Return the fields that an announced date of publication changes.

    These are all fields of the date, or only its confidence, or none.
    """
    announced_at = announced.published_at
    if announced_at is None:
        return {}
    is_day = announced.published_precision == DAY
    changes: dict[str, Any] = {
        "published_at": announced_at,
        "published_source": source,
        "published_precision": DAY if is_day else "second",
        "published_offset": None if is_day else utc_offset_minutes(timezone, announced_at),
    }
    published_at = metadata.published_at
    if published_at is None or metadata.published_source == "htmldate":
        return changes | {"published_confidence": DateConfidence.MEDIUM, "published_day": None}
    if is_day:
        is_same_day = announced_at.date() == metadata.publication_day
    else:
        is_same_day = _is_same_day(announced_at, published_at)
    if metadata.published_source == "url" and not is_same_day:
        return changes | {"published_confidence": DateConfidence.MEDIUM, "published_day": None}
    if metadata.published_precision == DAY and is_same_day and not is_day:
        changes["published_confidence"] = DateConfidence.HIGH
        changes["published_day"] = metadata.published_day or published_at.date()
        return changes
    is_confirmed = is_same_day
    if not is_day:
        is_confirmed = abs(announced_at - published_at) <= SAME_PUBLICATION
    if is_confirmed and metadata.published_confidence == DateConfidence.MEDIUM:
        return {"published_confidence": DateConfidence.HIGH}
    return {}


def _modified_changes(
    metadata: Metadata, announced: AnnouncedMetadata, source: str, timezone: str
) -> dict[str, Any]:
    announced_at = announced.modified_at
    if metadata.modified_at or announced_at is None:
        return {}
    is_day = announced.modified_precision == DAY
    return {
        "modified_at": announced_at,
        "modified_precision": DAY if is_day else "second",
        "modified_source": source,
        "modified_confidence": DateConfidence.MEDIUM,
        "modified_offset": None if is_day else utc_offset_minutes(timezone, announced_at),
    }


def _without_impossible_dates(metadata: Metadata, latest: datetime) -> Metadata:
    names: list[str] = []
    if _plausible(metadata.published_at, latest) is None:
        names += PUBLISHED_FIELDS
    if _plausible(metadata.modified_at, latest) is None:
        names += MODIFIED_FIELDS
    return replace(metadata, **{name: getattr(UNKNOWN, name) for name in names})


def _without_impossible_announcements(
    announced: AnnouncedMetadata, latest: datetime
) -> AnnouncedMetadata:
    return replace(
        announced,
        published_at=_plausible(announced.published_at, latest),
        modified_at=_plausible(announced.modified_at, latest),
    )


def _plausible(moment: datetime | None, latest: datetime) -> datetime | None:
    if moment is None or moment > latest:
        return None
    return moment.astimezone(UTC)


def _is_same_day(moment: datetime, day: datetime) -> bool:
    """Tell whether a moment can lie on a day that is written without a zone."""
    return abs(moment - (day + HALF_DAY)) <= HALF_ANY_DAY


def _title(metadata: Metadata, announced: AnnouncedMetadata) -> str:
    """Return the page's title, or the announced one.

    The announced one comes first where the page has none, and where the page's title is the
    announced one with a site's name after it.
    """
    page_title, announced_title = metadata.title.strip(), announced.title.strip()
    if announced_title and (not page_title or _is_extended(page_title, announced_title)):
        return announced_title[:MAX_TITLE_LENGTH]
    return page_title[:MAX_TITLE_LENGTH]


def _is_extended(page_title: str, announced_title: str) -> bool:
    if len(announced_title) < MIN_ANNOUNCED_TITLE_LENGTH:
        return False
    if not page_title.casefold().startswith(announced_title.casefold()):
        return False
    return SEPARATOR.match(page_title[len(announced_title) :]) is not None
