"""`nightdesk extract`: clean texts from files, without an archive."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import IO, Annotated, Final, TypeVar

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from pipeline.cli.console import errors, print_error
from pipeline.cli.context import get_context
from pipeline.cli.progress import BAR_WIDTH
from pipeline.config.settings import Settings
from pipeline.core.errors import ConfigError, DiskError, ExitCode
from pipeline.core.formatting import pluralize
from pipeline.formats.readers.extract_input import STDIN, check_input, read_input
from pipeline.jobs.batch_clean import CleanedPage, PageBatch, to_json
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.story.html import to_html
from pipeline.story.markdown import to_markdown

EXAMPLES: Final = (
    "nightdesk extract page.html",
    "nightdesk extract saved-pages/ crawl.warc.gz --output texts.jsonl",
    "curl -s https://gazette.example/2026/harbour | nightdesk extract --format markdown",
)

T = TypeVar("T")


class OutputFormat(StrEnum):
    """What `extract` writes for each page."""

    JSON = "json"
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


class ErrorLog:
    """Errors of pages that were left out: printed at once, and counted for the exit code."""

    def __init__(self) -> None:
        """Start without errors."""
        self.codes: Counter[ExitCode] = Counter()

    def __call__(self, sentence: str, code: ExitCode) -> None:
        """Print an error and count it."""
        print_error(sentence)
        self.codes[code] += 1

    @property
    def exit_code(self) -> ExitCode:
        """Return the most serious code."""
        for code in (ExitCode.CONFIG, ExitCode.PARTLY):
            if code in self.codes:
                return code
        return ExitCode.OK


def extract(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="HTML files, folders of them, WARC files or JSON lines."
            " Default: -, which is standard input.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the texts to this file, not standard output."),
    ] = None,
    output_format: Annotated[
        OutputFormat,
        typer.Option(
            "--format",
            help="One line of JSON for each page, or its text: plain, as Markdown or as HTML.",
        ),
    ] = OutputFormat.JSON,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, metavar="N", help="How many processes. Default: as in the settings."
        ),
    ] = None,
) -> None:
    """Extract clean texts from files, without an archive: one line of JSON for each page."""
    settings, names = get_context(context).settings, files or [STDIN]
    if sys.stdout is None:
        raise DiskError("standard output: is closed")
    if not files and sys.stdin is not None and sys.stdin.isatty():
        raise typer.BadParameter("name files or folders, or pipe pages in")
    check_input(names)
    try:
        with _open_output(output, names) as sink:
            processes = workers or settings.worker_processes
            code = _run(names, sink, processes, settings, output_format)
    except KeyboardInterrupt:
        print_error("interrupted; the texts that were written are complete")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader closed the pipe, as in `| head`
        code = ExitCode.OK
    raise typer.Exit(code)


@contextmanager
def _open_output(path: Path | None, names: Sequence[str]) -> Iterator[IO[bytes]]:
    """Open the file for the texts, or standard output. Refuse a file that is also an input."""
    if path is None:
        try:
            yield sys.stdout.buffer
        except (BrokenPipeError, DiskError):  # what is left in the buffer cannot be written either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise
        return
    for name in names:
        if name != STDIN and path.exists() and path.samefile(name):
            raise ConfigError(f"{path}: is an input; name another file for the texts")
    with _complete_file(path) as stream:
        yield stream


@contextmanager
def _complete_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that gets its name when it is complete.

    An incomplete file stays beside it under another name. A pipe or /dev/null is written to
    directly.
    """
    is_file = path.is_file() or not path.exists()
    target = path.resolve()  # a link stays a link, and its target is replaced
    part = target.with_name(f"{target.name}.part") if is_file else target
    try:
        stream = part.open("wb")
    except OSError as error:
        raise DiskError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        yield stream
    except BaseException:
        with suppress(OSError):  # the flush after the last line reported it already
            stream.close()
        if is_file:
            _report_part(path, part)
        raise
    stream.close()
    if is_file:
        part.replace(target)


