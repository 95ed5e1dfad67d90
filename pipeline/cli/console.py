"""What a person reads: tables that fit a terminal, plain aligned columns where nobody watches, and JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def exit_on_broken_pipe() -> NoReturn:
    """Ends the command in peace: nobody reads any more, and Python would complain of it when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0)


class PipeSafeConsole(Console):
    """A console whose reader may leave early, as in `nightdesk search … | head`: that is no trouble."""

    def on_broken_pipe(self) -> None:
        exit_on_broken_pipe()


console = PipeSafeConsole(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Cell = str | int | Text


def print_line(line: str | Text = "") -> None:
    """One line for people."""
    console.print(line, markup=False)


def print_error(sentence: str) -> None:
    """One sentence on standard error."""
    errors.print(Text.assemble(("nightdesk: ", "bold red" if errors.is_terminal else ""), sentence))


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    _write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        exit_on_broken_pipe()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, last: Sequence[Cell] | None = None
) -> None:
    """A table; numbers stand right. `last` is a row of sums."""
    body = [list(row) for row in rows]
    if not console.is_terminal:
        _plain_table(columns, [*body, list(last)] if last else body)
        return
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(columns):
        is_number = bool(body) and all(isinstance(row[number], int) for row in body)
        shown.add_column(
            name, justify="right" if is_number else "left", no_wrap=number == 0 or is_number
        )
    for row in body:
        shown.add_row(*(_cell(value) for value in row))
    if last:
        shown.add_section()
        shown.add_row(*(_cell(value) for value in last), style="bold")
    PipeSafeConsole(highlight=False).print(shown)


def _cell(value: Cell) -> str | Text:
    if isinstance(value, int):
        return Text(str(value), style="" if value else "dim")
    return value if isinstance(value, Text) else Text(value)


def _plain_table(columns: Sequence[str], rows: list[list[Cell]]) -> None:
    cells = [[str(value) for value in row] for row in rows]
    widths = [
        max(len(name), *(len(row[n]) for row in cells)) if cells else len(name)
        for n, name in enumerate(columns)
    ]
    right = [
        bool(rows) and all(isinstance(row[n], int) for row in rows) for n in range(len(columns))
    ]
    for line in (list(columns), *cells):
        padded = (
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        )
        _write("  ".join(padded).rstrip() + "\n")


def format_time(at: datetime | None) -> str:
    """A time as people read it, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def size(number: int) -> str:
    """Bytes as people read them."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return ""


def plural(number: int, one: str, many: str = "") -> str:
    """`1 article`, `2 articles`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
