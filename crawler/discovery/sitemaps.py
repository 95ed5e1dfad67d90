"""Sitemaps: bytes in, Links out, as XML (lists and indexes) or as plain text.

Promises that no document type is read and no entity followed, that a file is read up to the protocol's 50,000 URLs and no
further, and that a list cut off in the middle still yields what was there. Children of an index are Links of kind SITEMAP.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree

from crawler.discovery.feeds import parse_iso_time, read_feed
from crawler.discovery.links import (
    LinkCollector,
    LinkListing,
    end_tag_pattern,
    has_doctype,
    normalize_tags,
    plain_text,
    repair_xml,
    too_complex_source,
    unreadable_source,
)
from pipeline.core.markup_limits import has_more_than
from pipeline.core.models import Link, Reason, UrlKind
from pipeline.core.urls import resolve_href

WIDE_ENCODINGS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"), (b"<\x00?\x00", "utf-16-le"), (b"\x00<\x00?", "utf-16-be"))  # fmt: skip
DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")
URL_LINE = re.compile(rb"(?:\A|[\r\n])[ \t]*(https?://[^\r\n]+)")
ENTRY_ELEMENTS = ("url", "sitemap")
NEWS_ELEMENTS = ("news",)
FIELD_PARENTS = {
    "loc": ENTRY_ELEMENTS,
    "lastmod": ENTRY_ELEMENTS,
    "title": NEWS_ELEMENTS,
    "publication_date": NEWS_ELEMENTS,
    "keywords": NEWS_ELEMENTS,
}  # and what each stands in
MAX_MARKUP_CHARS = 3_000_000  # brackets and ampersands: 50,000 URLs with their news and pictures
ROOT_END = end_tag_pattern("urlset", "sitemapindex")
ENTRY_END = end_tag_pattern("url", "sitemap")
FEED_ROOTS = frozenset({"rss", "feed", "RDF"})
SitemapEntry = dict[str, str]


def read_sitemap(body: bytes, base: str, timezone: str) -> LinkListing:
    """The Links of a sitemap. `timezone` is that of times which name none."""
    body = _narrow(body).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not body:
        return unreadable_source("an empty file")
    if not body.startswith(b"<"):
        return _read_text(body, base)
    if has_more_than(body, MAX_MARKUP_CHARS, b"<", b"&"):
        return too_complex_source(f"more than {MAX_MARKUP_CHARS} brackets and ampersands")
    if has_doctype(body):
        return LinkListing(
            (), Reason.XML_DOCTYPE_REFUSED, "declares a document type, which no sitemap has"
        )
    return _read_xml(body, base, ZoneInfo(timezone))


def _narrow(body: bytes) -> bytes:
    """UTF-16 and UTF-32 as UTF-8, so that what is looked for in the bytes can be found."""
    for sign, coding in WIDE_ENCODINGS:
        if body.startswith(sign):
            return DECLARATION.sub(b"", body.decode(coding, "replace").encode("utf8", "replace"))
    return body


def _read_text(body: bytes, base: str) -> LinkListing:
    """One URL a line; a file in which no line is one is no sitemap."""
    links = LinkCollector()
    for line in URL_LINE.finditer(body):  # one by one: millions of lines are a gigabyte
        url = resolve_href(base, line.group(1).decode("utf8", "replace"))
        if url is not None and not links.add(Link(url)):
            break
    return links.result() if links.by_key else unreadable_source("neither XML nor a list of URLs")


def _read_xml(body: bytes, base: str, zone: ZoneInfo) -> LinkListing:
    body = repair_xml(body, ROOT_END, ENTRY_END)
    reader = etree.iterparse(
        io.BytesIO(body), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False,
        huge_tree=False, recover=True, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    links = LinkCollector()
    try:
        _, first = next(reader)
        root = _name(first)
        if root in FEED_ROOTS:  # the protocol allows a feed in a sitemap's place
            return read_feed(body, base, "")
        if root not in ("urlset", "sitemapindex"):
            return unreadable_source(f"no sitemap: its first element is <{root[:40]}>")
        _collect(
            reader, links, base, zone, UrlKind.SITEMAP if root == "sitemapindex" else UrlKind.STORY
        )
    except (etree.XMLSyntaxError, StopIteration):
        pass  # what was read so far counts
    else:
        if links.by_key or not reader.error_log:
            return links.result()
    return links.result() if links.by_key else unreadable_source("XML that cannot be parsed")


def _collect(reader: Any, links: LinkCollector, base: str, zone: ZoneInfo, kind: UrlKind) -> None:
    entry: SitemapEntry = {}
    for event, element in reader:
        if event == "start":
            continue
        name = _name(element)
        if name in FIELD_PARENTS and _name(element.getparent()) in FIELD_PARENTS[name]:
            entry.setdefault(name, (element.text or "").strip())
        elif name in ENTRY_ELEMENTS:
            room = _add(links, entry, base, zone, kind)
            entry = {}
            if not room:
                return
        _forget(element)


def _name(element: Any) -> str:
    """An element's name without its namespace; what is no element (an entity) has none."""
    return (
        str(element.tag).rpartition("}")[2]
        if element is not None and isinstance(element.tag, str)
        else ""
    )


def _add(
    links: LinkCollector, entry: SitemapEntry, base: str, zone: ZoneInfo, kind: UrlKind
) -> bool:
    url = resolve_href(base, entry.get("loc", ""))
    if url is None:
        return True
    link = Link(
        url,
        kind,
        title=plain_text(entry.get("title", "")),
        published_at=parse_iso_time(entry.get("publication_date", ""), zone),
        modified_at=parse_iso_time(entry.get("lastmod", ""), zone),
        tags=normalize_tags(re.split(r"[,;،，、]", entry.get("keywords", ""))),
    )
    return links.add(link)


def _forget(element: Any) -> None:
    """Frees what was read, so that memory stays flat over a long list, whatever it consists of."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
