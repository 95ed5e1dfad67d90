"""Read pages of JSON lines: one object with `html`, and perhaps `id`, `url` and `site`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from io import BufferedReader

from pipeline.formats.readers.input_page import DEFAULT_LIMITS, InputLimits, InputPage


def read_json_lines(
    stream: BufferedReader,
    name: str,
    report: Callable[[str], None],
    limits: InputLimits = DEFAULT_LIMITS,
) -> Iterator[InputPage]:
    """Read the pages of a file. A wrong line does not stop the others.

    Args:
        stream: The decompressed file.
        name: Its name in messages.
        report: Receives a sentence about each wrong line.
        limits: The sizes of lines and pages that are left out.
    """
    number = 0
    while line := stream.readline(limits.line_bytes):
        number += 1
        location = f"{name}, line {number}"
        try:
            if len(line) == limits.line_bytes and not line.endswith(b"\n"):
                _skip_line(stream)
                raise ValueError(f"is longer than {limits.line_bytes >> 20} MB")
            if line.strip():
                yield _parse_line(line, location, limits.page_bytes)
        except (ValueError, RecursionError) as error:
            report(f"{location}: {_problem(error, line)}; the line is left out")
    if not number:
        report(f"{name}: is empty")


def _skip_line(stream: BufferedReader) -> None:
    while piece := stream.readline(1 << 20):
        if piece.endswith(b"\n"):
            return


def _parse_line(line: bytes, location: str, max_bytes: int) -> InputPage:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    for key in ("html", "url", "site"):
        if not isinstance(value.get(key) or "", str):
            raise ValueError(f"'{key}' is no text")
    page_id = value.get("id")
    if not isinstance(page_id, str | int | None) or isinstance(page_id, bool):
        raise ValueError("'id' is neither a text nor a whole number")
    if not isinstance(value.get("html"), str):
        raise ValueError("'html' is missing")
    # All pages are read from bytes. The text decides the charset, whatever the page declares.
    body = value["html"].encode("utf8", "replace")
    if len(body) > max_bytes:
        raise ValueError(f"'html' is longer than {max_bytes >> 20} MB")
    return InputPage(
        id=location if page_id is None else page_id,
        location=location,
        site=value.get("site") or "",
        url=value.get("url") or "",
        body=body,
        charset="utf-8",
    )


def _problem(error: Exception, line: bytes) -> str:
    match error:
        case json.JSONDecodeError() if not line.endswith(b"\n"):
            message = f"({error.msg} at character {error.pos})"
            return f"is no JSON, and the input ends there {message}"
        case json.JSONDecodeError():
            return f"is no JSON ({error.msg} at character {error.pos})"
        case UnicodeDecodeError():
            return f"is not UTF-8 (byte 0x{line[error.start]:02x} at byte {error.start})"
        case RecursionError():
            return "is nested too deeply"
    return str(error)
