"""The scheduler's service: it crawls each site by its cron line until it gets a signal.

Each night runs once, whatever the clock does and however often the service starts: `planning`
decides this from what the archive knows. A site never runs twice at the same time. Changed, new
and removed site files need no restart. APScheduler keeps the next night of each site and starts
it.
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
from pipeline.scheduler.child_runs import ChildRuns, PastRuns
from pipeline.scheduler.planning import (
    GRACE,
    MAX_CLOCK_ERROR,
    PastRun,
    ScheduledRun,
    last_completed,
    next_run,
    start_delay,
)
from pipeline.scheduler.sd_notify import SystemdNotifier

UPDATE_INTERVAL = 15.0  # seconds; after the machine slept, the schedule is wrong for no longer
SITES_INTERVAL = 60.0  # seconds between two readings of the site files
# A night that waits for a slot waits in a thread. In APScheduler's queue it would become too late.
MAX_THREADS = 1000
GRACE_HOURS = int(GRACE.total_seconds() // 3600)

Say = Callable[[str], None]


class RunStarter(Protocol):
    """Runs the nights."""

    def run(self, site: Site, night: ScheduledRun) -> None:
        """Run one night of one site."""

    def status(self) -> str:
        """Return what runs now, for people."""

    def stop(self) -> None:
        """Stop what runs, in order."""


@dataclass
class _SiteState:
    """A site in the schedule.

    Attributes:
        site: The site.
        cron: Its cron line.
        delay: How long after its cron line it starts.
        done: Up to when its nights are done.
        checked_at: The last time at which its next night was decided.
        submitted: The night that APScheduler has.
    """

    site: Site
    cron: CronSchedule
    delay: timedelta
    done: datetime
    checked_at: datetime
    submitted: ScheduledRun | None = None


class SiteSchedule:
    """The next night of each site, as a job of APScheduler. Call `update` often.

    Args:
        scheduler: APScheduler.
        run: Runs one night of one site.
        say: Receives sentences for people.
        spread_minutes: The longest delay after a cron line.
    """

    def __init__(
        self,
        scheduler: BaseScheduler,
        run: Callable[[Site, ScheduledRun], None],
        say: Say,
        spread_minutes: float = 0.0,
    ) -> None:
        self._scheduler = scheduler
        self._run = run
        self._say = say
        self._spread_minutes = spread_minutes
        self._states: dict[str, _SiteState] = {}
        scheduler.add_listener(
            self._report_event, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )

    def update(
        self,
        current_sites: Sequence[Site],
        now: datetime,
        *,
        unreadable: Sequence[str] = (),
        past_runs: Mapping[str, Sequence[PastRun]] | None = None,
    ) -> None:
        """Adapt the schedule to the sites and the clock.

        Args:
            current_sites: The sites as their files describe them now.
            now: The current time.
            unreadable: Sites whose files cannot be read now. Their schedule stays.
            past_runs: At the start, the past crawls by site. Nights that were due since then are
                made up for.
        """
        enabled = {site.id: site for site in current_sites if site.enabled}
        for name in list(self._states):
            if name not in enabled and name not in unreadable:
                self._remove(name)
                self._say(f"{name}: no longer scheduled")
        for site in enabled.values():
            self._update_site(site, now, (past_runs or {}).get(site.id, ()))
        for state in self._states.values():
            self._submit_next(state, now)
        # APScheduler waits by a clock that stands still while the machine sleeps.
        self._scheduler.wakeup()

    def describe_next_run(self) -> str:
        """Return the first night that comes, for people."""
        first: _SiteState | None = None
        for state in self._states.values():
            if state.submitted is None:
                continue
            if first is None or _start_of(state) < _start_of(first):
                first = state
        if first is None:
            return "nothing is scheduled"
        return f"next is {first.site.id} at {_local_start(first)}"

    def _remove(self, name: str) -> None:
        del self._states[name]
        if self._scheduler.get_job(name) is not None:
            self._scheduler.remove_job(name)

    def _update_site(self, site: Site, now: datetime, past_runs: Sequence[PastRun]) -> None:
        state = self._states.get(site.id)
        if state is not None and state.site == site:
            return
        if state is not None and _has_same_times(state.site, site):
            state.site = site
            with suppress(JobLookupError):  # it has just begun
                arguments = (site, state.submitted)
                self._scheduler.modify_job(site.id, args=arguments, name=site.name)
        else:
            if state is not None:
                self._remove(site.id)
            state = self._add(site, now, past_runs)
        self._submit_next(state, now)
        following = f"next at {_local_start(state)}" if state.submitted else "never"
        self._say(f"{site.id}: '{site.cron}' {site.timezone}, {following}")

    def _add(self, site: Site, now: datetime, past_runs: Sequence[PastRun]) -> _SiteState:
        cron = CronSchedule(site.cron, site.timezone)
        delay = start_delay(site.id, self._spread_minutes)
        done = last_completed(past_runs, now) or now
        state = _SiteState(site, cron, delay, done, now)
        self._states[site.id] = state
        return state

    def _submit_next(self, state: _SiteState, now: datetime) -> None:
        """Submit the next night, if APScheduler has none or the clock was changed."""
        submitted, checked_at = state.submitted, state.checked_at
        state.checked_at = now
        if state.done > now + MAX_CLOCK_ERROR:  # the clock was wrong then
            state.done = now
        if submitted is not None:
            if checked_at <= now < submitted.start_at:
                return
            if self._scheduler.get_job(state.site.id) is None:  # started, missed or skipped
                state.done = max(state.done, submitted.planned_at)
                state.submitted = None
            elif submitted.start_at <= now:  # it is about to start
                return
        following = next_run(state.cron, state.delay, state.done, now)
        if following.missed:
            state.done = following.missed[-1]
            self._say(_missed_sentence(state.site, following.missed))
        if following.run is not None and following.run != state.submitted:
            self._submit(state, following.run)

    def _submit(self, state: _SiteState, night: ScheduledRun) -> None:
        state.submitted = night
        self._scheduler.add_job(
            self._run,
            DateTrigger(night.start_at, "UTC"),
            args=(state.site, night),
            id=state.site.id,
            name=state.site.name,
            replace_existing=True,
            misfire_grace_time=int(GRACE.total_seconds()),
            coalesce=True,
            max_instances=1,
        )

    def _report_event(self, event: JobEvent) -> None:
        name = event.job_id
        if event.code == EVENT_JOB_MAX_INSTANCES:
            self._say(f"{name}: the night before is still running, so this one is skipped")
        elif event.code != EVENT_JOB_MISSED:
            self._say(f"{name}: could not be started: {event.exception!r}")
        elif name in self._states:
            state = self._states[name]
            planned_at = event.scheduled_run_time - state.delay
            self._say(_missed_sentence(state.site, (planned_at,)))
        else:
            self._say(f"{name}: a night was missed")


def run_scheduler(
    settings: Settings, past_runs: PastRuns, say: Say, starter: RunStarter | None = None
) -> None:
    """Run until SIGTERM or SIGINT, and then stop what runs, in order.

    Args:
        settings: The settings of the installation.
        past_runs: Returns the past crawls.
        say: Receives sentences for people.
        starter: Runs the nights. By default, they are child processes.

    Raises:
        StoreError: The archive cannot be read at the start.
    """
    stop_event = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stop_event.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    starter = starter or ChildRuns(settings, past_runs, say)
    executors = {"default": ThreadPoolExecutor(MAX_THREADS)}
    scheduler = BackgroundScheduler(timezone="UTC", executors=executors)
    schedule = SiteSchedule(scheduler, starter.run, say, settings.spread_minutes)
    past_runs_at_start = past_runs(None)
    scheduler.start()
    systemd = SystemdNotifier(os.environ, os.getpid())
    site_files = _SiteFiles(settings, say)
    site_files.read()
    schedule.update(
        site_files.sites,
        datetime.now(UTC),
        unreadable=site_files.unreadable,
        past_runs=past_runs_at_start,
    )
    systemd.ready()
    _update_until_stopped(schedule, starter, site_files, systemd, stop_event)
    systemd.stopping()
    say("stopping: nights that are running stop in order")
    scheduler.pause()
    starter.stop()
    scheduler.shutdown()


class _SiteFiles:
    """The site files, read again when some time has passed."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self.sites: tuple[Site, ...] = ()
        self.unreadable: tuple[str, ...] = ()
        self._folder = settings.sites_folder
        self._say = say
        self._reported = set[str]()
        self._read_at = -SITES_INTERVAL

    def read(self) -> None:
        if time.monotonic() - self._read_at < SITES_INTERVAL:
            return
        self._read_at = time.monotonic()
        self.sites, errors = sites.load_sites(self._folder)
        names = {path.stem for path in sites.list_site_files(self._folder)}
        self.unreadable = tuple(names - {site.id for site in self.sites})
        messages = {str(error) for error in errors}
        for message in sorted(messages - self._reported):
            self._say(f"{message}; its schedule stays as it was")
        self._reported = messages


