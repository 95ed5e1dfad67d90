"""Cron lines as crontab(5) defines them, on top of APScheduler.

APScheduler counts weekdays from Monday, and joins day and weekday with AND, so lines are
translated or refused. Each time that a line names comes once on each day. Clock changes are the
exception that is handled here: a time that the clock skips in spring comes when the clock is put
forward, and one that comes twice in autumn comes the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MINUTE = timedelta(minutes=1)
FIELDS = ("minute", "hour", "day", "month", "day_of_week")


def cron_trigger(line: str, timezone: str) -> CronTrigger:
    """Return the trigger for a cron line of five fields.

    Raises:
        ValueError: If the line is wrong, or names a day and a weekday: crontab(5) takes either of
            the two, which APScheduler cannot express.
    """
    parts = line.split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"{line!r} is no cron line; write five fields, as in '30 2 * * *'")
    values = dict(zip(FIELDS, parts, strict=True))
    if values["day"] != "*" and values["day_of_week"] != "*":
        raise ValueError(
            f"{line!r} names a day and a weekday; crontab would take either, so give only one"
        )
    try:
        values["day_of_week"] = _translate_weekdays(values["day_of_week"])
        return CronTrigger(**values, timezone=ZoneInfo(timezone))
    except ValueError as error:
        raise ValueError(f"{line!r} is no cron line: {error}") from None


class CronSchedule:
    """The times that a cron line names in a zone."""

    def __init__(self, line: str, timezone: str) -> None:
        """Parse a cron line of five fields.

        Raises:
            ValueError: If the line is wrong.
        """
        # the trigger works on local times as if they were UTC, which has no clock changes
        self._local_trigger = cron_trigger(line, "UTC")
        self._zone = ZoneInfo(timezone)

    def times_after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the times after a moment in UTC, each later than the one before.

        Args:
            moment: A time with a zone.
        """
        local = moment.astimezone(self._zone).replace(second=0, microsecond=0, tzinfo=UTC, fold=0)
        latest = moment.astimezone(UTC)
        while (
            following := self._local_trigger.get_next_fire_time(None, local + MINUTE)
        ) is not None:
            local = following
            time = self._to_utc(local)
            if time > latest:
                latest = time
                yield time

    def _to_utc(self, local_time: datetime) -> datetime:
        """Return when a clock of the zone first shows a time, or the moment when it skips it."""
        local = local_time.replace(tzinfo=self._zone)
        time = local.astimezone(UTC)
        with_later_offset = local.replace(fold=1).astimezone(UTC)
        is_skipped = with_later_offset < time
        if not is_skipped:
            return time
        return self._clock_change(with_later_offset, time)

    def _clock_change(self, start: datetime, end: datetime) -> datetime:
        """Return the first minute between two times that has the UTC offset of the end."""
        offset = end.astimezone(self._zone).utcoffset()
        low = 0
        high = (end - start) // MINUTE
        while high - low > 1:
            middle = (low + high) // 2
            if (start + middle * MINUTE).astimezone(self._zone).utcoffset() == offset:
                high = middle
            else:
                low = middle
        return start + high * MINUTE


def _translate_weekdays(field: str) -> str:
    """Return names for the numbers of weekdays, which APScheduler counts from Monday."""
    if field == "*":
        return field
    numbers: set[int] = set()
    for part in field.lower().split(","):
        numbers.update(number % 7 for number in _weekday_range(part))
    return ",".join(WEEKDAYS[number] for number in sorted(numbers))


def _weekday_range(part: str) -> range:
    days, _, step = part.partition("/")
    if days == "*":
        return range(0, 7, int(step or 1))
    first_name, dash, last_name = days.partition("-")
    first = _weekday_number(first_name)
    last = first
    if dash:
        last = _weekday_number(last_name)
    elif step:
        last = 6
    if last < first:
        raise ValueError(f"the weekdays {days!r} run backwards")
    return range(first, last + 1, int(step or 1))


def _weekday_number(name: str) -> int:
    if name in WEEKDAYS:
        return WEEKDAYS.index(name)
    if name.isdecimal() and int(name) <= 7:
        return int(name)
    raise ValueError(f"{name!r} is no weekday")
