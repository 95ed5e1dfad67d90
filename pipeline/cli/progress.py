"""Progress of long work: bars for a person at a terminal, few lines or nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline.cli.console import console, print_line
from pipeline.core.formatting import format_duration

UPDATE_INTERVAL: Final = 0.1  # seconds between two changes of a bar
REPORT_INTERVAL: Final = 30.0  # seconds between two lines where there is no terminal
BAR_WIDTH: Final = 30  # columns


class ProgressCallback(Protocol):
    """Receives how many items are done and, where that changes, what they are."""

    def __call__(self, done: int, /, description: str | None = None) -> None:
        """Set the number of items that are done."""


class StageProgress(Protocol):
    """Receives how far one stage of the work on a site is."""

    def __call__(self, name: str, stage: str, done: int, total: int) -> None:
        """Set how many items of a stage are done, out of how many."""


class RateColumn(ProgressColumn):
    """Items a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing while there is none."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


class CountColumn(ProgressColumn):
    """How many items are done, and out of how many where that is known."""

    def render(self, task: Task) -> Text:
        """Return `120 of 3,000`, or `120` without a total."""
        if task.total is None:
            return Text(f"{task.completed:,.0f}")
        return Text(f"{task.completed:,.0f} of {task.total:,.0f}")


def format_rate(done: int, seconds: float, remaining: int) -> str:
    """Return the rate and the time that the rest takes, or "" if nothing is measured yet."""
    if done <= 0 or seconds <= 0:
        return ""
    time_left = timedelta(seconds=remaining * seconds / done)
    return f", {done / seconds:,.0f} a second, about {format_duration(time_left)} left"


@contextmanager
def progress_bar(
    description: str, count_total: Callable[[], int | None] = lambda: None, *, quiet: bool
) -> Iterator[ProgressCallback]:
    """Show one bar while the block runs.

    Args:
        description: What is counted, as in "articles".
        count_total: Returns the total, or None if nobody knows it. Called only if a bar is shown.
        quiet: Show nothing.
    """
    if quiet or not console.is_terminal:
        yield lambda done, description=None: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=BAR_WIDTH),
        CountColumn(),
        RateColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=count_total())
        updated_at = 0.0

        def update(done: int, /, description: str | None = None) -> None:
            nonlocal updated_at
            now = monotonic()
            if now - updated_at >= UPDATE_INTERVAL:
                updated_at = now
                progress.update(task, completed=done, description=description)

        yield update


class PlainStages(AbstractContextManager["PlainStages"]):
    """Progress for logs and mails: now and then a line on how far a long stage is."""

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = monotonic) -> None:
        """Start the clock.

        Args:
            quiet: Print nothing, because a summary or JSON follows.
            clock: Returns seconds.
        """
        self.quiet = quiet
        self._clock = clock
        self._first_updates: dict[tuple[str, str], tuple[float, int]] = {}  # (time, done)
        self._reported_at = clock()

    def update(self, name: str, stage: str, done: int, total: int) -> None:
        """Print a line if the last one is older than `REPORT_INTERVAL`."""
        now = self._clock()
        started_at, done_before = self._first_updates.setdefault((name, stage), (now, done))
        if self.quiet or now - self._reported_at < REPORT_INTERVAL or done >= total:
            return
        self._reported_at = now
        rate = format_rate(done - done_before, now - started_at, total - done)
        print_line(f"{name}: {stage} {done:,} of {total:,}{rate}")

    def __enter__(self) -> Self:
        """Return the progress itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: no line needs to be taken back."""


class RichStages(AbstractContextManager["RichStages"]):
    """Progress for a person at a terminal: one bar for each name, with its present stage."""

    def __init__(self) -> None:
        """Prepare the bars; `with` shows them."""
        self._progress = Progress(
            TextColumn("{task.fields[name]}", style="bold"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=BAR_WIDTH),
            MofNCompleteColumn(),
            RateColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the bars."""
        self._progress.stop()

    def update(self, name: str, stage: str, done: int, total: int) -> None:
        """Set how far a stage is."""
        self.set_stage(name, stage, completed=done, total=total)

    def set_stage(self, name: str, stage: str, **changes: Any) -> None:
        """Change the bar of a name, and add it if there is none.

        Args:
            name: What the bar is about, such as a site's id.
            stage: The text before the bar.
            changes: Arguments of `rich.progress.Progress.update`.
        """
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(stage, name=name, total=None)
            self._progress.update(self._tasks[name], description=stage, **changes)

    def finish(self, name: str, line: str) -> None:
        """Replace the bar of a name with a line."""
        with self._lock:
            task = self._tasks.pop(name, None)
            if task is not None:
                self._progress.remove_task(task)
        self._progress.console.print(line, markup=False)


@contextmanager
def stage_progress(*, quiet: bool) -> Iterator[StageProgress]:
    """Show bars for the stages of a work: at a terminal as bars, elsewhere as lines."""
    if console.is_terminal and not quiet:
        with RichStages() as bars:
            yield bars.update
    else:
        with PlainStages(quiet=quiet) as lines:
            yield lines.update
