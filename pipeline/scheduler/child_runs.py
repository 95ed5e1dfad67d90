"""Run nights as child processes of the scheduler: a limited number at a time, each with a limit.

A child ends together with the scheduler, in order if there is time for it. A night that another
command has run meanwhile is skipped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.errors import ExitCode, NightdeskError
from pipeline.scheduler.planning import PastRun, ScheduledRun, last_completed
from pipeline.scheduler.sd_notify import VARIABLES

CLEAN_SECONDS = 3 * 3600.0  # beyond the limit of the crawl, before a night is stopped
STOP_TIMEOUT = 30.0  # seconds that a night has to end in order
MAX_SITES_IN_STATUS = 5

PastRuns = Callable[[str | None], Mapping[str, Sequence[PastRun]]]
"""Returns the past crawls by site, of one site or of all."""


class ChildRuns:
    """The nights that run. Many threads call `run`.

    Args:
        settings: The settings of the installation.
        past_runs: Returns the past crawls of a site.
        say: Receives sentences for people.
    """

    def __init__(self, settings: Settings, past_runs: PastRuns, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._past_runs = past_runs
        self._say = say
        self._slots = threading.Semaphore(settings.crawls)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._is_stopping = False

    def run(self, site: Site, night: ScheduledRun) -> None:
        """Run one night of one site, once there is a slot for it. Wait for its end."""
        with self._slots:
            crawled_at = self._crawled_elsewhere(site, night)
            if crawled_at is not None:
                self._say(
                    f"{site.id}: crawled at {crawled_at:%H:%M} by another command,"
                    " so the night is skipped"
                )
                return
            child = self._start_child(site)
            if child is not None:
                self._wait_for_child(site, child)

    def status(self) -> str:
        """Return which sites have a night that runs, for people."""
        with self._lock:
            names = sorted(self._children)
        if not names:
            return "nothing is running"
        more = " …" if len(names) > MAX_SITES_IN_STATUS else ""
        return f"running: {', '.join(names[:MAX_SITES_IN_STATUS])}{more}"

    def stop(self) -> None:
        """Stop all nights, in order. No night starts any more."""
        with self._lock:
            self._is_stopping = True
            children = list(self._children.values())
        for child in children:
            _interrupt(child)
        for child in children:
            _wait_or_kill(child)

    def _crawled_elsewhere(self, site: Site, night: ScheduledRun) -> datetime | None:
        """Return when another command has run the night, in the site's time zone."""
        try:
            crawls = self._past_runs(site.id).get(site.id, ())
        except NightdeskError:  # the night itself meets it, too, and reports it
            return None
        completed = last_completed(crawls, datetime.now(UTC))
        if completed is None or completed < night.planned_at:
            return None
        return completed.astimezone(ZoneInfo(site.timezone))

    def _start_child(self, site: Site) -> subprocess.Popen[bytes] | None:
        command = [sys.executable, "-P", "-m", "pipeline"]
        command += ["--home", str(self._settings.home), "crawl", site.id]
        environment = {}
        for name, value in os.environ.items():
            if name not in VARIABLES:
                environment[name] = value
        # Not as an argument, because `ps` shows arguments to everybody.
        environment["NIGHTDESK_DATABASE_URL"] = self._settings.database_url
        with self._lock:
            if self._is_stopping:
                return None
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
            )
            self._children[site.id] = child
        self._say(f"{datetime.now().astimezone():%Y-%m-%d %H:%M} {site.id}: the night begins")
        return child

    def _wait_for_child(self, site: Site, child: subprocess.Popen[bytes]) -> None:
        try:
            code = child.wait(site.politeness.max_minutes * 60 + CLEAN_SECONDS)
        except subprocess.TimeoutExpired:
            self._say(
                f"{site.id}: the night takes too long and is stopped;"
                " the next one goes on from there"
            )
            _interrupt(child)
            _wait_or_kill(child)
            code = ExitCode.PARTLY
        finally:
            with self._lock:
                self._children.pop(site.id, None)
        if code:
            self._say(f"{site.id}: the night ended with exit code {code}")


def _interrupt(child: subprocess.Popen[bytes]) -> None:
    """Ask a child to end, only once: a second signal would make it end without order."""
    with suppress(ProcessLookupError):
        child.send_signal(signal.SIGINT)


def _wait_or_kill(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
