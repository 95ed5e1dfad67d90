"""Output for people and programs: lines, tables that fit a terminal or a pipe, and JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.core.errors import ExitCode
from pipeline.core.local_times import DAY


def exit_on_broken_pipe() -> NoReturn:
    """End the command with code 0 because its reader closed the pipe.

    Standard output points to the null device from then on. Python would otherwise complain when
    it flushes the rest at its end.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0)


@contextmanager
def exit_on_interrupt(sentence: str) -> Iterator[None]:
    """End the command in order when the user presses Ctrl-C in the block, and on SIGTERM.

    Args:
        sentence: What is kept, and how to go on.
    """
    try:
        with _sigterm_as_ctrl_c():
            yield
    except KeyboardInterrupt:
        print_error(f"interrupted; {sentence}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C in this process. Whoever handles it already goes on to do so."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    process = os.getpid()

    def interrupt(_number: int, _frame: object) -> None:
        if os.getpid() == process:
            signal.raise_signal(signal.SIGINT)
        else:  # a child that was forked inside the block
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class PipeSafeConsole(Console):
    """A console whose reader may close the pipe early, as in `nightdesk search … | head`."""

    def on_broken_pipe(self) -> None:
        """End the command without an error."""
        exit_on_broken_pipe()


console = PipeSafeConsole(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Cell = str | int | Text


def print_line(line: str | Text = "") -> None:
    """Print one line for people."""
    console.print(line, markup=False)


def print_error(sentence: str) -> None:
    """Print one sentence on standard error."""
    # rich leaves the style out where there is no terminal
    errors.print(Text.assemble(("nightdesk: ", "bold red"), sentence))


def print_json(value: Any) -> None:
    """Print one JSON document on standard output. Dataclasses in it become objects."""
    write_text(json.dumps(value, ensure_ascii=False, indent=2, default=_json_value) + "\n")


def write_text(text: str) -> None:
    """Write a text to standard output as it is."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        exit_on_broken_pipe()


def _json_value(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, total: Sequence[Cell] | None = None
) -> None:
    """Print a table: styled on a terminal, plain aligned columns elsewhere.

    Args:
        columns: The headings.
        rows: The cells of each row. A column that holds only numbers is aligned to the right.
        total: A last row with sums.
    """
    body = [list(row) for row in rows]
    if not console.is_terminal:
        if total:
            body.append(list(total))
        _print_plain_table(columns, body)
        return
    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        is_number = _is_number_column(body, number)
        justify: Any = "right" if is_number else "left"
        grid.add_column(name, justify=justify, no_wrap=number == 0 or is_number)
    for row in body:
        grid.add_row(*map(_cell, row))
    if total:
        grid.add_section()
        grid.add_row(*map(_cell, total), style="bold")
    PipeSafeConsole(highlight=False).print(grid)


def _is_number_column(rows: Sequence[Sequence[Cell]], number: int) -> bool:
    return bool(rows) and all(isinstance(row[number], int) for row in rows)


def _cell(value: Cell) -> Text:
    if isinstance(value, Text):
        return value
    return Text(str(value), style="dim" if value == 0 else "")


def _print_plain_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    lines = [list(columns)]
    for row in rows:
        lines.append([str(value) for value in row])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    is_number = [_is_number_column(rows, number) for number in range(len(columns))]
    for line in lines:
        padded = []
        for number, text in enumerate(line):
            width = widths[number]
            padded.append(text.rjust(width) if is_number[number] else text.ljust(width))
        write_text("  ".join(padded).rstrip() + "\n")


def format_time(at: datetime | None) -> str:
    """Return a time in UTC as people read it, or "" for None."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def format_date(at: datetime, precision: str) -> str:
    """Return a date as people read it: a time with "UTC", or only its day if that is all."""
    return format_day(at) if precision == DAY else f"{format_time(at)} UTC"


def format_day(at: date | None) -> str:
    """Return a day as people read it, or "" for None."""
    return f"{at:%Y-%m-%d}" if at else ""


def partial_failure_code(failed: object) -> ExitCode:
    """Return the exit code of a command that failed for some sites, pages or rows, or for none."""
    return ExitCode.PARTLY if failed else ExitCode.OK
