"""Reads RSS, Atom and JSON feeds: bytes in, a LinkListing out.

An empty feed has no links and is no error. One whose entries all lack a link is reported, and so is
what is no feed (a login page, an error text). Dates are those that the feed names, in UTC; an
unreadable date counts as none.
"""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
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
from pipeline.core.dates.source_dates import SourceDateReader
from pipeline.core.markup_limits import has_more_than
from pipeline.core.models import Link
from pipeline.core.urls import resolve_href

MAX_ELEMENTS = 200_000  # feedparser needs 25 microseconds for each
MAX_MARKUP_CHARS = 1_000_000  # brackets and ampersands, which decide how much memory a parser needs
MAX_PREFIXES = 300  # feedparser tries all of them for each element; a normal feed has a dozen
PREFIX = re.compile(rb"xmlns:([\w.-]+)\s*=")
MAX_NODES = 300_000  # of a JSON feed: 50,000 items with their authors and attachments
ABSOLUTE_URL = re.compile(r"https?://", re.IGNORECASE)
OTHER_RELATIONS = ("canonical", "via", "related", "self")  # of an entry without an alternate link
HTML_MEDIA_TYPES = ("text/html", "application/xhtml+xml")
XML_OPTIONS: dict[str, bool] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
}
ROOT_END = end_tag_pattern("rss", "feed", "RDF")
ENTRY_END = end_tag_pattern("item", "entry")


@dataclass(frozen=True, slots=True)
class WellFormedFeed:
    """A feed as well-formed XML, with its content type and the number of its elements."""

    body: bytes
    content_type: str
    elements: int