def _report_part(path: Path, part: Path) -> None:
    """Print where the incomplete file is, if it holds anything."""
    if part.stat().st_size:
        print_error(f"{path}: is not complete; what was written of it is in {part}")
    else:
        part.unlink()


def _run(
    names: Sequence[str],
    sink: IO[bytes],
    processes: int,
    settings: Settings,
    output_format: OutputFormat,
) -> ExitCode:
    error_log = ErrorLog()
    outcomes: Counter[str] = Counter()
    with PageBatch() as batch, _progress_bars() as bars:
        with WorkerPool(processes, settings.page_seconds, settings.page_megabytes) as workers:
            extracted = batch.extract(read_input(names, error_log), workers)
            for _ in _with_progress(bars, "extracting", extracted):
                pass
        to_bytes = PAGE_WRITERS[output_format]
        for page in _with_progress(bars, "cleaning", batch.clean(), batch.pages):
            outcomes[page.result.outcome] += 1
            _write(sink, to_bytes(page, batch.pages > 1))
        _flush(sink)
    if not batch.pages and not error_log.codes:
        error_log("there is no page in the input", ExitCode.PARTLY)
    if errors.is_terminal:
        _print_summary(outcomes, error_log)
    return error_log.exit_code


def _write(sink: IO[bytes], line: bytes) -> None:
    with _translate_write_errors():
        sink.write(line)


def _flush(sink: IO[bytes]) -> None:
    with _translate_write_errors():
        sink.flush()


@contextmanager
def _translate_write_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DiskError(f"the texts cannot be written: {error.strerror}") from None


def _json_line(page: CleanedPage, _: bool) -> bytes:
    value = to_json(page)
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # an id with half a surrogate pair
        return json.dumps(value).encode() + b"\n"


def _text(page: CleanedPage, is_one_of_many: bool) -> bytes:
    head = f"==> {page.id} <==\n" if is_one_of_many else ""
    return _encode(f"{head}{page.result.text}\n")


def _markdown(page: CleanedPage, is_one_of_many: bool) -> bytes:
    title = " ".join(page.result.metadata.title.split())
    gap = "\n" if is_one_of_many else ""
    comment = _comment(page, is_one_of_many)
    return _encode(f"{comment}{to_markdown(page.story, title)}\n{gap}")


def _html(page: CleanedPage, is_one_of_many: bool) -> bytes:
    metadata = page.result.metadata
    language = f' lang="{escape(metadata.language)}"' if metadata.language else ""
    content = to_html(page.story, " ".join(metadata.title.split()))
    comment = _comment(page, is_one_of_many)
    return _encode(f"{comment}<article{language}>\n{content}\n</article>\n")


def _comment(page: CleanedPage, is_one_of_many: bool) -> str:
    """Return a line that names a page, where there are several."""
    if not is_one_of_many:
        return ""
    return f"<!-- {escape(str(page.id)).replace('--', '- -')} -->\n\n"


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


PAGE_WRITERS: Final[dict[OutputFormat, Callable[[CleanedPage, bool], bytes]]] = {
    OutputFormat.JSON: _json_line,
    OutputFormat.TEXT: _text,
    OutputFormat.MARKDOWN: _markdown,
    OutputFormat.HTML: _html,
}


def _print_summary(outcomes: Counter[str], error_log: ErrorLog) -> None:
    parts = [f"{number:,} {outcome}" for outcome, number in outcomes.most_common()]
    if error_log.codes:
        parts.append(pluralize(error_log.codes.total(), "error"))
    summary = ", ".join(parts) or "nothing"
    errors.print(f"{pluralize(outcomes.total(), 'page')}: {summary}.", markup=False)


@contextmanager
def _progress_bars() -> Iterator[Progress | None]:
    """Show bars on standard error for a person. Standard output has the texts."""
    if not errors.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=BAR_WIDTH),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=errors, transient=True) as bars:
        yield bars


def _with_progress(
    bars: Progress | None, stage: str, steps: Iterable[T], total: int | None = None
) -> Iterator[T]:
    """Yield the steps, and advance a bar after each."""
    if bars is None:
        yield from steps
        return
    task = bars.add_task(stage, total=total)
    for step in steps:
        yield step
        bars.advance(task)
