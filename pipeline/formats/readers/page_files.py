"""Pages out of files: HTML, folders of it, JSON lines, WARC, packed by gzip or xz or not.

Promises that what is no page is told with its file and line and costs no other page, that an id goes out once, and that no more
than one line is held at a time, of bounded length. What a file is shows in its name, else in its first bytes.
"""

from __future__ import annotations

import gzip
import json
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from pipeline.core.errors import ConfigError, ExitCode
from pipeline.jobs.batch_clean import Input

Complain = Callable[[str, ExitCode], None]

STDIN: Final = "-"
LONGEST_PAGE: Final = 16 * 1024 * 1024  # bytes, as of a page that is crawled
LONGEST_LINE: Final = 32 * 1024 * 1024  # JSON writes some characters with six bytes
PACKED: Final = (".gz", ".xz")
HTML, LINES, WARC = (".html", ".htm", ".xhtml"), (".jsonl", ".ndjson", ".jl"), (".warc",)
BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
)  # what reading a file raises; gzip's own error is an OSError
NO_MORE = "what came before that is used"


def check(names: Iterable[str]) -> None:
    """Raises ConfigError for a file that cannot be read, before anything is begun."""
    for name in names:
        if name == STDIN:
            if sys.stdin is None or sys.stdin.closed:
                raise ConfigError("standard input: is closed; name files, or pipe something in")
        elif not os.access(name, os.R_OK):
            raise ConfigError(
                f"{name}: {'may not be read' if Path(name).exists() else 'no such file or folder'}"
            )


def pages(names: Iterable[str], complain: Complain) -> Iterator[Input]:
    """The pages of some files and folders, in order; `-` is standard input."""
    seen: set[int] = set()
    for page in _all(names, complain):
        key = hash(page.id)
        if key in seen:
            complain(
                f"{page.where}: the id {page.id!r} was there before; the page is left out",
                ExitCode.PARTLY,
            )
        else:
            seen.add(key)
            yield page


def _all(names: Iterable[str], complain: Complain) -> Iterator[Input]:
    for name in names:
        if name == STDIN:
            stream = cast(BufferedReader, sys.stdin.buffer)
            yield from _safely(
                "standard input", partial(_opened, stream, "standard input", complain), complain
            )
        elif Path(name).is_dir():
            yield from _folder(Path(name), complain)
        else:
            yield from _file(Path(name), "", complain)


def _folder(root: Path, complain: Complain) -> Iterator[Input]:
    """The pages below a folder, by name. The folder below the root that a page lies in may be all that is known of its site."""
    found = False

    def refused(error: OSError) -> None:
        complain(f"{error.filename}: cannot be read: {error.strerror}", ExitCode.CONFIG)

    for folder, below, names in os.walk(root, onerror=refused):
        below.sort()
        inner = Path(folder).relative_to(root).parts
        for path in (Path(folder, name) for name in sorted(names)):
            if _suffix(path) in (*HTML, *LINES, *WARC):
                found = True
                yield from _file(path, inner[0] if inner else root.resolve().name, complain)
    if not found:
        complain(f"{root}: holds no .html, .jsonl or .warc file", ExitCode.CONFIG)


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix.lower() in PACKED else path).suffix.lower()


def _file(path: Path, folder: str, complain: Complain) -> Iterator[Input]:
    def read() -> Iterator[Input]:
        with path.open("rb") as stream:
            yield from _opened(
                stream, str(path), complain, _suffix(path), folder or path.resolve().parent.name
            )

    yield from _safely(str(path), read, complain)


def _safely(where: str, read: Callable[[], Iterator[Input]], complain: Complain) -> Iterator[Input]:
    """What can be had of a file; that it breaks off is told."""
    came = 0
    try:
        for page in read():
            came += 1
            yield page
    except BROKEN as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if came:
            complain(f"{where}: is damaged after {came} pages: {why}; {NO_MORE}", ExitCode.PARTLY)
        else:
            complain(f"{where}: cannot be read: {why}", ExitCode.CONFIG)


