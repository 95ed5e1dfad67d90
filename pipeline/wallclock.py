"""Times that name no zone: marked by who reads them, settled by who knows the Site.

An extractor carries such a time as if it were UTC and marks it in `published_source` ("json-ld?published&modified": both times
lack their zone), because a Draft belongs to bytes and not to a Site. `settle` reads it as the Site's wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pipeline.model import Metadata

PUBLISHED, MODIFIED = "published", "modified"


def marked(source: str, lacking: Iterable[str]) -> str:
    """A source with the marks of those times that lack a zone."""
    marks = "&".join(lacking)
    return f"{source}?{marks}" if marks else source


def settle(metadata: Metadata, zone_name: str) -> Metadata:
    """The same with its marked times read as the wall clock of a zone, and without the marks."""
    source, _, marks = metadata.published_source.partition("?")
    if not marks:
        return metadata
    zone = ZoneInfo(zone_name or "UTC")
    lacking = marks.split("&")
    return replace(
        metadata,
        published_source=source,
        published_at=_placed(metadata.published_at, zone) if PUBLISHED in lacking else metadata.published_at,
        modified_at=_placed(metadata.modified_at, zone) if MODIFIED in lacking else metadata.modified_at,
    )


def _placed(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return moment
