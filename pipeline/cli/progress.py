"""How far one long piece of work is: a bar for a person at a terminal, and nothing where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from pipeline.cli.console import console

UPDATE_INTERVAL = 0.1  # seconds between two changes of a bar


class ProgressCallback(Protocol):
    """Hears how many are done and, where that changes, of what."""

    def __call__(self, done: int, /, what: str | None = None) -> None: ...


class RateColumn(ProgressColumn):
    """Pages a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


class CountColumn(ProgressColumn):
    """How many, and of how many where that is known."""

    def render(self, task: Task) -> Text:
        return Text(
            f"{task.completed:,.0f}" + (f" of {task.total:,.0f}" if task.total is not None else "")
        )


@contextmanager
def progress_bar(
    what: str, total: Callable[[], int | None] = lambda: None, *, quiet: bool
) -> Iterator[ProgressCallback]:
    """One bar for as long as the block lasts. `total` is only asked where somebody looks."""
    if quiet or not console.is_terminal:
        yield lambda done, what=None: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        CountColumn(),
        RateColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total())
        shown = 0.0

        def tell(done: int, /, what: str | None = None) -> None:
            nonlocal shown
            if (now := monotonic()) - shown >= UPDATE_INTERVAL:
                shown = now
                progress.update(task, completed=done, description=what)

        yield tell
