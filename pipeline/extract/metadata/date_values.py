"""Parse the dates of markup, JSON-LD and feeds to UTC, with their precision and zone.

An unreadable date gives None, and a date without a time stays a day. A time without a zone is the
site's local time, but the site is not known here. Such a time is kept as if it were UTC, and
`local_times` corrects it later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

ISO_8601 = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s]+(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?(?::\d{2})?)?)?(?:\[[\w/]+\])?",
    re.I,
)
CLOCK = re.compile(r"\d{1,2}:\d{2}")
MIN_YEAR = 1800  # archives digitise old papers; dates before that are mistakes
MIN_LENGTH, MAX_LENGTH = 8, 60  # characters of a date


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """A date as a page writes it.

    Attributes:
        moment: In UTC.
        precision: "day" or "second".
        has_zone: False for a time that names no zone.
        offset: Of the named zone, in minutes east of UTC; None where none is named or needed.
    """

    moment: datetime
    precision: str
    has_zone: bool = True
    offset: int | None = None

    @property
    def day(self) -> date:
        """Return the day on the clock that wrote the date."""
        return (self.moment + timedelta(minutes=self.offset or 0)).date()


def parse_date(text: object) -> ParsedDate | None:
    """Parse a date in the form of ISO 8601 or RFC 5322.

    Args:
        text: A value of any type: JSON-LD holds whatever a site puts there.

    Returns:
        The date, or None for all that is no date after MIN_YEAR.
    """
    if not isinstance(text, str) or not MIN_LENGTH <= len(text.strip()) <= MAX_LENGTH:
        return None
    text = text.strip()
    try:
        match = ISO_8601.fullmatch(text)
        parsed = _from_iso(match) if match else _from_mail(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    if parsed is None or parsed.moment.year < MIN_YEAR:
        return None
    return parsed


def _from_iso(match: re.Match[str]) -> ParsedDate:
    year, month, day, hour, minute, second, zone = match.groups()
    midnight = datetime(int(year), int(month), int(day), tzinfo=UTC)
    if hour is None:
        return ParsedDate(midnight, "day")
    moment = midnight + timedelta(hours=int(hour), minutes=int(minute), seconds=int(second or 0))
    if int(hour) > 24 or int(minute) > 59:
        raise ValueError(match[0])
    if not zone:
        return ParsedDate(moment, "second", has_zone=False)
    return _with_zone(moment.replace(tzinfo=_zone(zone)))


def _zone(text: str) -> timezone:
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
    return timezone(offset if text[0] == "+" else -offset)


def _from_mail(text: str) -> ParsedDate | None:
    """Parse a date of RFC 5322, as in feeds and HTTP: Tue, 07 Mar 2023 10:00:00 GMT."""
    if not CLOCK.search(text):
        return None
    moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        return ParsedDate(moment.replace(tzinfo=UTC), "second", has_zone=False)
    return _with_zone(moment)


def _with_zone(moment: datetime) -> ParsedDate:
    offset = moment.utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    return ParsedDate(moment.astimezone(UTC), "second", offset=minutes)
