"""Find days in text as people write them, in the languages of news sites.

A text gives the days that it can mean and no other: 3/4/2023 is two days, 31 February is none, and
a month without a year is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

# How the names of months begin, January first. A word belongs to its longest beginning.
MONTHS = (
    "jan gen ene янв yan қаң січ sty",
    "feb fév fev фев ақп лют lut",
    "mar mär maa mrz мар нау бер",
    "apr avr abr апр сәу кві kwi",
    "may mai mei mag maj мая май мам тра",
    "jun juin giu июн iyun мау чер cze",
    "jul juil lug июл iyul шіл лип lip",
    "aug aoû ago авг avg там сер sie",
    "sep set сен sen қыр вер wrz",
    "oct okt out ott окт қаз жов paź",
    "nov ноя noy қара лис lis",
    "dec dez déc dic дек dek жел гру gru",
)


def _numbers_by_beginning() -> dict[str, int]:
    numbers = {}
    for number, beginnings in enumerate(MONTHS, 1):
        for beginning in beginnings.split():
            numbers[beginning] = number
    return numbers


MONTH_NUMBERS = _numbers_by_beginning()
LONGEST_BEGINNING, SHORTEST_BEGINNING = max(map(len, MONTH_NUMBERS)), 3
MONTH = r"([^\W\d_]{3,12})"
DATE = re.compile(
    r"(?<![\d./-])(?:"
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"  # 2024-03-05
    r"|(\d{1,2})(?:st|nd|rd|th|er|º|ª|-го)?(?:\.?\s*|[\s-]+(?:of|de|del)\s+|-)"  # 5 March 2024
    rf"{MONTH}\.?,?(?:\s+(?:de|del|of)\s+|[\s,-]+)(\d{{4}})"
    rf"|{MONTH}\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})"  # March 5, 2024
    r"|(\d{1,2})([/.-])\s?(\d{1,2})\12\s?(\d{4}|\d{2})"  # 5.3.2024, 3/5/24
    r")(?!\d|[./-]\d)",
    re.I,
)
LONG_YEAR = re.compile(r"\d{4}")
SHORT_DATE = re.compile(r"\d[./-]\s?\d\d?[./-]\s?\d\d")


def find_dates(text: str) -> tuple[tuple[int, date], ...]:
    """Return the days that a text writes, each with its position; both readings of 3/4/2023."""
    # Most lines have no date, and this test is cheap.
    if not LONG_YEAR.search(text) and not SHORT_DATE.search(text):
        return ()
    dates = []
    for match in DATE.finditer(text):
        for day in _readings(match):
            dates.append((match.start(), day))
    return tuple(dates)


def _readings(match: re.Match[str]) -> Iterator[date]:
    groups = match.groups()
    if groups[0]:
        yield from _day(groups[0], int(groups[2]), groups[3])
    elif groups[4]:
        yield from _day(groups[6], month_number(groups[5]), groups[4])
    elif groups[7]:
        yield from _day(groups[9], month_number(groups[7]), groups[8])
    else:
        first, separator, second, year = groups[10:14]
        if len(year) == 2:
            year = f"20{year}"
        yield from _day(year, int(second), first)
        if separator == "/" and first != second:  # with dots, the day comes first everywhere
            yield from _day(year, int(first), second)


def _day(year: str, month: int, day: str) -> Iterator[date]:
    try:
        yield date(int(year), month, int(day))
    except ValueError:
        return


def month_number(word: str) -> int:
    """Return the number of the month that a word names, or 0."""
    lower = word.casefold()
    for length in range(LONGEST_BEGINNING, SHORTEST_BEGINNING - 1, -1):
        number = MONTH_NUMBERS.get(lower[:length])
        if number is not None:
            return number
    return 0
