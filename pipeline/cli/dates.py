"""Days that a user gives as options, as times in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pipeline.core.errors import ConfigError

DAY_FORMATS = ["%Y-%m-%d"]


def check_days(since: datetime | None, until: datetime | None) -> None:
    """Check that a stretch of days does not end before it begins.

    Raises:
        ConfigError: It does.
    """
    if since and until and until < since:
        raise ConfigError(
            f"--since {since:%Y-%m-%d}: that day is after --until {until:%Y-%m-%d};"
            " swap the two days"
        )


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
