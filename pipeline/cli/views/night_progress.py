"""How a night looks while it goes on: bars for a person at a terminal, a line for each finished Site where nobody watches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from pipeline.cli.console import console, print_line
from pipeline.cli.progress import RateColumn
from pipeline.cli.views.night_summary import site_line
from pipeline.jobs.nightly import SiteResult

REPORT_INTERVAL = 30.0  # seconds between two lines on how far a clean is


def format_rate(done: int, seconds: float, left: int) -> str:
    """The rate, and how long the rest takes at it; "" while there is nothing to measure."""
    if done <= 0 or seconds <= 0:
        return ""
    rest = left * seconds / done
    told = (
        f"{rest:.0f} s"
        if rest < 90
        else f"{rest / 60:.0f} min"
        if rest < 5400
        else f"{rest / 3600:.1f} h"
    )
    return f", {done / seconds:,.0f} a second, about {told} left"


class PlainProgress(AbstractContextManager["Lines"]):
    """For logs and mails: a line for each finished Site, and now and then one on how far a long clean is. With `quiet`,
    nothing: the summary or the JSON says it."""

    def __init__(self, quiet: bool, clock: Callable[[], float] = monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._stages: dict[
            tuple[str, str], tuple[float, int]
        ] = {}  # when it was first heard of, and how far it was
        self._told = clock()

    def crawl(self, site: str, event: dict[str, Any]) -> None:
        pass

    def clean(self, site: str, stage: str, done: int, of: int) -> None:
        now = self._clock()
        began, first = self._stages.setdefault((site, stage), (now, done))
        if not self._quiet and now - self._told >= REPORT_INTERVAL and done < of:
            self._told = now
            print_line(f"{site}: {stage} {done:,} of {of:,}{format_rate(done - first, now - began, of - done)}")

    def done(self, night: SiteResult) -> None:
        if not self._quiet:
            print_line(site_line(night))

    def __exit__(self, *_: object) -> None:
        pass


class RichProgress(AbstractContextManager["Bars"]):
    """For a person: one bar a Site, first of its crawl, then of its cleaning."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[site]}", style="bold"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def crawl(self, site: str, event: dict[str, Any]) -> None:
        match event["event"]:
            case "started" | "place":
                self._show(site, "reading feeds and lists")
            case "due":
                self._show(site, "fetching", total=event["count"])
            case "page":
                self._show(site, "fetching", advance=1)

    def clean(self, site: str, stage: str, done: int, of: int) -> None:
        self._show(site, stage, completed=done, total=of)

    def done(self, night: SiteResult) -> None:
        with self._lock:
            task = self._tasks.pop(night.site, None)
            if task is not None:
                self._progress.remove_task(task)
        self._progress.console.print(site_line(night), markup=False)

    def _show(self, site: str, stage: str, **changes: Any) -> None:
        with self._lock:
            if site not in self._tasks:
                self._tasks[site] = self._progress.add_task(stage, site=site, total=None)
            self._progress.update(self._tasks[site], description=stage, **changes)


def night_progress(*, quiet: bool) -> PlainProgress | RichProgress:
    """What suits whoever is there."""
    return RichProgress() if console.is_terminal and not quiet else PlainProgress(quiet)
