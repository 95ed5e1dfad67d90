"""Parse the dates of markup and JSON-LD to UTC, with their precision and zone.

An unreadable date gives None, and a date without a time stays a day. A time without a zone is the
site's local time, but the site is not known here. Such a time is kept as if it were UTC, and
`local_times` corrects it later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from email.utils import parsedate_to_datetime

from pipeline.core.dates.date_text import UNKNOWN_STYLE, DateStyle, find_dates

ISO_8601 = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})"
    r"(?:(?:[T\s]+|(?<=^\d{8}))(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,]\d+)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?(?::\d{2})?)?)?(?:\[[\w/]+\])?",
    re.I,
)
MAIL = re.compile(r"(?:[a-z]{3,9},?\s+)?\d{1,2}[\s-][a-z]{3,9}[\s-]\d{2,4}\s+\d{1,2}:\d{2}", re.I)
EPOCH = re.compile(r"(\d{10})(?:\d{3})?")  # seconds or milliseconds since 1970
EARLIEST_EPOCH = 631_152_000  # 1990; smaller numbers are no moments
CLOCK = re.compile(
    r"(?<![\d.:])(\d{1,2})[:h](\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*"
    r"(?:([ap])\.?\s?m\b\.?|(ص|ق\.?ظ|上午|午前|오전)|(م|ب\.?ظ|下午|午後|오후))?"
    r"\s*((?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?(?!\d)|Z\b|[A-Z]{2,5}\b|МСК\b)?",
    re.I,
)
# Minutes east of UTC. Names of several zones have the one that is most common on news sites.
ZONES = {
    "Z": 0, "UTC": 0, "UT": 0, "GMT": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300,
    "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600,
    "NST": -210, "NDT": -150, "ADT": -180, "BRT": -180, "ART": -180, "UYT": -180, "CLT": -240,
    "CLST": -180, "BOT": -240, "VET": -240, "COT": -300, "PET": -300, "ECT": -300, "WET": 0,
    "WEST": 60, "BST": 60, "MEZ": 60, "MESZ": 120, "CET": 60, "CEST": 120, "EET": 120,
    "EEST": 180, "MSK": 180, "МСК": 180, "MSD": 240, "TRT": 180, "SAMT": 240, "YEKT": 300,
    "OMST": 360, "NOVT": 420, "KRAT": 420, "IRKT": 480, "YAKT": 540, "VLAT": 600, "MAGT": 660,
    "AZT": 240, "GET": 240, "UZT": 300, "TJT": 300, "TMT": 300, "KGT": 360, "IRST": 210,
    "AFT": 270, "PKT": 300, "IST": 330, "NPT": 345, "MMT": 390, "ICT": 420, "WIB": 420,
    "WITA": 480, "WIT": 540, "SGT": 480, "MYT": 480, "PHT": 480, "HKT": 480, "JST": 540,
    "KST": 540, "AWST": 480, "ACST": 570, "ACDT": 630, "AEST": 600, "AEDT": 660, "NZST": 720,
    "NZDT": 780, "WAT": 60, "CAT": 120, "SAST": 120, "EAT": 180,
}  # fmt: skip
NAMED_OFFSET = re.compile(r"(?:GMT|UTC)[+-]", re.I)
ZONE_NAME = re.compile(r"([A-Z]{2,5}|МСК)(?:\s*\([^()]*\))?\s*$", re.I)
MIN_YEAR = 1800  # archives digitise old papers; dates before that are mistakes
MIN_LENGTH, MAX_LENGTH = 8, 80  # characters of a date
HALF_DAY = 12


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


def parse_date(text: object, style: DateStyle = UNKNOWN_STYLE) -> ParsedDate | None:
    """Parse a date in the form of ISO 8601 or RFC 5322, in words, or as seconds since 1970.

    Args:
        text: A value of any type: JSON-LD holds whatever a site puts there.
        style: How the page writes dates.

    Returns:
        The date, or None for all that is no date after MIN_YEAR, and for one of two readings.
    """
    readings = date_readings(text, style)
    return readings[0] if len(readings) == 1 else None


def date_readings(text: object, style: DateStyle = UNKNOWN_STYLE) -> tuple[ParsedDate, ...]:
    """Return what a date can mean: one day, or two days for 3/4/2024 where no style is known.

    Args:
        text: What stands on a page or in its JSON-LD; anything but a text has no reading.
        style: The order of day and month that the site is known to use.

    Returns:
        The readings: none, one, or two of which a caller may take none.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = str(int(text)) if 0 < text < 1e14 else ""
    if not isinstance(text, str) or not MIN_LENGTH <= len(text.strip()) <= MAX_LENGTH:
        return ()
    text = text.strip()
    try:
        readings = _read(text, style)
    except (ValueError, OverflowError, TypeError, IndexError):
        return ()
    return tuple(parsed for parsed in readings if parsed.moment.year >= MIN_YEAR)


