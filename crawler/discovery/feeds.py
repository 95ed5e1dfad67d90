"""RSS, Atom and JSON feeds: bytes in, Links out.

Promises that an empty feed is read as no Links, and that what is no feed (a login page, an error text) is said to be
none. Dates are those that the feed names, in UTC; a date that cannot be read is no date.
"""

from __future__ import annotations

import io
import json
import re
from calendar import timegm
from collections.abc import Mapping
from datetime import UTC, datetime
from time import struct_time
from typing import Any

import feedparser
from lxml import etree
from w3lib.encoding import http_content_type_encoding
from w3lib.html import remove_tags, replace_entities

from crawler.discovery.links import (
    LinkCollector,
    LinkListing,
    end_tag_pattern,
    normalize_tags,
    plain_text,
    repair_xml,
    too_complex_source,
    unreadable_source,
)
from pipeline.core.markup_limits import has_more_than
from pipeline.core.models import Link
from pipeline.core.urls import resolve_href

MAX_ELEMENTS = 200_000  # feedparser takes 25 microseconds for each
MAX_MARKUP_CHARS = 1_000_000  # brackets and ampersands: a parser's memory goes by them
MAX_PREFIXES = (
    300  # different ones: feedparser looks at all of them for each element, and feeds have a dozen
)
PREFIX = re.compile(rb"xmlns:([\w.-]+)\s*=")
MAX_NODES = 300_000  # of a JSON feed: 50,000 items with their authors and attachments
XML_OPTIONS: dict[str, bool] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
}
ROOT_END = end_tag_pattern("rss", "feed", "RDF")
ENTRY_END = end_tag_pattern("item", "entry")


def read_feed(body: bytes, base: str, content_type: str) -> LinkListing:
    """The Links of an RSS, Atom or JSON feed."""
    body = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if body.startswith(b"{"):
        return _read_json(body, base)
    if has_more_than(body, MAX_MARKUP_CHARS, b"<", b"&"):
        return too_complex_source(f"more than {MAX_MARKUP_CHARS} brackets and ampersands")
    clean, content_type, elements = ensure_well_formed(body, content_type)
    if elements > MAX_ELEMENTS:
        return too_complex_source(f"a feed of {elements} elements")
    if (prefixes := len(set(PREFIX.findall(clean)))) > MAX_PREFIXES:
        return too_complex_source(f"a feed of {prefixes} prefixes")
    parsed = feedparser.parse(
        io.BytesIO(clean),  # bytes themselves could be taken for the name of a local file
        response_headers={
            "content-type": content_type
        },  # no location: else a guid like "4711" became a URL
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.get("version"):
        return unreadable_source(
            "neither RSS nor Atom nor JSON Feed"
            + (": an HTML page" if b"<html" in body[:2000].lower() else "")
        )
    links = LinkCollector()
    for entry in parsed.entries:
        link = _link(entry, base)
        if link is not None and not links.add(link):
            break
    return links.result()


def ensure_well_formed(body: bytes, content_type: str) -> tuple[bytes, str, int]:
    """The feed itself if it is well-formed XML, else what a parser that recovers makes of it; with the content type that it
    then has, and the number of its elements.

    feedparser has a loose parser of its own for broken feeds. It takes minutes and gigabytes for a few megabytes that are made
    to hurt; the parser here is linear and knows a greatest depth.
    """
    try:
        root = etree.fromstring(body, etree.XMLParser(**XML_OPTIONS))
    except etree.XMLSyntaxError:
        root = _recovered(_in_utf8(body, content_type))
        body, content_type = (
            b"" if root is None else etree.tostring(root, encoding="utf-8"),
            "text/xml; charset=utf-8",
        )
    return body, content_type, 0 if root is None else int(root.xpath("count(//*)"))


def _recovered(body: bytes) -> Any:
    try:
        return etree.fromstring(
            repair_xml(body, ROOT_END, ENTRY_END), etree.XMLParser(recover=True, **XML_OPTIONS)
        )
    except etree.XMLSyntaxError:  # nothing in it is XML
        return None


def _in_utf8(body: bytes, content_type: str) -> bytes:
    """A body that names its coding nowhere but in the header, as UTF-8: XML would take it for that anyway."""
    charset = http_content_type_encoding(content_type)
    if charset is None or b"encoding=" in body[:200]:
        return body
    return body.decode(charset, "replace").encode("utf8", "replace")


def _link(entry: Any, base: str) -> Link | None:
    url = resolve_href(base, _address(entry))
    if url is None:
        return None
    published = _time(
        dict.get(entry, "published_parsed")
    )  # the mapping's own `get` guesses between the two
    modified = _time(dict.get(entry, "updated_parsed"))
    return Link(
        url, title=_title(entry), published_at=published, modified_at=modified, tags=_tags(entry)
    )


def _address(entry: Any) -> str:
    """A feed that is served through FeedBurner names the story's own URL beside the one that counts readers. A guid is a link
    only where it is a permalink, and only if it looks like one."""
    original = str(entry.get("feedburner_origlink") or "")
    if original:
        return original
    identity = str(entry.get("id") or "")
    if entry.get("guidislink") and not re.match(r"https?://", identity):
        return ""
    return str(entry.get("link") or "")


def _title(entry: Any) -> str:
    detail: Mapping[str, Any] = entry.get("title_detail") or {}
    text = str(detail.get("value") or "")
    if detail.get("type") in ("text/html", "application/xhtml+xml"):
        text = replace_entities(remove_tags(text))
    return plain_text(text)


def _tags(entry: Any) -> tuple[str, ...]:
    """The names of an entry's categories: a label is written for people, a term for programs."""
    return normalize_tags(
        str(tag.get("label") or tag.get("term") or "") for tag in entry.get("tags") or ()
    )


def _time(parsed: struct_time | None) -> datetime | None:
    """feedparser's times are in UTC, also those that named another zone."""
    if parsed is None:
        return None
    try:
        return datetime.fromtimestamp(timegm(parsed), UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _read_json(body: bytes, base: str) -> LinkListing:
    if has_more_than(body, MAX_NODES, b"{", b"["):
        return too_complex_source(f"a feed of more than {MAX_NODES} nodes")
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError):
        return unreadable_source("starts like JSON and is none")
    if not isinstance(feed, dict) or "jsonfeed.org" not in str(feed.get("version")):
        return unreadable_source("JSON, but no JSON Feed")
    links = LinkCollector()
    items = feed.get("items")
    for item in items if isinstance(items, list) else ():
        url = resolve_href(base, str(item.get("url") or "")) if isinstance(item, dict) else None
        if url is not None and not links.add(_json_link(url, item)):
            break
    return links.result()


def _json_link(url: str, item: Mapping[str, Any]) -> Link:
    tags = item.get("tags")
    return Link(
        url,
        title=plain_text(str(item.get("title") or "")),
        published_at=parse_iso_time(str(item.get("date_published") or "")),
        modified_at=parse_iso_time(str(item.get("date_modified") or "")),
        tags=normalize_tags(each for each in tags if isinstance(each, str))
        if isinstance(tags, list)
        else (),
    )


def parse_iso_time(text: str, zone: Any = UTC) -> datetime | None:
    """An ISO 8601 time in UTC; one without a zone is in the given one."""
    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
