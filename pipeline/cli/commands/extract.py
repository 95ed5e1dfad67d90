"""The command that needs no archive: extract.

Promises clean texts and nothing else on standard output, and on standard error a sentence for each page that could not be read.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated, TypeVar

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from pipeline.cli.console import print_error, errors, plural
from pipeline.cli.context import get_context
from pipeline.config.settings import Settings
from pipeline.core.errors import ConfigError, DiskError, ExitCode
from pipeline.formats.readers import page_files
from pipeline.jobs.batch_clean import PageBatch, CleanedPage, to_json
from pipeline.jobs.workers.pool import WorkerPool

T = TypeVar("T")


class Troubles:
    """What was left out: told at once, and remembered for the exit code."""

    def __init__(self) -> None:
        self.codes: Counter[ExitCode] = Counter()

    def __call__(self, sentence: str, code: ExitCode) -> None:
        print_error(sentence)
        self.codes[code] += 1

    @property
    def code(self) -> ExitCode:
        return next(
            (code for code in (ExitCode.CONFIG, ExitCode.PARTLY) if code in self.codes), ExitCode.OK
        )


def extract(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILES",
            help="HTML files, folders of them, WARC, JSON lines; - is standard input, the default.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the texts instead of standard output.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes. Default: as in the settings.")
    ] = None,
) -> None:
    """Clean pages from files, without an archive: one line of JSON for each page."""
    settings, names = get_context(context).settings, files or [page_files.STDIN]
    if sys.stdout is None:
        raise DiskError("standard output: is closed")
    if not files and sys.stdin is not None and sys.stdin.isatty():
        raise typer.BadParameter("name files or folders, or pipe pages in")
    page_files.check(names)
    try:
        with _sink(output, names) as sink:
            code = _run(names, sink, workers or settings.processes, settings)
    except KeyboardInterrupt:
        print_error("interrupted; the texts that were written are whole")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader has enough, as in `| head`
        code = ExitCode.OK
    raise typer.Exit(code)


@contextmanager
def _sink(path: Path | None, names: Sequence[str]) -> Iterator[IO[bytes]]:
    """Where the texts go. A file that is also read from is refused."""
    if path is None:
        try:
            yield sys.stdout.buffer
        except (BrokenPipeError, DiskError):  # nor will what is left in the buffer find a way out
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise
        return
    if any(name != page_files.STDIN and path.exists() and path.samefile(name) for name in names):
        raise ConfigError(f"{path}: is read from; the texts need a file of their own")
    with _whole(path) as stream:
        yield stream


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is whole; what was written of one that breaks off lies beside it, under another name.
    What is no file, as a pipe or /dev/null, is written to as it is."""
    is_file = path.is_file() or not path.exists()
    target = path.resolve()  # where a link points, which stays one
    part = target.with_name(f"{target.name}.part") if is_file else target
    try:
        stream = part.open("wb")
    except OSError as error:
        raise DiskError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        yield stream
    except BaseException:
        with suppress(OSError):  # told before: the last line is followed by a flush
            stream.close()
        if is_file:
            _leave(path, part)
        raise
    stream.close()
    if is_file:
        part.replace(target)


def _leave(path: Path, part: Path) -> None:
    """Says where the part is that was written, if there is one."""
    if part.stat().st_size:
        print_error(f"{path}: is not whole; what was written of it is in {part}")
    else:
        part.unlink()


def _run(names: Sequence[str], sink: IO[bytes], processes: int, settings: Settings) -> ExitCode:
    troubles = Troubles()
    outcomes: Counter[str] = Counter()
    with PageBatch() as batch, _bars() as bars:
        with WorkerPool(processes, settings.page_seconds, settings.page_megabytes) as workers:
            for _ in _watched(
                bars, "extracting", batch.extract(page_files.pages(names, troubles), workers)
            ):
                pass
        for output in _watched(bars, "cleaning", batch.clean(), batch.pages):
            outcomes[output.result.outcome] += 1
            _write(sink, _line(output))
        _write(sink, b"")
    if not batch.pages and not troubles.codes:
        troubles("there is no page in the input", ExitCode.PARTLY)
    if errors.is_terminal:
        _sum_up(outcomes, troubles)
    return troubles.code


def _write(sink: IO[bytes], line: bytes) -> None:
    """Writes a line; an empty one is the end."""
    try:
        if line:
            sink.write(line)
        else:
            sink.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DiskError(f"the texts cannot be written: {error.strerror}") from None


def _line(output: CleanedPage) -> bytes:
    value = to_json(output)
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half a character, in an id
        return json.dumps(value).encode() + b"\n"


def _sum_up(outcomes: Counter[str], troubles: Troubles) -> None:
    parts = [f"{number:,} {outcome}" for outcome, number in outcomes.most_common()]
    left_out = troubles.codes.total()
    parts += [plural(left_out, "complaint")] if left_out else []
    errors.print(
        f"{plural(outcomes.total(), 'page')}: {', '.join(parts) or 'nothing'}.", markup=False
    )


@contextmanager
def _bars() -> Iterator[Progress | None]:
    """Bars on standard error for a person; the total is known when all pages are in."""
    if not errors.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
    with Progress(
        *columns,
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(compact=True),
        console=errors,
        transient=True,
    ) as bars:
        yield bars


def _watched(
    bars: Progress | None, stage: str, steps: Iterable[T], total: int | None = None
) -> Iterator[T]:
    task = bars.add_task(stage, total=total) if bars else None
    for step in steps:
        yield step
        if bars and task is not None:
            bars.advance(task)
