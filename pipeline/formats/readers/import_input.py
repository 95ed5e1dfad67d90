"""The input of `import`: pages of WARC files and of folders of HTML, as others fetched them.

A page keeps the time and the bytes of its fetch, and gets the headers, the canonical URL and the
opt-outs that a crawl would store. A record that is no page is skipped with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pipeline.core.errors import ConfigError
from pipeline.core.http_headers import UNSTORABLE, parse_content_type, select_headers
from pipeline.core.models import Outcome, Reason
from pipeline.core.page_head import MAX_HEAD_BYTES, declared_canonical_url, opt_outs, parse_head
from pipeline.core.urls import MAX_URL_LENGTH, canonicalize, resolve_href
from pipeline.formats.import_filter import ALL_PAGES, ImportFilter
from pipeline.formats.readers.compression import (
    READ_ERRORS,
    check_complete,
    decompressed,
    suffix_of,
)
from pipeline.formats.readers.folders import (
    HTML_SUFFIXES,
    FolderFile,
    read_index,
    walk_folder,
)
from pipeline.formats.readers.input_page import (
    DEFAULT_LIMITS,
    InputLimits,
    RecordProblem,
    RejectedRecord,
    RevisitRecord,
)
from pipeline.formats.readers.warc import WarcPosition, WarcRecord, read_warc
from pipeline.store.crawl.import_session import ImportedPage, SkippedRecord

UNKNOWN_URL: Final = "http://files.invalid/"  # of files without a URL; RFC 2606 reserves the name
SAVED_FROM: Final = re.compile(rb"<!--\s*saved from url=\(\d+\)(\S+)\s*-->")  # of browsers
ROBOTS_AGENT: Final = "nightdesk"
GONE_STATUSES: Final = (404, 410)
DEFAULT_MEDIA_TYPE: Final = "text/html"
BROKEN_RESPONSE: Final = (Outcome.FAILED, Reason.BROKEN_RESPONSE)
OUTCOMES: Final = {
    RecordProblem.REDIRECT: (Outcome.REDIRECTED, Reason.HTTP_REDIRECT),
    RecordProblem.HTTP_ERROR: (Outcome.FAILED, Reason.HTTP_STATUS),
    RecordProblem.NOT_HTML: (Outcome.FAILED, Reason.NOT_HTML),
    RecordProblem.EMPTY: (Outcome.FAILED, Reason.EMPTY_BODY),
    RecordProblem.TOO_LONG: (Outcome.FAILED, Reason.TOO_LARGE),
    RecordProblem.UNKNOWN_COMPRESSION: (Outcome.FAILED, Reason.UNKNOWN_ENCODING),
    RecordProblem.NO_HTTP_URL: (Outcome.REFUSED, Reason.BAD_URL),
    RecordProblem.UNREADABLE: (Outcome.FAILED, Reason.UNREADABLE),
    RecordProblem.MISSING_ORIGINAL: (Outcome.FAILED, Reason.EMPTY_BODY),
}

ImportRecord = ImportedPage | SkippedRecord
FindBody = Callable[[str, datetime], bytes | None]
"""Returns the bytes of an earlier fetch of a URL, or None."""


def check_source(source: Path) -> None:
    """Check that a file or folder can be imported.

    Raises:
        ConfigError: If it is not there, or is neither a WARC file nor a folder.
    """
    if not source.exists():
        raise ConfigError(f"{source}: no such file or folder")
    if not source.is_dir() and ".warc" not in source.name.lower():
        raise ConfigError(
            f"{source}: is neither a WARC file (.warc, .warc.gz, .warc.xz, .warc.zst) nor a folder"
            " of HTML files"
        )


def read_source(
    source: Path,
    find_body: FindBody,
    limits: InputLimits = DEFAULT_LIMITS,
    wanted: ImportFilter = ALL_PAGES,
    position: WarcPosition | None = None,
) -> Iterator[ImportRecord]:
    """Read the pages of a WARC file or of a folder of HTML, and the records that are no page.

    Args:
        source: The file or folder.
        find_body: Looks up the bytes to which a revisit record refers.
        limits: The sizes of pages that are left out.
        wanted: Which pages are wanted.
        position: How many records of a WARC file are done. It moves with the reading.

    Raises:
        ConfigError: If the file cannot be read or is no WARC file.
    """
    if source.is_dir():
        records = _read_folder(source, limits)
    else:
        records = _read_warc_file(source, find_body, limits, wanted, position)
    for record in records:
        yield _judged(record, wanted)


def _judged(record: ImportRecord, wanted: ImportFilter) -> ImportRecord:
    if isinstance(record, SkippedRecord):
        return record
    problem = wanted.problem_of_fetch(record.url, record.fetched_at)
    problem = problem or wanted.problem_of_page(record.body, record.charset)
    if problem is None:
        return record
    return skipped_record(problem, record.url, record.fetched_at, record.status)


def _read_warc_file(
    path: Path,
    find_body: FindBody,
    limits: InputLimits,
    wanted: ImportFilter,
    position: WarcPosition | None,
) -> Iterator[ImportRecord]:
    count = 0
    try:
        with path.open("rb") as stream:
            content, judge = decompressed(stream), wanted.problem_of_fetch
            for record in read_warc(content, str(path), limits, judge, position):
                converted = _convert(record, path, find_body)
                if converted is not None:
                    count += 1
                    yield converted
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"{path}: cannot be read after {count} pages: {reason}") from None


def _convert(record: WarcRecord, path: Path, find_body: FindBody) -> ImportRecord | None:
    """Return the page of a WARC record, or why it is skipped; None if it is about no web page."""
    if isinstance(record, RejectedRecord) and record.problem is RecordProblem.NO_RECORDS:
        raise ConfigError(f"{path}: {record.detail}")
    if isinstance(record, RejectedRecord) and record.problem is RecordProblem.DAMAGED:
        damage = record.detail.removeprefix("is ")
        return SkippedRecord("", f"rest of {path.name}, {damage}", *BROKEN_RESPONSE)
    if not is_http_url(record.url):
        if record.url.lower().startswith("http"):
            return _skip(record, RecordProblem.NO_HTTP_URL)
        return None
    if record.fetched_at is None:
        return _skip(record, RecordProblem.NO_DATE)
    match record:
        case RejectedRecord():
            return _skip(record, record.problem)
        case RevisitRecord():
            return _convert_revisit(record, record.fetched_at, find_body)
    if record.is_truncated:
        return _skip(record, RecordProblem.TRUNCATED)
    if not record.body.strip():
        return _skip(record, RecordProblem.EMPTY)
    page = _page(record.url, record.fetched_at, record.body, record.headers, record.charset)
    return replace(page, kind=record.kind)


def _convert_revisit(
    record: RevisitRecord, fetched_at: datetime, find_body: FindBody
) -> ImportRecord:
    body = None
    if record.original_at is not None and is_http_url(record.original_url):
        body = find_body(record.original_url, record.original_at)
    if body is None:
        return _skip(record, RecordProblem.MISSING_ORIGINAL)
    _, charset = parse_content_type(_first(record.headers, "content-type"))
    return replace(_page(record.url, fetched_at, body, record.headers, charset), kind=record.kind)


def _page(
    url: str, fetched_at: datetime, body: bytes, headers: Mapping[str, list[str]], charset: str = ""
) -> ImportedPage:
    media_type, _ = parse_content_type(_first(headers, "content-type"))
    head = parse_head(body)
    canonical_url = resolve_href(url, declared_canonical_url(head)) or ""
    robots_tags = headers.get("x-robots-tag", [])
    tdm_values = headers.get("tdm-reservation", [])
    return ImportedPage(
        url=url,
        fetched_at=fetched_at,
        body=body,
        headers=select_headers(headers),
        media_type=media_type or DEFAULT_MEDIA_TYPE,
        charset=charset,
        canonical_url=canonical_url if is_http_url(canonical_url) else "",
        opt_outs=opt_outs(robots_tags, tdm_values, head, ROBOTS_AGENT),
    )


def _skip(record: WarcRecord, problem: RecordProblem) -> SkippedRecord:
    return skipped_record(problem, record.url, record.fetched_at, record.status)


def skipped_record(
    problem: RecordProblem,
    url: str = "",
    fetched_at: datetime | None = None,
    status: int | None = None,
) -> SkippedRecord:
    """Return a record that is no page, with the outcome and reason that the ledger gets."""
    outcome, reason = OUTCOMES.get(problem, BROKEN_RESPONSE)
    if status in GONE_STATUSES:
        outcome, reason = Outcome.GONE, Reason.NOT_FOUND
    storable_url = UNSTORABLE.sub("\ufffd", url)
    return SkippedRecord(storable_url, problem.value, outcome, reason, fetched_at, status)


def is_http_url(url: str) -> bool:
    """Return whether the archive can store a URL."""
    try:
        return not UNSTORABLE.search(url) and len(canonicalize(url)) <= MAX_URL_LENGTH
    except ValueError:
        return False


def _first(headers: Mapping[str, list[str]], name: str) -> str:
    values = headers.get(name)
    return values[0] if values else ""


def _read_folder(root: Path, limits: InputLimits) -> Iterator[ImportRecord]:
    index = read_index(root)
    return _read_folder_files(root, walk_folder(root, index, _raise_unreadable), limits)


def _raise_unreadable(error: OSError) -> None:
    raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}")


def _read_folder_files(
    root: Path, files: Iterator[FolderFile], limits: InputLimits
) -> Iterator[ImportRecord]:
    for file in files:
        unknown_url = UNKNOWN_URL + quote(f"{root.resolve().name}/{file.name}")
        record: ImportedPage | RecordProblem = RecordProblem.NOT_HTML
        if suffix_of(file.path) in HTML_SUFFIXES or file.is_listed:
            record = _read_html_file(file, unknown_url, limits.page_bytes)
        if isinstance(record, RecordProblem):
            yield skipped_record(record, file.entry.url or unknown_url, file.entry.fetched_at)
        else:
            yield record


def _read_html_file(
    file: FolderFile, unknown_url: str, max_bytes: int
) -> ImportedPage | RecordProblem:
    try:
        with file.path.open("rb") as stream:
            content = decompressed(stream)
            body = content.read(max_bytes + 1)
            check_complete(content)
        changed_at = datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
    except READ_ERRORS:
        return RecordProblem.UNREADABLE
    if len(body) > max_bytes:
        return RecordProblem.TOO_LONG
    if not body.strip():
        return RecordProblem.EMPTY
    url = file.entry.url or own_url(body) or unknown_url
    if not is_http_url(url):
        return RecordProblem.NO_HTTP_URL
    return _page(url, file.entry.fetched_at or changed_at, body, {})


def own_url(body: bytes) -> str:
    """Return the URL that a saved page names as its own.

    Returns:
        Where a browser notes that it saved the page from, else its canonical URL; "" if it names
        no http URL.
    """
    saved_from = SAVED_FROM.search(body, 0, MAX_HEAD_BYTES)
    if saved_from:
        url = saved_from.group(1).decode("utf8", "replace")
    else:
        url = declared_canonical_url(parse_head(body))
    return url if is_http_url(url) else ""
