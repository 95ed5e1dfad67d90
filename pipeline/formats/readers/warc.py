"""Read the pages of WARC files (ISO 28500) in the styles of wget, Heritrix and Common Crawl."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from typing import Any, BinaryIO, Final, cast

from pipeline.core.http_headers import KIND_HEADER, is_html, may_be_html, parse_content_type
from pipeline.core.models import SOURCE_KINDS, UrlKind
from pipeline.formats.readers.compression import DAMAGE_ERRORS, check_complete
from pipeline.formats.readers.input_page import (
    DEFAULT_LIMITS,
    InputLimits,
    InputPage,
    RecordProblem,
    RejectedRecord,
    RevisitRecord,
)

READ_BYTES: Final = 1 << 20
MARKUP_BYTES: Final = 65536  # of a page that was decompressed, in which there is a "<"
MAX_COUNTED_HOSTS: Final = 100_000  # of one file; more would only take memory
MAX_DETAIL: Final = 100  # characters of an error message of the library

WarcRecord = InputPage | RevisitRecord | RejectedRecord


JudgeFetch = Callable[[str, datetime | None], RecordProblem | None]
"""Returns why a page is not wanted, by its URL and its time; None if it may be."""


def any_fetch(url: str, fetched_at: datetime | None) -> None:
    """Want each page."""


@dataclass(slots=True)
class WarcPosition:
    """How far a file was read: the number of the record that was yielded last."""

    records: int = 0


class _NoPageError(Exception):
    """A record is no page."""

    def __init__(self, problem: RecordProblem, detail: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.detail = detail


def read_warc(
    stream: BufferedReader,
    name: str,
    limits: InputLimits = DEFAULT_LIMITS,
    judge: JudgeFetch = any_fetch,
    position: WarcPosition | None = None,
) -> Iterator[WarcRecord]:
    """Read the records that are about pages: responses, resources and revisits.

    Args:
        stream: The decompressed file.
        name: Its name in messages.
        limits: The sizes of pages that are left out.
        judge: Tells which pages are not wanted, before their bodies are read.
        position: How many records are done: they are passed over. It moves with the reading.

    Returns:
        Pages, revisits, and records of these kinds that are no page. A damaged file ends with a
        record of the problem DAMAGED, and one without any record with NO_RECORDS.

    Raises:
        OSError: If the file cannot be read.
    """
    from warcio.archiveiterator import ArchiveIterator  # slow to load, and rarely needed

    position = position or WarcPosition()
    done, number = position.records, 0
    damage: Exception | None = None
    try:
        for record in ArchiveIterator(cast(BinaryIO, stream)):
            number += 1
            if number > done and record.rec_type in ("response", "resource", "revisit"):
                position.records = number
                yield _read_record(record, f"{name}, record {number}", limits, judge)
        check_complete(stream)
    except OSError as error:
        if not isinstance(error, DAMAGE_ERRORS):
            raise
        damage = error
    except Exception as error:  # noqa: BLE001  the library raises various errors in damaged files
        damage = error
    if not number:
        detail = "holds no WARC record; is it a complete WARC file?"
        yield RejectedRecord(name, RecordProblem.NO_RECORDS, detail=detail)
    elif damage is not None:
        message = " ".join(str(damage).split())[:MAX_DETAIL]
        detail = f"is damaged after record {number} ({message})"
        yield RejectedRecord(name, RecordProblem.DAMAGED, detail=detail)


def _read_record(record: Any, location: str, limits: InputLimits, judge: JudgeFetch) -> WarcRecord:
    warc_header = record.rec_headers.get_header
    url = _url(warc_header("WARC-Target-URI"))
    fetched_at = parse_time(warc_header("WARC-Date") or "")
    if problem := judge(url, fetched_at):
        return RejectedRecord(location, problem, url, fetched_at)
    if record.rec_type == "revisit":
        original_url = _url(warc_header("WARC-Refers-To-Target-URI")) or url
        original_at = parse_time(warc_header("WARC-Refers-To-Date") or "")
        status = _status(record) or None
        headers = _headers(record)
        return RevisitRecord(
            location, url, fetched_at, headers, original_url, original_at, status, _kind(record)
        )
    try:
        return _read_page(record, location, url, fetched_at, limits)
    except _NoPageError as error:
        status = _status(record) or None
        return RejectedRecord(location, error.problem, url, fetched_at, status, error.detail)


def _read_page(
    record: Any, location: str, url: str, fetched_at: datetime | None, limits: InputLimits
) -> InputPage:
    status = _status(record)
    if status != 200:
        is_redirect = 300 <= status < 400
        raise _NoPageError(RecordProblem.REDIRECT if is_redirect else RecordProblem.HTTP_ERROR)
    headers = _headers(record)
    content_type = headers.get("content-type", [""])[0]
    kind = _kind(record)
    if kind is UrlKind.PICTURE:
        raise _NoPageError(RecordProblem.NOT_HTML)
    if kind is UrlKind.STORY and not may_be_html(content_type):
        raise _NoPageError(RecordProblem.NOT_HTML)
    body = _read_body(record, headers, limits.page_bytes)
    if kind is UrlKind.STORY and body and not is_html(content_type, body):
        raise _NoPageError(RecordProblem.NOT_HTML)
    media_type, charset = parse_content_type(content_type)
    return InputPage(
        id=record.rec_headers.get_header("WARC-Record-ID") or location,
        location=location,
        url=url,
        body=body,
        charset=charset,
        fetched_at=fetched_at,
        headers=headers,
        media_type=media_type,
        is_truncated=record.rec_headers.get_header("WARC-Truncated") is not None,
        kind=kind,
    )


def _kind(record: Any) -> UrlKind:
    """Return what our own export says of a source or picture; else a story."""
    kind = str(record.rec_headers.get_header(KIND_HEADER) or "")
    return UrlKind(kind) if kind in {*SOURCE_KINDS, UrlKind.PICTURE} else UrlKind.STORY


def _url(header: str | None) -> str:
    return (header or "").strip("<> ")  # wget puts brackets around it


def _status(record: Any) -> int:
    if record.http_headers is None:  # a resource was not fetched by HTTP
        return 200 if record.rec_type == "resource" else 0
    code = record.http_headers.get_statuscode()
    return int(code) if code and code.isdecimal() else 0


def _headers(record: Any) -> dict[str, list[str]]:
    """Return all values of each header, by its name in lower case."""
    headers: dict[str, list[str]] = {}
    if record.http_headers is None:
        if record.content_type:
            headers["content-type"] = [record.content_type]
        return headers
    for name, value in record.http_headers.headers:
        headers.setdefault(name.lower(), []).append(value)
    return headers


def _read_body(record: Any, headers: dict[str, list[str]], max_bytes: int) -> bytes:
    """Return the body without its transfer and content codings."""
    body = _read_all(record.content_stream(), max_bytes)
    while record.raw_stream.read(READ_BYTES):  # what follows the last chunk
        pass
    if getattr(record.raw_stream, "limit", 0) > 0:  # the file ends before its record does
        raise _NoPageError(RecordProblem.TRUNCATED, "is cut short")
    coding = headers.get("content-encoding", [""])[0].strip()
    if coding.lower() not in ("", "identity") and b"<" not in body[:MARKUP_BYTES]:
        detail = f"is compressed as {coding[:20]!r}, which cannot be decompressed here"
        raise _NoPageError(RecordProblem.UNKNOWN_COMPRESSION, detail)
    return body


def _read_all(stream: Any, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := stream.read(READ_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > max_bytes:
            detail = f"is longer than {max_bytes >> 20} MB"
            raise _NoPageError(RecordProblem.TOO_LONG, detail)
    return b"".join(pieces)


def parse_time(text: str) -> datetime | None:
    """Parse a date or a time in ISO 8601; None if it is neither. Without a zone, it is UTC."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def count_page_hosts(
    stream: BufferedReader, judge: JudgeFetch, host_of_page: Callable[[str], str]
) -> Counter[str]:
    """Count the pages of a file by host, without reading their bodies.

    Args:
        stream: The decompressed file.
        judge: Tells which pages are not wanted.
        host_of_page: Returns the host by which a URL is counted, or "" for none.

    Returns:
        The counts. Of a damaged file, those up to the damage.
    """
    from warcio.archiveiterator import ArchiveIterator  # slow to load, and rarely needed

    counts = Counter[str]()
    with suppress(Exception):  # the import itself reports what is damaged
        for record in ArchiveIterator(cast(BinaryIO, stream)):
            if record.rec_type not in ("response", "resource") or _status(record) != 200:
                continue
            if not may_be_html(_headers(record).get("content-type", [""])[0]):
                continue
            url = _url(record.rec_headers.get_header("WARC-Target-URI"))
            time = parse_time(record.rec_headers.get_header("WARC-Date") or "")
            host = "" if judge(url, time) else host_of_page(url)
            if host and (host in counts or len(counts) < MAX_COUNTED_HOSTS):
                counts[host] += 1
    return counts
