"""Which night of a Site comes next: decided from its cron line, what has been done, and the clock as it is now.

Promises pure functions in which each night comes up until it is done and never after, whatever the clock does: one that is late
by less than the grace is wanted at once, but of several such only the newest; one that is later is missed, and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from pipeline.config.cron import CronSchedule

GRACE = timedelta(hours=6)  # that a night may start late
AHEAD = timedelta(
    hours=26
)  # what is done further in the future than this was done while the clock was wrong
BACK = timedelta(days=8)  # nights before that are not counted as missed one by one
TRIES = 3  # starts of one night that broke off; then the rest waits for the next one
BROKEN = (
    "running",
    "stopped",
    "interrupted",
)  # of a Run whose process is not ours and has not come to its end


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """When a night of a Site is to be: the time that its cron line names, and when it is to start. Both in UTC."""

    planned_at: datetime
    start_at: datetime


@dataclass(frozen=True, slots=True)
class PastRun:
    """A crawl of a Site that the archive knows of."""

    started_at: datetime
    status: str  # of its Run


def start_delay(site: str, minutes: float) -> timedelta:
    """How long after its cron line a Site starts, up to so many minutes: always the same for a Site, so that its nights keep
    their distance."""
    share = int.from_bytes(blake2b(site.encode(), digest_size=8).digest()) / 2**64
    return timedelta(seconds=int(share * minutes * 60))


def last_completed(crawls: Sequence[PastRun], now: datetime) -> datetime | None:
    """Up to when the archive has nights of a Site; None where it has none. A crawl that broke off not long ago is no night yet:
    it is to go on, but not for ever."""
    known = [each for each in crawls if each.started_at <= now + AHEAD]
    whole = max((each.started_at for each in known if each.status not in BROKEN), default=None)
    fresh = [
        each.started_at
        for each in known
        if each.status in BROKEN and now - each.started_at <= GRACE and (not whole or each.started_at > whole)
    ]
    if len(fresh) >= TRIES:
        fresh = []
    done = [each.started_at for each in known if each.started_at not in fresh]
    return max(done) if done else min(fresh) - GRACE if fresh else None


def next_run(
    line: CronSchedule, delay: timedelta, done: datetime, now: datetime
) -> tuple[ScheduledRun | None, tuple[datetime, ...]]:
    """The next night to start, at once where its start is over, and the planned times of those that are too late for it."""
    missed, late = list[datetime](), None
    for planned in line.times_after(now if done > now + AHEAD else max(done, now - BACK)):
        night = ScheduledRun(planned, planned + delay)
        if night.start_at > now:
            return late or night, tuple(missed)
        if now - night.start_at > GRACE:
            missed.append(planned)
        else:
            late = night
    return late, tuple(missed)