def _update_until_stopped(
    schedule: SiteSchedule,
    starter: RunStarter,
    site_files: _SiteFiles,
    systemd: SystemdNotifier,
    stop_event: threading.Event,
) -> None:
    interval = UPDATE_INTERVAL
    if systemd.watchdog:
        interval = min(interval, systemd.watchdog / 3)
    while True:
        systemd.status(f"{starter.status()}; {schedule.describe_next_run()}")
        systemd.alive()
        if stop_event.wait(interval):
            return
        site_files.read()
        now = datetime.now(UTC)
        schedule.update(site_files.sites, now, unreadable=site_files.unreadable)


def _has_same_times(one: Site, other: Site) -> bool:
    return (one.cron, one.timezone) == (other.cron, other.timezone)


def _start_of(state: _SiteState) -> datetime:
    assert state.submitted is not None
    return state.submitted.start_at


def _local_start(state: _SiteState) -> str:
    """Return when the next night of a site starts, in its time zone."""
    return f"{_start_of(state).astimezone(ZoneInfo(state.site.timezone)):%Y-%m-%d %H:%M %Z}"


def _missed_sentence(site: Site, missed: Sequence[datetime]) -> str:
    zone = ZoneInfo(site.timezone)
    times = [f"{planned_at.astimezone(zone):%Y-%m-%d %H:%M}" for planned_at in missed]
    nights = f"the night of {times[0]} was"
    if len(times) > 1:
        nights = f"{len(times)} nights, from {times[0]} to {times[-1]}, were"
    return (
        f"{site.id}: {nights} missed by more than {GRACE_HOURS} hours and skipped;"
        " was the machine off or asleep?"
    )
