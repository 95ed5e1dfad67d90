"""Written dates → aware UTC, with how precise they are and whether they named a zone.

Promises never to invent: an unreadable date is None, a date without a time stays a day. A time without a
zone is the Site's wall clock, and the Site is not known here: such a time is carried as if it were UTC, and
`wallclock` marks it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

ISO = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:[T\s]+(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?(?::\d{2})?)?)?(?:\[[\w/]+\])?",
    re.I,
)
OLDEST = 1800  # a year; archives digitise old papers, and dates before that are mistakes


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """A written date as read: `moment` is aware UTC; `zoned` is False where the wall clock named no zone; `offset` is that of
    the zone in minutes, None where none was named or needed."""

    moment: datetime
    precision: str
    zoned: bool = True
    offset: int | None = None

    @property
    def day(self) -> date:
        """The day on the clock that wrote it."""
        return (self.moment + timedelta(minutes=self.offset or 0)).date()


def parse_date(text: object) -> ParsedDate | None:
    """The date that a value writes, or None where it is none that we understand."""
    if not isinstance(text, str) or not 8 <= len(text.strip()) <= 60:
        return None
    try:
        match = ISO.fullmatch(text.strip())
        stamp = _iso(match) if match else _mail(text.strip())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return stamp if stamp and stamp.moment.year >= OLDEST else None


def _iso(match: re.Match[str]) -> ParsedDate:
    year, month, day, hour, minute, second, zone = match.groups()
    midnight = datetime(int(year), int(month), int(day), tzinfo=UTC)
    if hour is None:
        return ParsedDate(midnight, "day")
    moment = midnight + timedelta(hours=int(hour), minutes=int(minute), seconds=int(second or 0))
    if int(hour) > 24 or int(minute) > 59:
        raise ValueError(match[0])
    if not zone:
        return ParsedDate(moment, "second", zoned=False)
    return _placed(moment.replace(tzinfo=_zone(zone)))


def _zone(text: str) -> timezone:
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:4] or 0)
    return timezone((1 if text[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _mail(text: str) -> ParsedDate | None:
    """Dates as feeds and HTTP write them: Tue, 07 Mar 2023 10:00:00 GMT."""
    if not re.search(r"\d{1,2}:\d{2}", text):
        return None
    moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        return ParsedDate(moment.replace(tzinfo=UTC), "second", zoned=False)
    return _placed(moment)


def _placed(moment: datetime) -> ParsedDate:
    offset = moment.utcoffset() or timedelta()
    return ParsedDate(moment.astimezone(UTC), "second", offset=round(offset.total_seconds() / 60))