def read_feed(
    body: bytes, base: str, content_type: str, timezone: str = "", now: datetime | None = None
) -> LinkListing:
    """Read the links of an RSS, Atom or JSON feed.

    Args:
        body: The feed, decompressed.
        base: The URL that the answer came from.
        content_type: The Content-Type header.
        timezone: The time zone of times that name none; "" for UTC.
        now: The time of the visit, by default this moment. No date is after the next day.
    """
    now = now or datetime.now(UTC)
    body = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if body.startswith(b"{"):
        return _read_json(body, base, timezone, now)
    if has_more_than(body, MAX_MARKUP_CHARS, b"<", b"&"):
        return too_complex_source(f"more than {MAX_MARKUP_CHARS} brackets and ampersands")
    feed = ensure_well_formed(body, content_type)
    if feed.elements > MAX_ELEMENTS:
        return too_complex_source(f"a feed of {feed.elements} elements")
    prefixes = len(set(PREFIX.findall(feed.body)))
    if prefixes > MAX_PREFIXES:
        return too_complex_source(f"a feed of {prefixes} prefixes")
    parsed = feedparser.parse(
        io.BytesIO(feed.body),  # feedparser could take bytes for the name of a local file
        # Without a location: otherwise a guid such as "4711" becomes a URL.
        response_headers={"content-type": feed.content_type},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    if not parsed.get("version"):
        suffix = ": an HTML page" if b"<html" in body[:2000].lower() else ""
        return unreadable_source(f"neither RSS nor Atom nor JSON Feed{suffix}")
    links = LinkCollector()
    language = str(parsed.feed.get("language") or "")
    dates = SourceDateReader(timezone, now, language)
    is_rss = str(parsed["version"]).startswith("rss")
    for entry in parsed.entries:
        if not links.add(_link(entry, base, dates, is_rss)):
            break
    return links.result()


def ensure_well_formed(body: bytes, content_type: str) -> WellFormedFeed:
    """Return the feed if it is well-formed XML, else what a parser that recovers makes of it.

    feedparser has its own loose parser for broken feeds. That needs minutes and gigabytes for a few
    megabytes of hostile input. The parser here is linear and has a maximum depth.
    """
    try:
        root = etree.fromstring(body, etree.XMLParser(**XML_OPTIONS))
    except etree.XMLSyntaxError:
        root = _recover(_in_utf8(body, content_type))
        body = b"" if root is None else etree.tostring(root, encoding="utf-8")
        content_type = "text/xml; charset=utf-8"
    elements = 0 if root is None else int(root.xpath("count(//*)"))
    return WellFormedFeed(body, content_type, elements)


def _recover(body: bytes) -> Any:
    parser = etree.XMLParser(recover=True, **XML_OPTIONS)
    try:
        return etree.fromstring(repair_xml(body, ROOT_END, ENTRY_END), parser)
    except etree.XMLSyntaxError:  # nothing in it is XML
        return None


def _in_utf8(body: bytes, content_type: str) -> bytes:
    """A body whose encoding only the header names, as UTF-8: XML would take it for that."""
    charset = http_content_type_encoding(content_type)
    if charset is None or b"encoding=" in body[:200]:
        return body
    return body.decode(charset, "replace").encode("utf8", "replace")


def _link(entry: Any, base: str, dates: SourceDateReader, is_rss: bool) -> Link | None:
    url = _entry_url(entry, base)
    if url is None:
        return None
    # The entry's own `get` substitutes one of the two dates for the other.
    published = dates.read(str(dict.get(entry, "published") or ""))
    modified = dates.read(str(dict.get(entry, "updated") or ""))
    if is_rss and published.at is None:  # the only date of an item, dc:date, is its publication
        published, modified = modified, published
    return Link(
        url,
        title=_title(entry),
        published_at=published.at,
        modified_at=modified.at,
        tags=_tags(entry),
        published_precision=published.precision,
        modified_precision=modified.precision,
    )


def _entry_url(entry: Any, base: str) -> str | None:
    """The first http link of an entry that leads to its story; None where it has none."""
    return _first_url(_url_candidates(entry), base)


def _url_candidates(entry: Any) -> Iterator[str]:
    """What may be the URL of the story, the most certain first.

    FeedBurner names the story's own URL beside the one that counts readers. An id is a URL only
    where it looks like one: others are numbers or names such as `tag:example.org,2026:4711`.
    Enclosures, comments and replies are never the story.
    """
    yield _if_absolute(entry.get("feedburner_origlink"))
    hrefs: dict[str, list[str]] = defaultdict(list)
    for link in sorted(entry.get("links") or (), key=_is_no_page):
        relation = str(link.get("rel") or "alternate").rpartition("/")[2]
        hrefs[relation].append(str(link.get("href") or ""))
    yield from hrefs["alternate"]
    yield _if_absolute(entry.get("link"))
    for content in entry.get("content") or ():
        yield str(content.get("src") or "")
    identity = str(entry.get("id") or "")
    is_path = entry.get("guidislink") and identity.startswith("/")
    yield identity if is_path else _if_absolute(identity)
    for relation in OTHER_RELATIONS:
        yield from hrefs[relation]


def _is_no_page(link: Any) -> bool:
    return link.get("type") not in (None, "", *HTML_MEDIA_TYPES)


def _if_absolute(text: Any) -> str:
    return str(text) if ABSOLUTE_URL.match(str(text or "").strip()) else ""


def _first_url(candidates: Iterable[str], base: str) -> str | None:
    for text in candidates:
        url = resolve_href(base, text)
        if url is not None:
            return url
    return None


def _title(entry: Any) -> str:
    detail: Mapping[str, Any] = entry.get("title_detail") or {}
    text = str(detail.get("value") or "")
    if detail.get("type") in HTML_MEDIA_TYPES:
        text = replace_entities(remove_tags(text))
    return plain_text(text)


def _tags(entry: Any) -> tuple[str, ...]:
    """The names of an entry's categories: labels are for people, terms for programs."""
    names = [str(tag.get("label") or tag.get("term") or "") for tag in entry.get("tags") or ()]
    return normalize_tags(names)


def _read_json(body: bytes, base: str, timezone: str, now: datetime) -> LinkListing:
    if has_more_than(body, MAX_NODES, b"{", b"["):
        return too_complex_source(f"a feed of more than {MAX_NODES} nodes")
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError):
        return unreadable_source("starts like JSON but is none")
    if not isinstance(feed, dict) or "jsonfeed.org" not in str(feed.get("version")):
        return unreadable_source("JSON, but no JSON Feed")
    items = feed.get("items")
    if not isinstance(items, list):
        return LinkListing()
    links = LinkCollector()
    dates = SourceDateReader(timezone, now, str(feed.get("language") or ""))
    for item in items:
        if not links.add(_json_link(item, base, dates)):
            break
    return links.result()


def _json_link(item: Any, base: str, dates: SourceDateReader) -> Link | None:
    if not isinstance(item, dict):
        return None
    candidates = (str(item.get("url") or ""), _if_absolute(item.get("id")))
    url = _first_url((*candidates, _if_absolute(item.get("external_url"))), base)
    if url is None:
        return None
    published = dates.read(str(item.get("date_published") or ""))
    modified = dates.read(str(item.get("date_modified") or ""))
    tags = item.get("tags")
    names: list[str] = []
    if isinstance(tags, list):
        names = [tag for tag in tags if isinstance(tag, str)]
    return Link(
        url,
        title=plain_text(str(item.get("title") or "")),
        published_at=published.at,
        modified_at=modified.at,
        tags=normalize_tags(names),
        published_precision=published.precision,
        modified_precision=modified.precision,
    )
