"""The built-in schedule: each Site by the cron line of its file, each night in a child process of its own.

Promises that a night which starts late still starts (APScheduler's own default drops it after a second), that a Site never runs
twice at once, that a night which hangs is ended, and that changed, new and removed site files are noticed without a restart.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from types import FrameType

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from pipeline import sites
from pipeline.cron import trigger
from pipeline.errors import ExitCode
from pipeline.settings import Settings
from pipeline.sites import Site

MISFIRE_GRACE = 6 * 3600  # seconds that a night may start late
REREAD = 60.0  # seconds between two looks at the site files
CLEANING = 3 * 3600.0  # seconds beyond the crawl's own limit before a night is ended

Say = Callable[[str], None]


class Nights:
    """The children that are at work, so that they can be ended with us."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def run(self, site: Site) -> None:
        """One night of one Site; waits for its end."""
        command = [sys.executable, "-P", "-m", "pipeline", "--home", str(self._settings.home), "crawl", site.id]
        environment = os.environ | {"NIGHTDESK_DATABASE_URL": self._settings.database_url}  # not for `ps` to see
        began = datetime.now().astimezone()
        self._say(f"{began:%Y-%m-%d %H:%M} {site.id}: the night begins")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, env=environment)
        with self._lock:
            self._children[site.id] = child
        try:
            code = child.wait(site.politeness.max_minutes * 60 + CLEANING)
        except subprocess.TimeoutExpired:
            self._say(f"{site.id}: the night takes too long and is ended; the next one goes on from there")
            _end(child)
            code = ExitCode.PARTLY
        finally:
            with self._lock:
                self._children.pop(site.id, None)
        if code:
            self._say(f"{site.id}: the night ended with exit code {code}")

    def end(self) -> None:
        """Ends all that is at work, in order."""
        with self._lock:
            children = list(self._children.values())
        for child in children:
            child.send_signal(signal.SIGINT)
        for child in children:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.send_signal(signal.SIGINT)
        child.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def sync(scheduler: BackgroundScheduler, nights: Nights, settings: Settings, say: Say) -> None:
    """Makes the jobs those of the site files as they are now."""
    found, errors = sites.load_all(settings.sites_folder)
    for error in errors:
        say(f"{error}; its schedule stays as it was")
    wanted = {site.id: site for site in found if site.enabled}
    broken = {path.stem for path in sites.files(settings.sites_folder)} - {site.id for site in found}
    for job in scheduler.get_jobs():
        if job.id not in wanted and job.id not in broken:
            job.remove()
            say(f"{job.id}: no longer scheduled")
    for site in wanted.values():
        _plan(scheduler, nights, site, say)


def _plan(scheduler: BackgroundScheduler, nights: Nights, site: Site, say: Say) -> None:
    job = scheduler.get_job(site.id)
    if job is not None and job.args == (site,):
        return
    job = scheduler.add_job(
        nights.run,
        trigger(site.cron, site.timezone),
        args=(site,),
        id=site.id,
        name=site.name,
        replace_existing=True,
        misfire_grace_time=MISFIRE_GRACE,
        coalesce=True,
        max_instances=1,
    )
    following = job.trigger.get_next_fire_time(None, datetime.now().astimezone())
    say(
        f"{site.id}: '{site.cron}' {site.timezone}, next at {following:%Y-%m-%d %H:%M %Z}" if following else f"{site.id}: never"
    )


def _report(event: JobEvent, say: Say) -> None:
    if event.code == EVENT_JOB_MISSED:
        say(f"{event.job_id}: a night was missed by more than {MISFIRE_GRACE // 3600} hours; was the machine asleep?")
    elif event.code == EVENT_JOB_MAX_INSTANCES:
        say(f"{event.job_id}: the night before is still at work, so this one is left out")
    else:
        say(f"{event.job_id}: could not be started: {event.exception!r}")


def serve(settings: Settings, say: Say) -> None:
    """Runs until SIGTERM or SIGINT, and then ends what is at work in order."""
    over = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    nights = Nights(settings, say)
    scheduler = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(settings.crawls)})
    mask = EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
    scheduler.add_listener(lambda event: _report(event, say), mask)
    scheduler.start()
    sync(scheduler, nights, settings, say)
    while not over.wait(REREAD):
        sync(scheduler, nights, settings, say)
    say("ending: what is at work stops in order")
    scheduler.pause()
    nights.end()
    scheduler.shutdown()
