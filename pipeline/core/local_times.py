"""Times that name no zone: marked by who reads them, settled by who knows the Site.

An extractor carries such a time as if it were UTC and marks it in `published_source` ("json-ld?published&modified": both times
lack their zone), because a Draft belongs to bytes and not to a Site. `settle` reads it as the Site's wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.core.models import Metadata

PUBLISHED, MODIFIED = "published", "modified"


def mark_naive(source: str, lacking: Iterable[str]) -> str:
    """A source with the marks of those times that lack a zone."""
    marks = "&".join(lacking)
    return f"{source}?{marks}" if marks else source


def names_without_zone(source: str) -> list[str]:
    """Return which times a marked source says to lack a zone: PUBLISHED, MODIFIED or both."""
    return source.partition("?")[2].split("&")


def resolve_local_times(metadata: Metadata, zone_name: str) -> Metadata:
    """The same with its marked times read as the wall clock of a zone, and without the marks. A time that is written in UTC is
    put on the clock of the zone, too: that is the one its readers live by."""
    source = metadata.published_source.partition("?")[0]
    zone, lacking = ZoneInfo(zone_name or "UTC"), names_without_zone(metadata.published_source)
    published_at, published_offset = _placed(
        metadata.published_at, metadata.published_offset, zone, PUBLISHED in lacking
    )
    modified_at, modified_offset = _placed(
        metadata.modified_at, metadata.modified_offset, zone, MODIFIED in lacking
    )
    return replace(
        metadata,
        published_source=source,
        published_at=published_at,
        published_offset=published_offset if metadata.published_precision != "day" else None,
        modified_at=modified_at,
        modified_offset=modified_offset,
    )


def utc_offset_minutes(zone_name: str, moment: datetime) -> int | None:
    """How far a zone's clock is ahead of UTC at a moment, in minutes; None where no zone is named."""
    return _placed(moment, 0, ZoneInfo(zone_name), False)[1] if zone_name else None


def _placed(
    moment: datetime | None, offset: int | None, zone: ZoneInfo, is_wall: bool
) -> tuple[datetime | None, int | None]:
    """A moment and the offset of its clock."""
    if moment is None or (offset != 0 and not is_wall):
        return moment, offset
    try:
        local = moment.replace(tzinfo=zone) if is_wall else moment.astimezone(zone)
        ahead = local.utcoffset() or timedelta()
        return local.astimezone(UTC), round(ahead.total_seconds() / 60)
    except OverflowError:
        return moment, offset
