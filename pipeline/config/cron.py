"""Cron lines as people know them, for APScheduler, which counts weekdays from Monday and joins day and weekday with AND.

Promises that a line means here what it means in crontab(5), or is refused; and that each time which a line names comes once on
each day that it names: one that the clock skips in spring when the clock is put forward, one that comes twice in autumn the
first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MINUTE = timedelta(minutes=1)
FIELDS = ("minute", "hour", "day", "month", "day_of_week")


def cron_trigger(line: str, timezone: str) -> CronTrigger:
    """The trigger for a five-field cron line in a zone. Raises ValueError with a sentence."""
    parts = line.split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"{line!r} is no cron line; write five fields, as in '30 2 * * *'")
    values = dict(zip(FIELDS, parts, strict=True))
    if values["day"] != "*" and values["day_of_week"] != "*":
        raise ValueError(
            f"{line!r} names a day and a weekday; crontab would take either, so give only one"
        )
    try:
        values["day_of_week"] = _weekdays(values["day_of_week"])
        return CronTrigger(**values, timezone=ZoneInfo(timezone))
    except ValueError as error:
        raise ValueError(f"{line!r} is no cron line: {error}") from None


class CronSchedule:
    """A five-field cron line in a zone. Raises ValueError with a sentence."""

    def __init__(self, line: str, timezone: str) -> None:
        self._walls = cron_trigger(
            line, "UTC"
        )  # what a clock on the wall shows; no hour of UTC is skipped or comes twice
        self._zone = ZoneInfo(timezone)

    def times_after(self, moment: datetime) -> Iterator[datetime]:
        """The times that the line names, in UTC, each later than the one before; the first is later than `moment`, an aware
        one."""
        wall = moment.astimezone(self._zone).replace(second=0, microsecond=0, tzinfo=UTC, fold=0)
        last = moment.astimezone(UTC)
        while (following := self._walls.get_next_fire_time(None, wall + MINUTE)) is not None:
            wall = following
            if (placed := self._placed(wall)) > last:
                last = placed
                yield placed

    def _placed(self, wall: datetime) -> datetime:
        """When a clock of the zone shows a time for the first time, or the moment in which it skips it."""
        local = wall.replace(tzinfo=self._zone)
        found = local.astimezone(UTC)
        before = local.replace(fold=1).astimezone(UTC)
        if (
            before >= found
        ):  # else the time is skipped: somewhere between the two the clock is put forward
            return found
        new, low, high = found.astimezone(self._zone).utcoffset(), 0, (found - before) // MINUTE
        while high - low > 1:
            middle = (low + high) // 2
            if (before + middle * MINUTE).astimezone(self._zone).utcoffset() == new:
                high = middle
            else:
                low = middle
        return before + high * MINUTE


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