def whole_day(day: date) -> ParsedDate:
    """Return a day without a time."""
    return ParsedDate(datetime.combine(day, time(), UTC), "day")


def _read(text: str, style: DateStyle) -> list[ParsedDate]:
    if match := EPOCH.fullmatch(text):
        return _from_epoch(int(match[1]))
    if match := ISO_8601.fullmatch(text):
        return [_from_iso(match)]
    if MAIL.match(text) and (parsed := _from_mail(text)):
        return [parsed]
    return _from_words(text, style)


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
    if len(digits) in (1, 3):  # +3, +300
        digits = f"0{digits}"
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
    return timezone(offset if text[0] == "+" else -offset)


def _from_epoch(seconds: int) -> list[ParsedDate]:
    if seconds < EARLIEST_EPOCH:
        return []
    return [_with_zone(datetime.fromtimestamp(seconds, UTC))]


def _from_mail(text: str) -> ParsedDate | None:
    """Parse a date of RFC 5322, as in feeds and HTTP: Tue, 07 Mar 2023 10:00:00 GMT.

    Returns:
        The date, or None for one in another language or with a zone such as GMT+3.
    """
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    if moment.tzinfo is None and NAMED_OFFSET.search(text):
        return None
    name = ZONE_NAME.search(text)
    if moment.tzinfo is None and name and (offset := ZONES.get(name[1].upper())) is not None:
        return _with_zone(moment.replace(tzinfo=timezone(timedelta(minutes=offset))))
    if moment.tzinfo is None:
        return ParsedDate(moment.replace(tzinfo=UTC), "second", has_zone=False)
    return _with_zone(moment)


def _from_words(text: str, style: DateStyle) -> list[ParsedDate]:
    """Parse a date as people write it: March 5, 2024, 8:53 a.m."""
    found = find_dates(text, style)
    if len({each.start for each in found}) != 1:
        return []
    rest = f"{text[: found[0].start]} {text[found[0].end :]}"
    match = CLOCK.search(rest)
    readings = [whole_day(each.day) for each in found]
    if match is None:
        return readings
    return [_at_clock(parsed, match) for parsed in readings]


def _at_clock(parsed: ParsedDate, match: re.Match[str]) -> ParsedDate:
    hour_text, minute, second, half, before_noon, after_noon, zone = match.groups()
    hour = int(hour_text)
    is_morning = (half or "").lower() == "a" or before_noon
    if hour <= HALF_DAY and (half or before_noon or after_noon):
        hour = hour % HALF_DAY + (0 if is_morning else HALF_DAY)
    if hour > 23 or int(minute) > 59:
        return parsed
    moment = parsed.moment + timedelta(hours=hour, minutes=int(minute), seconds=int(second or 0))
    offset = _named_offset(zone or "")
    if offset is None:
        return ParsedDate(moment, "second", has_zone=False)
    return _with_zone(moment.replace(tzinfo=timezone(timedelta(minutes=offset))))


def _named_offset(zone: str) -> int | None:
    """Return the minutes of a zone such as GMT+0100, +01:00 or EST; None for an unknown name."""
    digits = zone.upper().removeprefix("GMT").removeprefix("UTC")
    if digits[:1] in ("+", "-"):
        return round(_zone(digits).utcoffset(None).total_seconds() / 60)
    return ZONES.get(zone.upper())


def _with_zone(moment: datetime) -> ParsedDate:
    offset = moment.utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    return ParsedDate(moment.astimezone(UTC), "second", offset=minutes)
