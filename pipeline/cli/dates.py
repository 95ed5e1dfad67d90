"""Days that a user gives as options, as times in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

DAY_FORMATS = ["%Y-%m-%d"]


def start_of_day(day: datetime | None) -> datetime | None:
    """Return the first moment of a day, or None if there is no day."""
    return day.replace(tzinfo=UTC) if day else None


def end_of_day(day: datetime | None) -> datetime | None:
    """Return the first moment after a day.

    Returns:
        None if there is no day, or if it is the last one that a datetime can hold.
    """
    if day is None or day.date() == date.max:
        return None
    return day.replace(tzinfo=UTC) + timedelta(days=1)
