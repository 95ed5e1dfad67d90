"""Times without a zone: extractors mark them, and a site's zone resolves them.

An extracted page belongs to bytes and not to a site. So an extractor stores such a time as if it
were UTC, and marks it in `published_source`: "json-ld?published&modified" says that both times
lack their zone. `resolve_local_times` reads them as local times of the site.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.core.models import Metadata

PUBLISHED, MODIFIED = "published", "modified"
DAY = "day"  # the precision of a date without a time


@dataclass(frozen=True, slots=True)
class _LocalTime:
    """A time in UTC, and the minutes by which its own clock is ahead of UTC."""

    time: datetime | None
    offset: int | None


def mark_naive(source: str, fields: Iterable[str]) -> str:
    """Return a source of dates with marks for the times that lack a zone."""
    marks = "&".join(fields)
    return f"{source}?{marks}" if marks else source


def names_without_zone(source: str) -> list[str]:
    """Return which times a marked source says to lack a zone: PUBLISHED, MODIFIED or both."""
    return source.partition("?")[2].split("&")


def resolve_local_times(metadata: Metadata, zone_name: str) -> Metadata:
    """Return the metadata with its marked times resolved in a zone, and without the marks.

    A time in UTC gets the offset of the zone, too, since its readers live by that clock.

    Args:
        metadata: The metadata of an extracted page, whose sources may be marked as written without
            a zone.
        zone_name: The IANA name of the site's zone; "" means UTC.

    Returns:
        Metadata with times in UTC and the offset of the zone. Days stay days.
    """
    source = metadata.published_source.partition("?")[0]
    zone = ZoneInfo(zone_name or "UTC")
    naive = names_without_zone(metadata.published_source)
    published = _resolve(metadata.published_at, metadata.published_offset, zone, PUBLISHED in naive)
    modified = _resolve(metadata.modified_at, metadata.modified_offset, zone, MODIFIED in naive)
    published_offset = published.offset
    if metadata.published_precision == DAY:
        published_offset = None
    modified_offset = None if metadata.modified_precision == DAY else modified.offset
    return replace(
        metadata,
        published_source=source,
        published_at=published.time,
        published_offset=published_offset,
        modified_at=modified.time,
        modified_offset=modified_offset,
    )


def as_precise(at: datetime | None, precision: str) -> datetime | date | None:
    """Return a moment, or its day where no more than the day is known."""
    return at.date() if at and precision == DAY else at


def utc_offset_minutes(zone_name: str, moment: datetime) -> int | None:
    """Return the minutes by which a zone is ahead of UTC at a moment; None without a zone."""
    if not zone_name:
        return None
    return _resolve(moment, 0, ZoneInfo(zone_name), is_naive=False).offset


def _resolve(
    time: datetime | None, offset: int | None, zone: ZoneInfo, is_naive: bool
) -> _LocalTime:
    if time is None or (offset != 0 and not is_naive):
        return _LocalTime(time, offset)
    try:
        local = time.replace(tzinfo=zone) if is_naive else time.astimezone(zone)
        zone_offset = local.utcoffset() or timedelta()
        return _LocalTime(local.astimezone(UTC), round(zone_offset.total_seconds() / 60))
    except OverflowError:
        return _LocalTime(time, offset)
