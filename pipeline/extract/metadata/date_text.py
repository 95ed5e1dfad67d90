"""Days as people write them, in the languages of the sites that we read.

Promises the days that a text can mean and no other: 3/4/2023 is two of them, 31 February none, and a month without a year none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

# How the months begin, January first; a word belongs to the longest beginning.
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
BEGINNINGS = {word: number for number, words in enumerate(MONTHS, 1) for word in words.split()}
LONGEST, SHORTEST = max(map(len, BEGINNINGS)), 3
MONTH = r"([^\W\d_]{3,12})"
DATE = re.compile(
    r"(?<![\d./-])(?:"
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"  # 2024-03-05
    rf"|(\d{{1,2}})(?:st|nd|rd|th|er|º|ª|-го)?(?:\.?\s*|[\s-]+(?:of|de|del)\s+|-){MONTH}\.?,?(?:\s+(?:de|del|of)\s+|[\s,-]+)(\d{{4}})"
    rf"|{MONTH}\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})"  # March 5, 2024
    r"|(\d{1,2})([/.-])\s?(\d{1,2})\12\s?(\d{4}|\d{2})"  # 5.3.2024, 3/5/24
    r")(?!\d|[./-]\d)",
    re.I,
)
FOUR, SHORT = re.compile(r"\d{4}"), re.compile(r"\d[./-]\s?\d\d?[./-]\s?\d\d")


def find_dates(text: str) -> tuple[tuple[int, date], ...]:
    """The days that a text writes, each with where it begins; both readings of 3/4/2023."""
    if not FOUR.search(text) and not SHORT.search(text):  # most lines: cheap to see
        return ()
    return tuple((match.start(), day) for match in DATE.finditer(text) for day in _readings(match))


def _readings(match: re.Match[str]) -> Iterator[date]:
    g = match.groups()
    if g[0]:
        yield from _day(g[0], int(g[2]), g[3])
    elif g[4]:
        yield from _day(g[6], month_number(g[5]), g[4])
    elif g[7]:
        yield from _day(g[9], month_number(g[7]), g[8])
    else:
        year = g[13] if len(g[13]) == 4 else f"20{g[13]}"
        first = list(_day(year, int(g[12]), g[10]))
        yield from first
        if g[11] == "/" and g[10] != g[12]:  # with stops, the day is first everywhere
            yield from _day(year, int(g[10]), g[12])


def _day(year: str, month: int, day: str) -> Iterator[date]:
    try:
        yield date(int(year), month, int(day))
    except ValueError:
        return


def month_number(word: str) -> int:
    """The number of the month that a word names; 0 for a word that names none."""
    lower = word.casefold()
    return next(
        (
            BEGINNINGS[lower[:size]]
            for size in range(LONGEST, SHORTEST - 1, -1)
            if lower[:size] in BEGINNINGS
        ),
        0,
    )