def _opened(
    stream: BufferedReader, where: str, complain: Complain, suffix: str = "", folder: str = ""
) -> Iterator[Input]:
    """The pages of a stream, unpacked, by what its name or its first bytes say that it is."""
    plain = _unpacked(stream)
    head = plain.peek(1)[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if suffix in HTML:
        yield from _html(plain, where, folder, complain)
    elif suffix in LINES or (head.startswith(b"{") and suffix not in WARC):
        yield from _json_lines(plain, where, complain)
    elif head.startswith(b"WARC/"):
        yield from _warc(plain, where, complain)
    elif not head:
        complain(f"{where}: is empty", ExitCode.PARTLY)
    elif head.startswith(b"<"):
        yield from _html(plain, where, folder, complain)
    else:
        complain(f"{where}: is neither HTML nor JSON lines nor WARC", ExitCode.CONFIG)


def _unpacked(stream: BufferedReader) -> BufferedReader:
    head = stream.peek(6)[:6]
    if head.startswith(b"\x1f\x8b"):
        return BufferedReader(cast(Any, gzip.GzipFile(fileobj=stream)))
    if head.startswith(b"\xfd7zXZ"):
        return BufferedReader(cast(Any, lzma.LZMAFile(stream)))
    return stream


def _html(stream: BufferedReader, where: str, folder: str, complain: Complain) -> Iterator[Input]:
    body = stream.read(LONGEST_PAGE + 1)
    if len(body) > LONGEST_PAGE:
        complain(
            f"{where}: is longer than {LONGEST_PAGE >> 20} MB; the page is left out",
            ExitCode.PARTLY,
        )
    else:
        yield Input(where, where, body=body, folder=folder)


def _json_lines(stream: BufferedReader, where: str, complain: Complain) -> Iterator[Input]:
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        here = f"{where}, line {number}"
        try:
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                _skip_line(stream)
                raise ValueError(f"is longer than {LONGEST_LINE >> 20} MB")
            if line.strip():
                yield _from_json(line, here)
        except (ValueError, RecursionError) as error:
            complain(f"{here}: {_why(error, line)}; the line is left out", ExitCode.PARTLY)
    if not number:
        complain(f"{where}: is empty", ExitCode.PARTLY)


def _skip_line(stream: BufferedReader) -> None:
    while (piece := stream.readline(1 << 20)) and not piece.endswith(b"\n"):
        pass


def _from_json(line: bytes, where: str) -> Input:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    for key in ("html", "url", "site"):
        if not isinstance(value.get(key) or "", str):
            raise ValueError(f"'{key}' is no text")
    name = value.get("id")
    if not isinstance(name, str | int | None) or isinstance(name, bool):
        raise ValueError("'id' is neither a text nor a whole number")
    if not isinstance(value.get("html"), str):
        raise ValueError("'html' is missing")
    # the text is bytes once more, so that one path reads all pages; a charset that it declares was settled by whoever wrote it
    body = value["html"].encode("utf8", "replace")
    if len(body) > LONGEST_PAGE:
        raise ValueError(f"'html' is longer than {LONGEST_PAGE >> 20} MB")
    return Input(
        where if name is None else name,
        where,
        value.get("site") or "",
        value.get("url") or "",
        body,
        "utf-8",
    )


def _why(error: Exception, line: bytes) -> str:
    match error:
        case json.JSONDecodeError() if not line.endswith(b"\n"):
            return f"is no JSON, and the input ends there ({error.msg} at character {error.pos})"
        case json.JSONDecodeError():
            return f"is no JSON ({error.msg} at character {error.pos})"
        case UnicodeDecodeError():
            return f"is not UTF-8 (byte 0x{line[error.start]:02x} at byte {error.start})"
        case RecursionError():
            return "is nested too deeply"
    return str(error)


def _warc(stream: BufferedReader, where: str, complain: Complain) -> Iterator[Input]:
    from warcio.archiveiterator import ArchiveIterator  # only who has a WARC waits for it

    number = 0
    try:
        for number, record in enumerate(ArchiveIterator(cast(BinaryIO, stream)), 1):
            if _is_page(record):
                try:
                    yield _from_record(record, f"{where}, record {number}")
                except ValueError as error:
                    complain(
                        f"{where}, record {number}: {error}; the page is left out", ExitCode.PARTLY
                    )
    except BROKEN:
        raise
    except Exception as error:  # noqa: BLE001  in a damaged file the library trips over this and that
        why = " ".join(str(error).split())[:200]
        complain(f"{where}: is damaged behind record {number} ({why}); {NO_MORE}", ExitCode.PARTLY)


def _is_page(record: Any) -> bool:
    """Whether a WARC record holds a page that was answered as one."""
    if record.rec_type not in ("response", "resource") or "html" not in _media_type(record).lower():
        return False
    return record.http_headers is None or record.http_headers.get_statuscode() == "200"


def _media_type(record: Any) -> str:
    headers = record.http_headers
    return (headers.get_header("Content-Type") if headers else record.content_type) or ""


def _from_record(record: Any, where: str) -> Input:
    coding = (
        record.http_headers.get_header("Content-Encoding") if record.http_headers else ""
    ) or ""
    url = record.rec_headers.get_header("WARC-Target-URI") or ""
    body = _read(record.content_stream())
    if coding.strip().lower() not in ("", "identity") and b"<" not in body[:65536]:
        raise ValueError(f"is packed as {coding.strip()[:20]!r}, which cannot be undone here")
    charset = _media_type(record).lower().partition("charset=")[2].split(";")[0].strip("\"' ")
    name = record.rec_headers.get_header("WARC-Record-ID") or where
    return Input(name, where, "", url, body, charset, _visit(record))


def _read(stream: Any) -> bytes:
    """All of a record, of which each read may give only a part."""
    pieces, size = [], 0
    while piece := stream.read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > LONGEST_PAGE:
            raise ValueError(f"is longer than {LONGEST_PAGE >> 20} MB")
    return b"".join(pieces)


def _visit(record: Any) -> datetime | None:
    try:
        visit = datetime.fromisoformat(record.rec_headers.get_header("WARC-Date") or "")
    except ValueError:
        return None
    return visit if visit.tzinfo else visit.replace(tzinfo=UTC)
