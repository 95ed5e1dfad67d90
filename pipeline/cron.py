"""Cron lines as people know them, for APScheduler, which counts weekdays from Monday and joins day and weekday with AND.

Promises that a line means here what it means in crontab(5), or is refused.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS = ("minute", "hour", "day", "month", "day_of_week")


def trigger(line: str, timezone: str) -> CronTrigger:
    """The trigger for a five-field cron line in a zone. Raises ValueError with a sentence."""
    parts = line.split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"{line!r} is no cron line; write five fields, as in '30 2 * * *'")
    values = dict(zip(FIELDS, parts, strict=True))
    if values["day"] != "*" and values["day_of_week"] != "*":
        raise ValueError(f"{line!r} names a day and a weekday; crontab would take either, so give only one")
    try:
        values["day_of_week"] = _weekdays(values["day_of_week"])
        return CronTrigger(**values, timezone=ZoneInfo(timezone))
    except ValueError as error:
        raise ValueError(f"{line!r} is no cron line: {error}") from None


def _weekdays(field: str) -> str:
    """Names for the numbers, since both count from another day."""
    if field == "*":
        return field
    found = {number % 7 for part in field.lower().split(",") for number in _span(part)}
    return ",".join(DAYS[number] for number in sorted(found))


def _span(part: str) -> range:
    body, _, step = part.partition("/")
    if body == "*":
        first, last = 0, 6
    else:
        low, dash, high = body.partition("-")
        first = _day(low)
        last = _day(high) if dash else 6 if step else first
        if last < first:
            raise ValueError(f"the weekdays {body!r} run backwards")
    return range(first, last + 1, int(step or 1))


def _day(name: str) -> int:
    if name in DAYS:
        return DAYS.index(name)
    if name.isdecimal() and int(name) <= 7:
        return int(name)
    raise ValueError(f"{name!r} is no weekday")
