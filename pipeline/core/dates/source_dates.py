"""Parse the dates of feeds and sitemaps.

A time without a zone is the site's local time. A date without a time stays a day. A date before
1990 or after tomorrow is a mistake of the source, and becomes no date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.core.dates.date_text import DateStyle
from pipeline.core.dates.date_values import ParsedDate, date_readings
from pipeline.core.local_times import DAY

EARLIEST = date(1990, 1, 1)
LAST_WORD = re.compile(r"([A-Z]{2,5})\s*$")
LANGUAGE_TAG = re.compile(r"\s*([a-z]{2,3})(?:[-_]([a-z]{2}))?(?![a-z])", re.I)
MONTH_FIRST_REGION = "us"


@dataclass(frozen=True, slots=True)
class SourceDate:
    """A date of a feed or sitemap.

    Attributes:
        at: The moment in UTC; of a date without a time the beginning of its day in UTC.
        precision: "day" for a date without a time, else "".
    """

    at: datetime | None = None
    precision: str = ""


NO_DATE = SourceDate()


class SourceDateReader:
    """Parses the dates of one feed or sitemap."""

    def __init__(self, timezone: str, now: datetime, language: str = "") -> None:
        """Prepare to read.

        Args:
            timezone: The name of the site's time zone; "" for UTC.
            now: The time of the visit.
            language: The language tag that the source declares, such as "en-us".
        """
        self._zone = ZoneInfo(timezone or "UTC")
        self._tomorrow = now.astimezone(self._zone).date() + timedelta(days=1)
        self._style = _style(language)

    def read(self, text: str) -> SourceDate:
        """Return the date that a text writes; NO_DATE for none, or for one of two readings.

        The text is in the form of ISO 8601 or RFC 5322, or has the name of a month in one of forty
        languages. A zone is an offset or a name such as MSK.

        Args:
            text: The text of an element of a feed or sitemap.

        Returns:
            The date with its precision and its offset, if the text names a zone.
        """
        readings = date_readings(text, self._style)
        if len(readings) != 1:
            return NO_DATE
        parsed = readings[0]
        try:
            at = parsed.moment if parsed.precision == DAY else self._moment(parsed, text)
            day = at.date() if parsed.precision == DAY else at.astimezone(self._zone).date()
        except OverflowError:
            return NO_DATE
        if not EARLIEST <= day <= self._tomorrow:
            return NO_DATE
        return SourceDate(at, DAY if parsed.precision == DAY else "")

    def _moment(self, parsed: ParsedDate, text: str) -> datetime:
        """Return a moment in UTC.

        Names such as IST and CST belong to several zones. Where one is the site's, it means that.
        """
        local = (parsed.moment + timedelta(minutes=parsed.offset or 0)).replace(tzinfo=self._zone)
        name = LAST_WORD.search(text)
        is_own_name = name is not None and name[1] == local.tzname()
        if is_own_name or not parsed.has_zone:
            return local.astimezone(UTC)
        return parsed.moment


def _style(language: str) -> DateStyle:
    """Return how a source writes dates: the day comes first outside the United States."""
    match = LANGUAGE_TAG.match(language)
    if match is None:
        return DateStyle()
    code, region = match[1].lower(), (match[2] or "").lower()
    if region:
        return DateStyle(region == MONTH_FIRST_REGION, code)
    return DateStyle(None if code == "en" else False, code)
