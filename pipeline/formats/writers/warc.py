"""WARC 1.1 out: the raw pages as their servers sent them, for pywb and every other program that replays the web.

Promises one response record for each visit that brought bytes, revisit records for visits that met the same bytes again, and
digests in all. Bodies are stored without their transfer and content codings, so the headers that spoke of these are kept under
`X-Archive-Orig-`. Of a visit whose body was not kept (a redirect, a 404) the record says that it is cut short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pipeline._version import __version__
from pipeline.formats.atomic_files import is_gzip
from pipeline.store.read.export_articles import ExportedFetch

CODINGS: Final = ("content-encoding", "transfer-encoding", "content-length")
NOT_MODIFIED: Final = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
INFO: Final = {
    "software": f"Nightdesk/{__version__}",
    "format": "WARC File Format 1.1",
    "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
    "robots": "obey",
}


def warc(visits: Iterator[ExportedFetch], target: Path) -> int:
    """One file of all visits, each record packed by itself where the name ends with .gz."""
    from warcio.warcwriter import WARCWriter  # only who has to do with WARC waits for it

    written = 0
    with target.open("wb") as stream:
        writer = WARCWriter(stream, gzip=is_gzip(target), warc_version="WARC/1.1")
        writer.write_record(writer.create_warcinfo_record(target.name.removesuffix(".part"), INFO))
        for seen in visits:
            writer.write_record(
                _revisit(writer, seen) if seen.first_at else _response(writer, seen)
            )
            written += 1
    return written


def _response(writer: Any, seen: ExportedFetch) -> Any:
    body = seen.body or b""
    headers = {"WARC-Date": _date(seen)} | (
        {} if seen.body is not None else {"WARC-Truncated": "unspecified"}
    )
    if seen.digest:
        headers["WARC-Payload-Digest"] = f"sha256:{seen.digest}"
    return writer.create_warc_record(
        seen.url,
        "response",
        payload=BytesIO(body),
        length=len(body),
        warc_headers_dict=headers,
        http_headers=_http(seen, len(body)),
    )


def _revisit(writer: Any, seen: ExportedFetch) -> Any:
    """The body is that of the first visit which met these bytes."""
    record = writer.create_revisit_record(
        seen.url, f"sha256:{seen.digest}", seen.url, _date(seen, first=True), _http(seen, None) if seen.headers else None,
        {"WARC-Date": _date(seen)},
    )  # fmt: skip
    if seen.status == HTTPStatus.NOT_MODIFIED:
        record.rec_headers.replace_header("WARC-Profile", NOT_MODIFIED)
    return record


def _http(seen: ExportedFetch, length: int | None) -> Any:
    from warcio.statusandheaders import StatusAndHeaders

    pairs = [(_as_sent(name), _one_line(value)) for name, value in _headers(seen).items()]
    pairs += [("Content-Length", str(length))] if length is not None else []
    return StatusAndHeaders(f"{seen.status} {_phrase(seen.status)}", pairs, protocol="HTTP/1.1")


def _headers(seen: ExportedFetch) -> Mapping[str, str]:
    """As stored; what spoke of codings that are undone says so, and a redirect names its target."""
    found = {
        f"x-archive-orig-{name}" if name in CODINGS else name: value
        for name, value in seen.headers.items()
    }
    if seen.media_type and "content-type" not in found:
        found["content-type"] = seen.media_type
    if seen.location and "location" not in found:
        found["location"] = seen.location
    return found


def _as_sent(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _one_line(value: str) -> str:
    return " ".join(value.splitlines()) if value.splitlines() != [value] else value


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _date(seen: ExportedFetch, *, first: bool = False) -> str:
    at = seen.first_at if first and seen.first_at else seen.at
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}Z"
