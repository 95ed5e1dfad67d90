"""The nights that are at work: child processes of the schedule, so many at a time, each with a time limit.

Promises that a child ends with us, in order where there is time for it; that a night which somebody else has run meanwhile is
not run again; and that nothing is begun once the end has come.
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
from pipeline.scheduler.planning import ScheduledRun, PastRun, last_completed
from pipeline.scheduler.sd_notify import VARIABLES

CLEANING = 3 * 3600.0  # seconds beyond the crawl's own limit before a night is ended
LAST = 30.0  # seconds that a night has to end in order

Say = Callable[[str], None]
Crawls = Callable[[str | None], Mapping[str, Sequence[PastRun]]]


class ChildRuns:
    """See the module's head. `run` is called from many threads."""

    def __init__(self, settings: Settings, crawls: Crawls, say: Say) -> None:
        self._settings = settings
        self._crawls = crawls
        self._say = say
        self._places = threading.Semaphore(settings.crawls)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._is_over = False

    def run(self, site: Site, night: ScheduledRun) -> None:
        """One night of one Site, once there is a place for it; waits for its end."""
        with self._places:
            if elsewhere := self._elsewhere(site, night):
                self._say(
                    f"{site.id}: crawled at {elsewhere:%H:%M} by another command, so the night is left out"
                )
            elif child := self._begin(site):
                self._await(site, child)

    def _elsewhere(self, site: Site, night: ScheduledRun) -> datetime | None:
        """When somebody else has run the night, on the Site's clock."""
        try:
            crawls = self._crawls(site.id).get(site.id, ())
        except NightdeskError:  # which the night itself will meet, and tell
            return None
        done = last_completed(crawls, datetime.now(UTC))
        return (
            done.astimezone(ZoneInfo(site.timezone))
            if done is not None and done >= night.planned_at
            else None
        )

    def _begin(self, site: Site) -> subprocess.Popen[bytes] | None:
        command = [
            sys.executable,
            "-P",
            "-m",
            "pipeline",
            "--home",
            str(self._settings.home),
            "crawl",
            site.id,
        ]
        ours = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        environment = ours | {
            "NIGHTDESK_DATABASE_URL": self._settings.database_url
        }  # not for `ps` to see
        with self._lock:
            if self._is_over:
                return None
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
            )
            self._children[site.id] = child
        self._say(f"{datetime.now().astimezone():%Y-%m-%d %H:%M} {site.id}: the night begins")
        return child

    def _await(self, site: Site, child: subprocess.Popen[bytes]) -> None:
        try:
            code = child.wait(site.politeness.max_minutes * 60 + CLEANING)
        except subprocess.TimeoutExpired:
            self._say(
                f"{site.id}: the night takes too long and is ended; the next one goes on from there"
            )
            _ask_to_end(child)
            _see_off(child)
            code = ExitCode.PARTLY
        finally:
            with self._lock:
                self._children.pop(site.id, None)
        if code:
            self._say(f"{site.id}: the night ended with exit code {code}")

    def status(self) -> str:
        """Who is at work, in words."""
        with self._lock:
            names = sorted(self._children)
        return (
            f"at work: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
            if names
            else "nothing at work"
        )

    def stop(self) -> None:
        """Ends all that is at work, in order."""
        with self._lock:
            self._is_over = True
            children = list(self._children.values())
        for child in children:
            _ask_to_end(child)
        for child in children:
            _see_off(child)


def _ask_to_end(child: subprocess.Popen[bytes]) -> None:
    """Once: a second signal would cut the orderly end short."""
    with suppress(ProcessLookupError):
        child.send_signal(signal.SIGINT)


def _see_off(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(LAST)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
