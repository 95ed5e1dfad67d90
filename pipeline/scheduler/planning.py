"""Which night of a site comes next: by its cron line, its past runs and the current time.

Everything here is a pure function. Each night comes up until it is done and never after, whatever
the clock does. A night that is late by less than a grace period runs at once; of several such
nights only the newest does. A night that is later is missed, and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from pipeline.config.cron import CronSchedule

GRACE = timedelta(hours=6)  # that a night may start late
# A run that is further in the future than this was made while the clock was wrong.
MAX_CLOCK_ERROR = timedelta(hours=26)
MISSED_WINDOW = timedelta(days=8)  # earlier nights are not counted as missed
MAX_RESTARTS = 3  # of one night that was interrupted; then the rest waits for the next night
INTERRUPTED_STATUSES = ("running", "stopped", "interrupted")


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """A night of a site: the time that its cron line names, and when it is to start (UTC)."""

    planned_at: datetime
    start_at: datetime


@dataclass(frozen=True, slots=True)
class PastRun:
    """A crawl of a site that the archive knows: its start and its status."""

    started_at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class NextRun:
    """The next night to start, and the planned times of nights that are too late."""

    run: ScheduledRun | None
    missed: tuple[datetime, ...] = ()


def start_delay(site: str, minutes: float) -> timedelta:
    """Return how long after its cron line a site starts.

    The delay is always the same for a site, so that its nights keep their distance.

    Args:
        site: The id of the site.
        minutes: The longest delay.
    """
    digest = blake2b(site.encode(), digest_size=8).digest()
    share = int.from_bytes(digest) / 2**64
    return timedelta(seconds=int(share * minutes * 60))


def last_completed(crawls: Sequence[PastRun], now: datetime) -> datetime | None:
    """Return up to when the nights of a site are done.

    A crawl that was interrupted lately is no completed night: it must go on, but not for ever.

    Args:
        crawls: The past crawls of the site.
        now: The current time.

    Returns:
        The time, or None if there is no crawl.
    """
    known = [crawl for crawl in crawls if crawl.started_at <= now + MAX_CLOCK_ERROR]
    completed = [crawl for crawl in known if crawl.status not in INTERRUPTED_STATUSES]
    last = max((crawl.started_at for crawl in completed), default=None)
    to_continue = []
    for crawl in known:
        is_recent = now - crawl.started_at <= GRACE
        is_newer = last is None or crawl.started_at > last
        if crawl.status in INTERRUPTED_STATUSES and is_recent and is_newer:
            to_continue.append(crawl.started_at)
    if len(to_continue) >= MAX_RESTARTS:
        to_continue = []
    done = [crawl.started_at for crawl in known if crawl.started_at not in to_continue]
    if done:
        return max(done)
    if to_continue:
        return min(to_continue) - GRACE
    return None


def next_run(schedule: CronSchedule, delay: timedelta, done: datetime, now: datetime) -> NextRun:
    """Return the next night to start.

    Args:
        schedule: The cron line of the site.
        delay: How long after its cron line the site starts.
        done: Up to when the nights of the site are done.
        now: The current time.

    Returns:
        The next night, which starts at once if its start is over, and the nights that are missed.
    """
    start = now if done > now + MAX_CLOCK_ERROR else max(done, now - MISSED_WINDOW)
    missed = list[datetime]()
    late: ScheduledRun | None = None
    for planned_at in schedule.times_after(start):
        run = ScheduledRun(planned_at, planned_at + delay)
        if run.start_at > now:
            return NextRun(late or run, tuple(missed))
        if now - run.start_at > GRACE:
            missed.append(planned_at)
        else:
            late = run
    return NextRun(late, tuple(missed))
