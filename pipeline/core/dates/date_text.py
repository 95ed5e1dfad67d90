"""Find days in text as people write them, in the languages of news sites.

A text gives the days that it can mean and no other: 31 February is none, and a month without a year
is none. Whether 3/4/2024 is in March or in April depends on the country, so the caller says how the
page writes dates, or gets both days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from pipeline.core.dates import calendars
from pipeline.core.dates.month_names import month_number, solar_month_number

# A word, with the signs that some alphabets put on their letters; Arabic months of two words; Thai
# abbreviations.
MONTH = (
    r"((?:[^\W\d_]|[\u0300-\u036f\u064b-\u0652\u0900-\u0d4d\u0e31-\u0e4e]){2,14}"
    r"(?:\sال(?:ثاني|أول|اول))?|[ก-ฮ]ี?\.[ก-ฮ]\.)"
)
ORDINAL = r"(?:st|nd|rd|th|er|ere|º|ª|°|-го|-ше|-е)"
DAY_TO_MONTH = r"(?:\s+ב|\.?\s*|[\s-]+(?:of|de|dels?|di|da)\s+|\s+d['’]|\.?\s*[|/–،]\s*|-)"
MONTH_TO_YEAR = r"(?:\s+(?:de|del|of|di|соли|m\.)\s+|\s*[,،/|–-]\s*|['’]|\s+)"
# After a year: "2024-yil 5-mart", "2024 m. kovo 5 d.", "2024. március 5."
YEAR_WORD = (
    r"(?:\s?m\.|\s?[гж]\.|[\s-]?yil(?:da|i|ning)?|[\s-]?йил|[\s-]жыл\w*|\sоны|\.\s?gada"
    r"|-nj[iy]\s[yý]yly\w*|\.)?,?"
)
CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?"
START, END = r"(?<![\d./-])", r"(?!\d|[./-]\d)"
WORD_START, WORD_END = r"(?<!\d)(?<!\d[./-])", r"(?!\d)"
DIGITS = {
    zero + value: ord("0") + value
    for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xBE6, 0xC66, 0xE50, 0xFF10)
    for value in range(10)
}
HAS_YEAR = re.compile(r"\d{4}|\d[./-]\s?\d\d?[./-]\s?\d\d|\d년|[\d元]\s?年")
CENTURY = 2000  # of a year of two digits
SHORT_YEAR = 100
YEARS = range(1800, 2101)
TWO_READINGS = "/-"  # with dots, the day comes first everywhere


@dataclass(frozen=True, slots=True)
class DateStyle:
    """How a page writes dates.

    Attributes:
        is_month_first: Whether 3/4 is in March; None where nothing says so.
        language: As an ISO 639-1 code, or "".
    """

    is_month_first: bool | None = None
    language: str = ""


class FoundDate(NamedTuple):
    """A day in a text, with the positions where it begins and ends."""

    start: int
    end: int
    day: date


UNKNOWN_STYLE = DateStyle()
Reader = Callable[[re.Match[str], DateStyle], Iterator[date]]


def find_dates(text: str, style: DateStyle = UNKNOWN_STYLE) -> tuple[FoundDate, ...]:
    """Return the days that a text writes, in their order; both readings of 3/4/2023 for no style.

    Args:
        text: One line.
        style: How the page writes dates.
    """
    if not text.isascii():
        text = text.translate(DIGITS)
    # Most lines have no date, and this test is cheap.
    if not HAS_YEAR.search(text):
        return ()
    found: list[FoundDate] = []
    for pattern, read in PATTERNS:
        for match in pattern.finditer(text):
            if any(match.start() < other.end and other.start < match.end() for other in found):
                continue
            days = list(dict.fromkeys(read(match, style)))
            found += [FoundDate(match.start(), match.end(), day) for day in days]
    return tuple(sorted(found, key=lambda each: each.start))


def has_two_readings(text: str) -> bool:
    """Tell whether a date in a text is another day in another country."""
    return len(find_dates(text)) > len({each.start for each in find_dates(text)})


def _read_numbers(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    year, _, month, day = match.groups()
    yield from _day(int(year), int(month), int(day))


def _read_short(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    first, sign, second, year_text = match.groups()
    year = int(year_text)
    if year < SHORT_YEAR:
        year += CENTURY
    day_first = list(_day(year, int(second), int(first)))
    if sign.strip() not in TWO_READINGS:
        yield from day_first
        return
    month_first = list(_day(year, int(first), int(second)))
    if style.is_month_first:
        yield from month_first or day_first
    elif style.is_month_first is False or sign.strip() == "-":
        yield from day_first or month_first
    else:
        yield from day_first
        yield from month_first


def _read_han(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    era, year_text, month, day = match.groups()
    year = 1 if year_text == "元" else int(year_text)
    if era in calendars.ERA_OFFSETS:
        year += calendars.ERA_OFFSETS[era]
    elif year < SHORT_YEAR:
        year += CENTURY
    yield from _day(year, int(month), int(day))


def _read_day_month_year(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    day, month, year = match.groups()
    yield from _named_day(year, month, day, style)


def _read_month_day_year(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    month, day, year = match.groups()
    yield from _named_day(year, month, day, style)


def _read_year_month_day(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    year, month, day = match.groups()
    yield from _named_day(year, month, day, style)


def _read_year_day_month(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    year, day, month = match.groups()
    yield from _named_day(year, month, day, style)


def _read_year_numbered_month(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    year, month, day = match.groups()
    yield from _day(int(year), int(month), int(day))


def _read_numbered_month(match: re.Match[str], style: DateStyle) -> Iterator[date]:
    day, month, year = match.groups()
    yield from _day(int(year), int(month), int(day))


PATTERNS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    # 2024-03-05, 2024. 03. 05.
    (
        re.compile(rf"{START}(\d{{4}})(\s?[-/.]\s?)(\d{{1,2}})\2(\d{{1,2}}){END}"),
        _read_numbers,
    ),
    # 2024年3月5日, 令和6年3月5日, 2024년 3월 5일
    (
        re.compile(
            r"(?<!\d)(令和|平成|昭和|民國|民国)?\s?(\d{1,4}|元)\s?[年년]\s?"
            r"(\d{1,2})\s?[月월]\s?(\d{1,2})(?!\d)"
        ),
        _read_han,
    ),
    # ngày 5 tháng 3 năm 2024
    (
        re.compile(r"(?<!\d)(\d{1,2})\s+tháng\s+(\d{1,2})(?:,|\s+năm)?\s+(\d{4})(?!\d)", re.I),
        _read_numbered_month,
    ),
    # 2024 оны 3-р сарын 5
    (
        re.compile(r"(?<!\d)(\d{4})\s+оны\s+(\d{1,2})(?:-[рд]угаар|-р)?\s+сарын\s+(\d{1,2})(?!\d)"),
        _read_year_numbered_month,
    ),
    # 5 March 2024, 5-mart, 2024
    (
        re.compile(
            rf"{WORD_START}(\d{{1,2}}){ORDINAL}?{DAY_TO_MONTH}{MONTH}\.?,?{MONTH_TO_YEAR}"
            rf"(\d{{4}}){WORD_END}",
            re.I,
        ),
        _read_day_month_year,
    ),
    # March 5, 2024, Jan 04 09:34 2021
    (
        re.compile(
            rf"(?<![^\W\d_]){MONTH}\.?[\s-]*(\d{{1,2}})(?:st|nd|rd|th)?\s*(?:[,،]\s*|-|\s)"
            rf"(?:{CLOCK}\s+)?(\d{{4}}){WORD_END}",
            re.I,
        ),
        _read_month_day_year,
    ),
    # 2024. március 5.
    (
        re.compile(
            rf"{WORD_START}(\d{{4}}){YEAR_WORD}[\s-]+{MONTH}\.?[\s-]+(\d{{1,2}})(?!\d|:\d)", re.I
        ),
        _read_year_month_day,
    ),
    # 2024-yil 5-mart
    (
        re.compile(rf"{WORD_START}(\d{{4}}){YEAR_WORD}[\s-]+(\d{{1,2}})[\s.-]+{MONTH}", re.I),
        _read_year_day_month,
    ),
    # 5.3.2024, 3/5/24, 26 | 01 | 2022
    (
        re.compile(rf"{START}(\d{{1,2}})(\s?[/.|-]\s?)(\d{{1,2}})\2(\d{{4}}|\d{{2}}){END}"),
        _read_short,
    ),
)


def _named_day(year: str, month: str, day: str, style: DateStyle) -> Iterator[date]:
    number = int(year)
    if number <= calendars.LAST_SOLAR_YEAR:
        yield from _day(number, solar_month_number(month), int(day))
    else:
        yield from _day(number, month_number(month, style.language), int(day))


def _day(year: int, month: int, day: int) -> Iterator[date]:
    try:
        if calendars.FIRST_SOLAR_YEAR <= year <= calendars.LAST_SOLAR_YEAR:
            yield calendars.solar_day(year, month, day)
        elif calendars.gregorian_year(year) in YEARS:
            yield date(calendars.gregorian_year(year), month, day)
    except ValueError:
        return
