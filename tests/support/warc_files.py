"""WARC files in the style of wget and Common Crawl's news crawl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

STORY = """<!doctype html><html lang="en"><head><title>{0}</title>
<meta property="article:published_time" content="2019-03-01T10:00:00Z"></head><body><article>
<h1>{0}</h1><p>The crane on the northern quay was mended on Monday, and the ferries left the harbour
on time again, said the harbour master of the town.</p><p>{0}: nobody was hurt when the old crane
fell into the water last week, and the fishermen were paid for the nets that they had lost.</p>
</article></body></html>"""


@dataclass(frozen=True)
class WarcResponse:
    """A response to store."""

    url: str
    body: bytes
    status: str = "200 OK"
    media_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


def story(title: str) -> bytes:
    """Return a page with a story."""
    return STORY.format(title).encode()


def write_warc(path: Path, *responses: WarcResponse, date: str = "2019-03-02T04:05:06Z") -> Path:
    """Write a WARC file with a request and a response record for each response."""
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=path.suffix == ".gz")
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "Wget/1.21"}))
        for response in responses:
            writer.write_record(_request(writer, response, date))
            writer.write_record(response_record(writer, response, date))
    return path


def _request(writer: Any, response: WarcResponse, date: str) -> Any:
    headers = StatusAndHeaders("GET / HTTP/1.1", [("Host", "x")], is_http_request=True)
    return writer.create_warc_record(
        response.url, "request", http_headers=headers, warc_headers_dict={"WARC-Date": date}
    )


def response_record(writer: Any, response: WarcResponse, date: str) -> Any:
    """Return the record of a response."""
    headers = [("Content-Type", response.media_type), *response.headers.items()]
    return writer.create_warc_record(
        response.url,
        "response",
        BytesIO(response.body),
        len(response.body),
        http_headers=StatusAndHeaders(response.status, headers, protocol="HTTP/1.1"),
        warc_headers_dict={"WARC-Date": date},
    )
