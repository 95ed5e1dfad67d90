"""Turn the years and days of other calendars into Gregorian ones.

News sites of Iran and Afghanistan write Solar Hijri dates, Thai sites Buddhist years, Japanese
sites years of an era, and Taiwanese sites years of the Republic.
"""

from __future__ import annotations

from datetime import date

FIRST_SOLAR_YEAR, LAST_SOLAR_YEAR = 1250, 1500  # 1871 to 2121
NEW_YEAR_1403 = date(2024, 3, 20)
LONG_MONTHS, LONG_MONTH_DAYS, SHORT_MONTH_DAYS = 6, 31, 30
BUDDHIST_YEARS = range(2443, 2644)  # 1900 to 2100
BUDDHIST_OFFSET = 543
ERA_OFFSETS = {
    "令和": 2018, "平成": 1988, "昭和": 1925, "民國": 1911, "民国": 1911,
}  # fmt: skip


def solar_day(year: int, month: int, day: int) -> date:
    """Return the Gregorian day of a Solar Hijri date.

    Raises:
        ValueError: The date does not exist.
    """
    longest = LONG_MONTH_DAYS if month <= LONG_MONTHS else SHORT_MONTH_DAYS
    if not (FIRST_SOLAR_YEAR <= year <= LAST_SOLAR_YEAR and 1 <= month <= 12):
        raise ValueError(f"no Solar Hijri date: {year}-{month}-{day}")
    if not 1 <= day <= longest:
        raise ValueError(f"no Solar Hijri date: {year}-{month}-{day}")
    days = _days_before_year(year) - _days_before_year(1403)
    days += SHORT_MONTH_DAYS * (month - 1) + min(month - 1, LONG_MONTHS) + day - 1
    return date.fromordinal(NEW_YEAR_1403.toordinal() + days)


def _days_before_year(year: int) -> int:
    """Count days by the cycle of 33 years, of which eight are leap years."""
    cycles, rest = divmod(year + 1595, 33)
    return 365 * year + 8 * cycles + (rest + 3) // 4


def gregorian_year(year: int) -> int:
    """Return the year of a Buddhist one; others stay as they are."""
    return year - BUDDHIST_OFFSET if year in BUDDHIST_YEARS else year
