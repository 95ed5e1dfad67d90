"""CDXJ, the index of web archives: one line a visit, with a key that sorts by host and path.

The key is a SURT as pywb and OutbackCDX make it: the labels of the host reversed, without `www`,
all in lower case, the parameters of the query sorted.
"""

from __future__ import annotations

import heapq
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from pipeline.formats.atomic_files import open_output
from pipeline.store.read.export_articles import ExportedFetch

WWW: Final = re.compile(r"^www\d*\.")
REVISIT: Final = "warc/revisit"
LINES_IN_MEMORY: Final = 200_000
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def surt(url: str) -> str:
    """Return the key of a URL: `com,example)/news?a=1&b=2` for http://www.example.com/news?b=2&a=1.

    A text that is no URL is its own key.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    labels = WWW.sub("", host).split(".")
    key = ",".join(reversed(labels))
    if port is not None and port != DEFAULT_PORTS.get(parts.scheme):
        key += f":{port}"
    path = parts.path or "/"
    query = "&".join(sorted(parts.query.split("&"))) if parts.query else ""
    return f"{key}){path}{'?' if query else ''}{query}".lower()


def timestamp(at: datetime) -> str:
    """Return a time with the fourteen digits of a web archive, in UTC."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def cdxj_line(
    url: str, at: datetime, *, status: int, media_type: str, digest: str, is_revisit: bool
) -> str:
    """Return one line without its end.

    Args:
        url: The URL as it was fetched.
        at: When it was.
        status: The HTTP status.
        media_type: The media type of the bytes.
        digest: SHA-256 of the bytes; "" where there are none.
        is_revisit: Whether an earlier visit brought the same bytes.
    """
    values = {
        "url": url,
        "mime": REVISIT if is_revisit else media_type or "unk",
        "status": str(status),
        "digest": f"sha256:{digest}" if digest else "-",
    }
    return f"{surt(url)} {timestamp(at)} {json.dumps(values, ensure_ascii=True)}"


def fetch_line(fetch: ExportedFetch) -> str:
    """Return the line of one fetch."""
    return cdxj_line(
        fetch.url,
        fetch.at,
        status=fetch.status,
        media_type=fetch.media_type,
        digest=fetch.digest,
        is_revisit=fetch.first_at is not None,
    )


def write_cdxj(fetches: Iterator[ExportedFetch], target: Path) -> int:
    """Write the lines of fetches, sorted by their bytes, and return how many there are."""
    count = 0
    with ExitStack() as stack, open_output(target) as stream:
        runs: list[IO[bytes]] = []
        lines: list[bytes] = []
        for fetch in fetches:
            lines.append(fetch_line(fetch).encode() + b"\n")
            count += 1
            if len(lines) >= LINES_IN_MEMORY:
                run = stack.enter_context(tempfile.TemporaryFile())
                run.writelines(sorted(lines))
                run.seek(0)
                runs.append(run)
                lines = []
        stream.writelines(heapq.merge(*runs, sorted(lines)))
    return count
