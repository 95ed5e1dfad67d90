"""Days, weeks, months and years, by their first days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

TIME_UNITS = ("day", "week", "month", "year")
LABEL_LENGTHS = {"day": 10, "week": 10, "month": 7, "year": 4}  # letters of an ISO date


def start_of(day: date, unit: str) -> date:
    """Return the first day of the day, week, month or year that a day is in.

    Args:
        day: Any day.
        unit: `day`, `week` (from Monday, ISO 8601), `month` or `year`.

    Returns:
        The first day.
    """
    if unit == "day":
        return day
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1)


def next_start(start: date, unit: str) -> date:
    """Return the first day of the next day, week, month or year.

    Args:
        start: The first day of a unit, as `start_of` returns it.
        unit: `day`, `week`, `month` or `year`.

    Returns:
        The first day after that unit.
    """
    if unit == "day":
        return start + timedelta(days=1)
    if unit == "week":
        return start + timedelta(days=7)
    if unit == "year":
        return date(start.year + 1, 1, 1)
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


def starts_between(start: date, last: date, unit: str) -> Iterator[date]:
    """Yield a first day, and those after it up to a last one."""
    while start <= last:
        yield start
        start = next_start(start, unit)


def unit_label(start: date, unit: str) -> str:
    """Return 2026-03-02 for a day or a week, 2026-03 for a month, 2026 for a year."""
    return start.isoformat()[: LABEL_LENGTHS[unit]]
