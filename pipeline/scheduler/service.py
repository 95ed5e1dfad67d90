"""The built-in schedule: each Site by the cron line of its file, each night in a child process of its own.

Promises that each night is run once, whatever the clock does and however often this process is started (`agenda` decides, from
what the archive knows); that a Site never runs twice at once; that a night which hangs is ended; and that changed, new and
removed site files are noticed without a restart. APScheduler keeps the next night of each Site and begins it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Protocol
from zoneinfo import ZoneInfo

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.date import DateTrigger

from pipeline.config import site as sites
from pipeline.config.cron import CronSchedule
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.scheduler.child_runs import ChildRuns
from pipeline.scheduler.planning import (
    AHEAD,
    GRACE,
    ScheduledRun,
    PastRun,
    start_delay,
    last_completed,
    next_run,
)
from pipeline.scheduler.sd_notify import SystemdNotifier

LOOK = 15.0  # seconds between two looks at the clock: a machine that slept is behind by no more
REREAD = 60.0  # seconds between two looks at the site files
THREADS = 1000  # a night that waits for its place waits in one of them, not in the plan, where it would become too late
HOURS = int(GRACE.total_seconds() // 3600)

Say = Callable[[str], None]
Crawls = Callable[[str | None], Mapping[str, Sequence[PastRun]]]  # of one Site, or of all
Run = Callable[[Site, ScheduledRun], None]


@dataclass
class _Planned:
    """A Site as it is scheduled."""

    site: Site
    line: CronSchedule
    delay: timedelta
    done: datetime  # nights planned until then are no more to be begun
    seen: datetime  # when the clock was last looked at
    handed: ScheduledRun | None = None  # to APScheduler


class SiteSchedule:
    """The next night of each Site, as a job of APScheduler: looked at anew as often as `look` is called."""

    def __init__(self, scheduler: BaseScheduler, run: Run, say: Say, spread: float = 0.0) -> None:
        self._scheduler = scheduler
        self._run = run
        self._say = say
        self._spread = spread
        self._sites: dict[str, _Planned] = {}
        scheduler.add_listener(
            self._report, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )

    def update(
        self,
        found: Sequence[Site],
        now: datetime,
        *,
        broken: Sequence[str] = (),
        begun: Mapping[str, Sequence[PastRun]] | None = None,
    ) -> None:
        """Puts the plan right for the Sites and the clock as they are; `broken` are Sites whose files cannot be read now.
        `begun` is what the archive knows, at the start: nights that were due since then are made up for."""
        enabled = {site.id: site for site in found if site.enabled}
        for name in [name for name in self._sites if name not in enabled and name not in broken]:
            self._drop(name)
            self._say(f"{name}: no longer scheduled")
        for site in enabled.values():
            self._follow(site, now, (begun or {}).get(site.id, ()))
        for planned in self._sites.values():
            self._settle(planned, now)
        self._scheduler.wakeup()  # it waits by a clock that stands still while the machine sleeps

    def _drop(self, name: str) -> None:
        del self._sites[name]
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    def _follow(self, site: Site, now: datetime, begun: Sequence[PastRun]) -> None:
        known = self._sites.get(site.id)
        if known is not None and known.site == site:
            return
        if known is not None and (known.site.cron, known.site.timezone) == (
            site.cron,
            site.timezone,
        ):
            known.site = site
            with suppress(JobLookupError):  # it has just begun
                self._scheduler.modify_job(site.id, args=(site, known.handed), name=site.name)
        else:
            if known is not None:
                self._drop(site.id)
            line, done = CronSchedule(site.cron, site.timezone), last_completed(begun, now) or now
            self._sites[site.id] = known = _Planned(
                site, line, start_delay(site.id, self._spread), done, now
            )
        self._settle(known, now)
        self._say(
            f"{site.id}: '{site.cron}' {site.timezone}, "
            + (f"next at {_shown(known)}" if known.handed else "never")
        )

    def _settle(self, planned: _Planned, now: datetime) -> None:
        """Hands the next night over, where none is or the clock has moved."""
        handed, seen, planned.seen = planned.handed, planned.seen, now
        if planned.done > now + AHEAD:  # the clock was wrong then
            planned.done = now
        if handed is not None and seen <= now < handed.start_at:
            return
        if (
            handed is not None and self._scheduler.get_job(planned.site.id) is None
        ):  # begun, missed or left out
            planned.done, planned.handed = max(planned.done, handed.planned_at), None
        elif handed is not None and handed.start_at <= now:  # it is about to be
            return
        night, missed = next_run(planned.line, planned.delay, planned.done, now)
        if missed:
            planned.done = missed[-1]
            self._say(_missed(planned.site, missed))
        if night is not None and night != planned.handed:
            self._hand(planned, night)

    def _hand(self, planned: _Planned, night: ScheduledRun) -> None:
        planned.handed = night
        self._scheduler.add_job(
            self._run,
            DateTrigger(night.start_at, "UTC"),
            args=(planned.site, night),
            id=planned.site.id,
            name=planned.site.name,
            replace_existing=True,
            misfire_grace_time=int(GRACE.total_seconds()),
            coalesce=True,
            max_instances=1,
        )

    def describe_next_run(self) -> str:
        """The first night that is to come, in words."""
        coming = [each for each in self._sites.values() if each.handed is not None]
        first = min(
            coming, key=lambda each: each.handed.start_at if each.handed else each.seen, default=None
        )
        return f"next is {first.site.id} at {_shown(first)}" if first else "nothing is scheduled"

    def _report(self, event: JobEvent) -> None:
        if event.code == EVENT_JOB_MISSED:
            planned = self._sites.get(event.job_id)
            at = (
                event.scheduled_run_time
                if planned is None
                else event.scheduled_run_time - planned.delay
            )
            self._say(
                _missed(planned.site, (at,)) if planned else f"{event.job_id}: a night was missed"
            )
        elif event.code == EVENT_JOB_MAX_INSTANCES:
            self._say(f"{event.job_id}: the night before is still at work, so this one is left out")
        else:
            self._say(f"{event.job_id}: could not be started: {event.exception!r}")


def _shown(planned: _Planned) -> str:
    """When the next night of a Site starts, on its own clock."""
    assert planned.handed is not None
    return f"{planned.handed.start_at.astimezone(ZoneInfo(planned.site.timezone)):%Y-%m-%d %H:%M %Z}"


def _missed(site: Site, missed: Sequence[datetime]) -> str:
    days = [f"{at.astimezone(ZoneInfo(site.timezone)):%Y-%m-%d %H:%M}" for at in missed]
    what = (
        f"the night of {days[0]} was"
        if len(days) == 1
        else f"{len(days)} nights, from {days[0]} to {days[-1]}, were"
    )
    return f"{site.id}: {what} missed by more than {HOURS} hours and left out; was the machine off or asleep?"


class RunStarter(Protocol):
    """Who begins the nights."""

    def run(self, site: Site, night: ScheduledRun) -> None: ...

    def status(self) -> str: ...

    def stop(self) -> None: ...


def run_scheduler(settings: Settings, crawls: Crawls, say: Say, begin: RunStarter | None = None) -> None:
    """Runs until SIGTERM or SIGINT, and then ends what is at work in order. The nights run here, unless somebody else is to
    `begin` them. Raises StoreError where the archive cannot be read at the start."""
    over = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    nights = begin or ChildRuns(settings, crawls, say)
    scheduler = BackgroundScheduler(
        timezone="UTC", executors={"default": ThreadPoolExecutor(THREADS)}
    )
    plan = SiteSchedule(scheduler, nights.run, say, settings.spread_minutes)
    begun = crawls(None)
    scheduler.start()
    systemd = SystemdNotifier(os.environ, os.getpid())
    _keep(plan, nights, _Files(settings, say), systemd, begun, over)
    systemd.stopping()
    say("ending: what is at work stops in order")
    scheduler.pause()
    nights.stop()
    scheduler.shutdown()


class _Files:
    """The site files as they are, read once a minute."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._folder = settings.sites_folder
        self._say = say
        self._told = set[str]()
        self._read_at = -REREAD
        self.sites: tuple[Site, ...] = ()
        self.broken: tuple[str, ...] = ()

    def read(self) -> None:
        if time.monotonic() - self._read_at < REREAD:
            return
        self._read_at = time.monotonic()
        self.sites, errors = sites.load_sites(self._folder)
        self.broken = tuple(
            {path.stem for path in sites.list_site_files(self._folder)} - {site.id for site in self.sites}
        )
        wrong = {str(error) for error in errors}
        for error in sorted(wrong - self._told):
            self._say(f"{error}; its schedule stays as it was")
        self._told = wrong


def _keep(
    plan: SiteSchedule,
    nights: RunStarter,
    files: _Files,
    systemd: SystemdNotifier,
    begun: Mapping[str, Sequence[PastRun]],
    over: threading.Event,
) -> None:
    """Looks again and again, until it is over."""
    files.read()
    plan.update(files.sites, datetime.now(UTC), broken=files.broken, begun=begun)
    systemd.ready()
    pause = min(LOOK, systemd.watchdog / 3) if systemd.watchdog else LOOK
    while True:
        systemd.status(f"{nights.status()}; {plan.describe_next_run()}")
        systemd.alive()
        if over.wait(pause):
            return
        files.read()
        plan.update(files.sites, datetime.now(UTC), broken=files.broken)
