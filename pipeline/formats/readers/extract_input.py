"""The input of `extract`: pages of HTML files, folders, JSON lines and WARC files.

The name of a file, or else its first bytes, say what it is. A record that is no page is reported
with its file and line, and does not stop the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

from pipeline.core.errors import ConfigError, ExitCode
from pipeline.core.models import UrlKind
from pipeline.formats.readers.compression import (
    READ_ERRORS,
    check_complete,
    decompressed,
    suffix_of,
)
from pipeline.formats.readers.folders import (
    HTML_SUFFIXES,
    JSON_LINES_SUFFIXES,
    WARC_SUFFIXES,
    FolderFile,
    has_index,
    read_index,
    walk_folder,
)
from pipeline.formats.readers.input_page import (
    DEFAULT_LIMITS,
    InputLimits,
    InputPage,
    RecordProblem,
    RejectedRecord,
)
from pipeline.formats.readers.json_lines import read_json_lines
from pipeline.formats.readers.warc import read_warc

STDIN: Final = "-"
STDIN_NAME: Final = "standard input"
PAGE_SUFFIXES: Final = (*HTML_SUFFIXES, *JSON_LINES_SUFFIXES, *WARC_SUFFIXES)
EARLIER_IS_USED: Final = "what came before that is used"

Report = Callable[[str, ExitCode], None]
"""Receives a sentence about what was left out, and the exit code for it."""


def check_input(names: Iterable[str]) -> None:
    """Check that all files can be read, before any work starts.

    Args:
        names: Files and folders; `-` is standard input.

    Raises:
        ConfigError: If one of them cannot be read.
    """
    for name in names:
        if name == STDIN:
            if sys.stdin is None or sys.stdin.closed:
                raise ConfigError("standard input: is closed; name files, or pipe something in")
        elif not Path(name).exists():
            raise ConfigError(f"{name}: no such file or folder")
        elif not os.access(name, os.R_OK):
            raise ConfigError(f"{name}: may not be read")


def read_input(
    names: Iterable[str], report: Report, limits: InputLimits = DEFAULT_LIMITS
) -> Iterator[InputPage]:
    """Read the pages of files and folders in order. Only the first page with an id is used.

    Args:
        names: Files and folders; `-` is standard input.
        report: Receives a sentence about what was left out.
        limits: The sizes of pages and lines that are left out.
    """
    return _without_repeated_ids(_Reader(report, limits).read(names), report)


def _without_repeated_ids(pages: Iterable[InputPage], report: Report) -> Iterator[InputPage]:
    seen: set[int] = set()
    for page in pages:
        key = hash(page.id)
        if key in seen:
            report(
                f"{page.location}: the id {page.id!r} was there before; the page is left out",
                ExitCode.PARTLY,
            )
            continue
        seen.add(key)
        yield page


class _Reader:
    """Reads files with one way to report problems and one set of limits."""

    def __init__(self, report: Report, limits: InputLimits) -> None:
        self._report = report
        self._limits = limits

    def read(self, names: Iterable[str]) -> Iterator[InputPage]:
        for name in names:
            if name == STDIN:
                stream = cast(BufferedReader, sys.stdin.buffer)
                read_stdin = partial(self._read_stream, stream, STDIN_NAME)
                yield from self._until_damage(STDIN_NAME, read_stdin)
            elif Path(name).is_dir():
                yield from self._read_folder(Path(name))
            else:
                path = Path(name)
                yield from self._read_file(path, path.resolve().parent.name)

    def _read_folder(self, root: Path) -> Iterator[InputPage]:
        index = read_index(root) if has_index(root) else {}
        has_pages = False
        for file in walk_folder(root, index, self._report_folder):
            if suffix_of(file.path) in PAGE_SUFFIXES or file.is_listed:
                has_pages = True
                yield from self._read_folder_file(file, root)
        if not has_pages:
            self._report(f"{root}: holds no .html, .jsonl or .warc file", ExitCode.CONFIG)

    def _report_folder(self, error: OSError) -> None:
        self._report(f"{error.filename}: cannot be read: {error.strerror}", ExitCode.CONFIG)

    def _read_folder_file(self, file: FolderFile, root: Path) -> Iterator[InputPage]:
        """Read a file. The subfolder that it is in may be all that is known of its site."""
        subfolder, slash, _ = file.name.partition("/")
        for page in self._read_file(file.path, subfolder if slash else root.resolve().name):
            if file.is_listed:
                url = page.url or file.entry.url
                fetched_at = page.fetched_at or file.entry.fetched_at
                yield replace(page, url=url, fetched_at=fetched_at)
            else:
                yield page

    def _read_file(self, path: Path, fallback_site: str) -> Iterator[InputPage]:
        def read() -> Iterator[InputPage]:
            with path.open("rb") as stream:
                yield from self._read_stream(stream, str(path), suffix_of(path), fallback_site)

        return self._until_damage(str(path), read)

    def _until_damage(
        self, name: str, read: Callable[[], Iterator[InputPage]]
    ) -> Iterator[InputPage]:
        """Yield the pages of a file until it cannot be read any further."""
        count = 0
        try:
            for page in read():
                count += 1
                yield page
        except READ_ERRORS as error:
            message = getattr(error, "strerror", None) or str(error) or type(error).__name__
            if count:
                sentence = f"{name}: is damaged after {count} pages: {message}; {EARLIER_IS_USED}"
                self._report(sentence, ExitCode.PARTLY)
            else:
                self._report(f"{name}: cannot be read: {message}", ExitCode.CONFIG)

    def _read_stream(
        self, stream: BufferedReader, name: str, suffix: str = "", fallback_site: str = ""
    ) -> Iterator[InputPage]:
        content = decompressed(stream)
        start = content.peek(1)[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start:
            check_complete(content)
        is_warc = suffix in WARC_SUFFIXES
        if suffix in HTML_SUFFIXES:
            yield from self._read_html(content, name, fallback_site)
        elif suffix in JSON_LINES_SUFFIXES or (start.startswith(b"{") and not is_warc):
            report_line = partial(self._report_with_code, ExitCode.PARTLY)
            yield from read_json_lines(content, name, report_line, self._limits)
            check_complete(content)
        elif start.startswith(b"WARC/"):
            yield from self._read_warc(content, name)
        elif not start:
            self._report(f"{name}: is empty", ExitCode.PARTLY)
        elif start.startswith(b"<"):
            yield from self._read_html(content, name, fallback_site)
        else:
            self._report(f"{name}: is neither HTML nor JSON lines nor WARC", ExitCode.CONFIG)

    def _report_with_code(self, code: ExitCode, sentence: str) -> None:
        self._report(sentence, code)

    def _read_html(
        self, stream: BufferedReader, name: str, fallback_site: str
    ) -> Iterator[InputPage]:
        max_bytes = self._limits.page_bytes
        body = stream.read(max_bytes + 1)
        check_complete(stream)
        if len(body) > max_bytes:
            sentence = f"{name}: is longer than {max_bytes >> 20} MB; the page is left out"
            self._report(sentence, ExitCode.PARTLY)
        else:
            yield InputPage(name, name, body=body, fallback_site=fallback_site)

    def _read_warc(self, stream: BufferedReader, name: str) -> Iterator[InputPage]:
        for record in read_warc(stream, name, self._limits):
            if isinstance(record, InputPage):
                if record.kind is UrlKind.STORY:
                    yield record
            elif isinstance(record, RejectedRecord) and record.detail:
                is_damaged = record.problem is RecordProblem.DAMAGED
                consequence = EARLIER_IS_USED if is_damaged else "the page is left out"
                sentence = f"{record.location}: {record.detail}; {consequence}"
                self._report(sentence, ExitCode.PARTLY)
