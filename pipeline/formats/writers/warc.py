"""Write WARC 1.1 (ISO 28500): the pages as their servers sent them, for pywb and other programs.

A fetch that brought bytes becomes a response record. One that met the same bytes again becomes a
revisit record. Bodies are stored without their transfer and content codings, so the headers that
name these are kept under `X-Archive-Orig-`. A fetch whose body was not stored, such as a redirect,
has a record that is marked as truncated.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pipeline._version import __version__
from pipeline.core.http_headers import KIND_HEADER
from pipeline.core.models import UrlKind
from pipeline.formats.atomic_files import is_gzip
from pipeline.store.read.export_articles import ExportedFetch

CODING_HEADERS: Final = ("content-encoding", "transfer-encoding", "content-length")
NOT_MODIFIED_PROFILE: Final = (
    "http://netpreserve.org/warc/1.1/revisit/server-not-modified"  # WARC 1.1, section 6.7.3
)
WARCINFO: Final = {
    "software": f"Nightdesk/{__version__}",
    "format": "WARC File Format 1.1",
    "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
    "robots": "obey",
}


def write_warc(fetches: Iterator[ExportedFetch], target: Path) -> int:
    """Write fetches as one WARC file, and return how many there are.

    Each record is compressed by itself if the name of the file ends with .gz.
    """
    from warcio.warcwriter import WARCWriter  # slow to load, and rarely needed

    count = 0
    with target.open("wb") as stream:
        writer = WARCWriter(stream, gzip=is_gzip(target), warc_version="WARC/1.1")
        name = target.name.removesuffix(".part")
        writer.write_record(writer.create_warcinfo_record(name, WARCINFO))
        for fetch in fetches:
            writer.write_record(_record(writer, fetch))
            count += 1
    return count


def _record(writer: Any, fetch: ExportedFetch) -> Any:
    if fetch.first_at is None:
        return _response(writer, fetch)
    return _revisit(writer, fetch, fetch.first_at)


def _response(writer: Any, fetch: ExportedFetch) -> Any:
    body = fetch.body or b""
    warc_headers = {"WARC-Date": _warc_date(fetch.at), **_kind_header(fetch)}
    if fetch.body is None:
        warc_headers["WARC-Truncated"] = "unspecified"
    if fetch.digest:
        warc_headers["WARC-Payload-Digest"] = f"sha256:{fetch.digest}"
    return writer.create_warc_record(
        fetch.url,
        "response",
        payload=BytesIO(body),
        length=len(body),
        warc_headers_dict=warc_headers,
        http_headers=_http_headers(fetch, [("Content-Length", str(len(body)))]),
    )


def _revisit(writer: Any, fetch: ExportedFetch, first_at: datetime) -> Any:
    """Return a record that refers to the first fetch with the same bytes."""
    record = writer.create_revisit_record(
        fetch.url,
        f"sha256:{fetch.digest}",
        fetch.url,
        _warc_date(first_at),
        _http_headers(fetch, []) if fetch.headers else None,
        {"WARC-Date": _warc_date(fetch.at), **_kind_header(fetch)},
    )
    if fetch.status == HTTPStatus.NOT_MODIFIED:
        record.rec_headers.replace_header("WARC-Profile", NOT_MODIFIED_PROFILE)
    return record


def _kind_header(fetch: ExportedFetch) -> dict[str, str]:
    """Say of a source what it is, so that an import does not take it for a story."""
    return {} if fetch.kind == UrlKind.STORY else {KIND_HEADER: fetch.kind}


def _http_headers(fetch: ExportedFetch, more: list[tuple[str, str]]) -> Any:
    from warcio.statusandheaders import StatusAndHeaders

    headers = []
    for name, value in _stored_headers(fetch).items():
        headers.append((_capitalized(name), _on_one_line(value)))
    status_line = f"{fetch.status} {_phrase(fetch.status)}"
    return StatusAndHeaders(status_line, headers + more, protocol="HTTP/1.1")


def _stored_headers(fetch: ExportedFetch) -> dict[str, str]:
    """Return the stored headers. Those of codings that are undone get another name."""
    headers: dict[str, str] = {}
    for name, value in fetch.headers.items():
        is_coding = name in CODING_HEADERS
        headers[f"x-archive-orig-{name}" if is_coding else name] = value
    if fetch.media_type:
        headers.setdefault("content-type", fetch.media_type)
    if fetch.location:
        headers.setdefault("location", fetch.location)
    return headers


def _capitalized(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _on_one_line(value: str) -> str:
    lines = value.splitlines()
    return value if lines == [value] else " ".join(lines)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _warc_date(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond:06}Z"
