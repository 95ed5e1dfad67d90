"""HTTP headers: which are stored, what a Content-Type says, and whether a body is an HTML page.

The crawler and the readers of files share these functions, so that an imported page has the same
headers as a crawled one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pipeline.core.urls import without_credentials

STORED_HEADERS = (
    "content-type",
    "etag",
    "last-modified",
    "date",
    "age",
    "expires",
    "cache-control",
    "vary",
    "content-language",
    "content-disposition",
    "link",
    "x-robots-tag",
    "tdm-reservation",
    "tdm-policy",
    "content-signal",
    "content-usage",
    "retry-after",
    "location",
    "server",
    "via",
)
KIND_HEADER = "Nightdesk-Kind"  # of a WARC record that is about a source
VALIDATOR_HEADERS = ("etag", "last-modified")
MAX_HEADER_VALUE = 1000  # characters

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
AMBIGUOUS_TYPES = frozenset(
    {"", "text/plain", "application/octet-stream", "application/xml", "text/xml"}
)
HTML_SIGN_BYTES = 2048  # in which a tag that starts a page is looked for
HTML_SIGN = re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
BINARY_SIGN = re.compile(
    rb"%PDF-|\x89PNG|\xff\xd8\xff|GIF8[79]a|PK\x03\x04|RIFF|\x1f\x8b\x08|OggS|ID3|....ftyp",
    re.DOTALL,
)
CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]{1,40})", re.IGNORECASE)
UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")  # that not every database accepts


def select_headers(values: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the headers that are stored, with values that any database accepts.

    Args:
        values: All values of each header, by its name in lower case.

    Returns:
        One value for each stored header, joined by commas and of at most `MAX_HEADER_VALUE`
        characters. A validator that could not be sent back as it came is left out.
    """
    selected = {}
    for name in STORED_HEADERS:
        value = UNSTORABLE.sub(" ", ", ".join(values.get(name, ()))).strip()
        if name in VALIDATOR_HEADERS and not (value.isascii() and len(value) <= MAX_HEADER_VALUE):
            continue
        if name == "location":
            value = without_credentials(value)
        if value:
            selected[name] = value[:MAX_HEADER_VALUE]
    return selected


def parse_content_type(value: str) -> tuple[str, str]:
    """Split a Content-Type header.

    Args:
        value: The header.

    Returns:
        The media type in lower case and the charset as declared; "" for what is not there.
    """
    media_type, _, parameters = value.partition(";")
    charset = CHARSET.search(parameters)
    return media_type.strip().lower()[:100], charset.group(1) if charset else ""


def is_html(content_type: str, body: bytes) -> bool:
    """Return whether a body is an HTML page: by its type, unless the bytes say otherwise."""
    media_type, _ = parse_content_type(content_type)
    if BINARY_SIGN.match(body):
        return False
    return media_type in HTML_TYPES or (media_type in AMBIGUOUS_TYPES and has_html_sign(body))


def may_be_html(content_type: str) -> bool:
    """Return whether a page of this type may be HTML; only the body of such a page tells."""
    media_type, _ = parse_content_type(content_type)
    return media_type in HTML_TYPES or media_type in AMBIGUOUS_TYPES


def has_html_sign(body: bytes) -> bool:
    """Return whether a body starts like an HTML page."""
    return HTML_SIGN.search(body, 0, HTML_SIGN_BYTES) is not None
