"""Reads sitemaps and sitemap indexes, as XML or plain text: bytes in, a LinkListing out.

A document type that declares entities is refused, and no entity is followed. A file is read up to
the 50,000 URLs of sitemaps.org. A list that is cut off yields what is there. The children of an
index are links of kind SITEMAP.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from crawler.discovery.feeds import read_feed
from crawler.discovery.links import (
    LinkCollector,
    LinkListing,
    declares_entities,
    end_tag_pattern,
    normalize_tags,
    plain_text,
    repair_xml,
    too_complex_source,
    unreadable_source,
)
from pipeline.core.dates.source_dates import SourceDateReader
from pipeline.core.markup_limits import has_more_than
from pipeline.core.models import Link, Reason, UrlKind
from pipeline.core.urls import resolve_href

WIDE_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\x00?\x00", "utf-16-le"),
    (b"\x00<\x00?", "utf-16-be"),
)
DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")
URL_LINE = re.compile(rb"(?:\A|[\r\n])[ \t]*(https?://[^\r\n]+)")
ENTRY_ELEMENTS = ("url", "sitemap")
NEWS_ELEMENTS = ("news",)
FIELD_PARENTS = {  # the elements that are read, and their parents
    "loc": ENTRY_ELEMENTS,
    "lastmod": ENTRY_ELEMENTS,
    "title": NEWS_ELEMENTS,
    "publication_date": NEWS_ELEMENTS,
    "keywords": NEWS_ELEMENTS,
}
KEYWORD_SEPARATOR = re.compile(r"[,;،，、]")
MAX_MARKUP_CHARS = 3_000_000  # brackets and ampersands: 50,000 URLs with their news and images
ROOT_END = end_tag_pattern("urlset", "sitemapindex")
ENTRY_END = end_tag_pattern("url", "sitemap")
FEED_ROOTS = frozenset({"rss", "feed", "RDF"})


def read_sitemap(body: bytes, base: str, timezone: str) -> LinkListing:
    """Read the links of a sitemap.

    Args:
        body: The sitemap, decompressed.
        base: The URL that the answer came from.
        timezone: The time zone of times that name none.
    """
    body = _from_wide_encoding(body).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not body:
        return unreadable_source("an empty file")
    if not body.startswith(b"<"):
        return _read_text(body, base)
    if has_more_than(body, MAX_MARKUP_CHARS, b"<", b"&"):
        return too_complex_source(f"more than {MAX_MARKUP_CHARS} brackets and ampersands")
    if declares_entities(body):
        detail = "declares entities, which no sitemap needs"
        return LinkListing((), Reason.XML_DOCTYPE_REFUSED, detail)
    return _read_xml(body, base, timezone)


def _from_wide_encoding(body: bytes) -> bytes:
    """UTF-16 and UTF-32 as UTF-8, so that searches in the bytes find what they look for."""
    for sign, encoding in WIDE_ENCODINGS:
        if body.startswith(sign):
            utf8 = body.decode(encoding, "replace").encode("utf8", "replace")
            return DECLARATION.sub(b"", utf8)
    return body


def _read_text(body: bytes, base: str) -> LinkListing:
    """One URL on a line. A file without any is no sitemap."""
    links = LinkCollector()
    for line in URL_LINE.finditer(body):  # one by one: millions of lines are a gigabyte
        url = resolve_href(base, line.group(1).decode("utf8", "replace"))
        if url is not None and not links.add(Link(url)):
            break
    if not links.by_key:
        return unreadable_source("neither XML nor a list of URLs")
    return links.result()


def _read_xml(body: bytes, base: str, timezone: str) -> LinkListing:
    body = repair_xml(body, ROOT_END, ENTRY_END)
    parser = etree.iterparse(
        io.BytesIO(body),
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    links = LinkCollector()
    is_complete = False
    try:
        _, first = next(parser)
        root = _local_name(first)
        if root in FEED_ROOTS:  # sitemaps.org allows a feed in place of a sitemap
            return read_feed(body, base, "", timezone)
        if root not in ("urlset", "sitemapindex"):
            return unreadable_source(f"no sitemap: its first element is <{root[:40]}>")
        kind = UrlKind.SITEMAP if root == "sitemapindex" else UrlKind.STORY
        dates = SourceDateReader(timezone, datetime.now(UTC))
        for link in _links(parser, base, dates, kind):
            if not links.add(link):
                break
        is_complete = True
    except (etree.XMLSyntaxError, StopIteration):
        pass  # what was read so far counts
    if links.by_key or (is_complete and not parser.error_log):
        return links.result()
    return unreadable_source("XML that cannot be parsed")


def _links(parser: Any, base: str, dates: SourceDateReader, kind: UrlKind) -> Iterator[Link | None]:
    """Yield the link of each entry; None for one without a URL."""
    fields: dict[str, str] = {}
    for event, element in parser:
        if event == "start":
            continue
        name = _local_name(element)
        if name in FIELD_PARENTS and _local_name(element.getparent()) in FIELD_PARENTS[name]:
            fields.setdefault(name, (element.text or "").strip())
        elif name in ENTRY_ELEMENTS:
            url = resolve_href(base, fields.get("loc", ""))
            yield None if url is None else _link(url, kind, fields, dates)
            fields = {}
        _free_memory(element)


def _link(url: str, kind: UrlKind, fields: dict[str, str], dates: SourceDateReader) -> Link:
    published = dates.read(fields.get("publication_date", ""))
    modified = dates.read(fields.get("lastmod", ""))
    return Link(
        url,
        kind,
        title=plain_text(fields.get("title", "")),
        published_at=published.at,
        modified_at=modified.at,
        tags=normalize_tags(KEYWORD_SEPARATOR.split(fields.get("keywords", ""))),
        published_precision=published.precision,
        modified_precision=modified.precision,
    )


def _local_name(element: Any) -> str:
    """An element's name without its namespace. What is no element (an entity) has none."""
    if element is None or not isinstance(element.tag, str):
        return ""
    return str(element.tag).rpartition("}")[2]


def _free_memory(element: Any) -> None:
    """Free what was read, so that memory does not grow over a long list."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
