"""Reads the links of a source: bytes in, a LinkListing out.

Pure functions without network or clock, and no entity of an XML file is followed. Each link is an
absolute http(s) URL, listed once, in the order of the source. Its title is plain text on one line.
The site decides which links are followed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

from lxml import etree, html
from w3lib.encoding import html_to_unicode

from crawler.discovery.feeds import read_feed
from crawler.discovery.links import (
    LinkCollector,
    LinkListing,
    element_text,
    too_complex_source,
    unreadable_source,
)
from crawler.discovery.next_pages import next_page
from crawler.discovery.sitemaps import read_sitemap
from pipeline.config.site import Site
from pipeline.core import markup_limits
from pipeline.core.models import Link, Reason, UrlKind
from pipeline.core.urls import resolve_href

MAX_SITEMAP_BYTES = 52_428_800  # of a decompressed sitemap; the limit of sitemaps.org
MAX_ANCHORS = 5_000  # Links of one section page; a normal one has a hundred
GZIP_MAGIC = b"\x1f\x8b"


def read_links(kind: UrlKind, body: bytes, base: str, content_type: str, site: Site) -> LinkListing:
    """Read the links of a source.

    Args:
        kind: FEED, SITEMAP, SECTION or FRONT_PAGE.
        body: The bytes that were fetched. They may be gzipped.
        base: The URL that the answer came from.
        content_type: The Content-Type header.
        site: The site, with its limits, time zone and hosts.
    """
    limit = site.safety.max_bytes
    if kind is UrlKind.SITEMAP:
        limit = max(limit, MAX_SITEMAP_BYTES)
    decompressed = decompress_gzip(body, limit)
    if isinstance(decompressed, LinkListing):
        return decompressed
    if kind is UrlKind.FEED:
        return read_feed(decompressed, base, content_type, site.timezone)
    if kind is UrlKind.SITEMAP:
        return read_sitemap(decompressed, base, site.timezone)
    return read_section(decompressed, base, content_type, site.owns)


def decompress_gzip(body: bytes, limit: int) -> bytes | LinkListing:
    """Decompress a file such as `sitemap.xml.gz`. Other files are returned as they are.

    Args:
        body: The file.
        limit: Bytes to decompress, at most.

    Returns:
        The bytes; a listing with the reason where they are too large or broken.
    """
    if not body.startswith(GZIP_MAGIC):
        return body
    compressed, plain = body, b""
    try:
        while compressed.startswith(GZIP_MAGIC):  # a gzip file may have several members
            member = zlib.decompressobj(wbits=31)
            plain += member.decompress(compressed, limit + 1 - len(plain))
            if len(plain) > limit:
                detail = f"more than {limit} bytes when decompressed"
                return LinkListing((), Reason.TOO_LARGE, detail)
            compressed = member.unused_data
    except zlib.error:
        return unreadable_source("a gzip file that cannot be decompressed")
    return plain


def read_section(
    body: bytes, base: str, content_type: str, owns: Callable[[str], bool]
) -> LinkListing:
    """Read the anchors of an HTML page that lead to the site's own hosts.

    Args:
        body: The page.
        base: The URL that the answer came from.
        content_type: The Content-Type header.
        owns: Whether a URL belongs to the site.

    Returns:
        The links with the anchors' text as title, and the next page of the list: as the page
        declares it, else as its links show it.
    """
    body = as_utf8(body, content_type)
    if problem := markup_limits.complexity_problem(body):
        return too_complex_source(problem)
    parser = html.HTMLParser(encoding="utf8", remove_comments=True, no_network=True, huge_tree=True)
    try:
        root = html.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError, ValueError):
        return unreadable_source("an HTML page that cannot be parsed")
    page_url, base = base, _declared_base(root, base)
    links = LinkCollector(MAX_ANCHORS)
    for anchor in root.iter("a"):
        url = resolve_href(base, str(anchor.get("href") or ""))
        if url is None or not owns(url):
            continue
        if not links.add(Link(url, title=element_text(anchor))):
            break
    if not links.by_key and any("depth" in error.message for error in parser.error_log):
        return unreadable_source("elements are nested too deep to parse the page")
    listing = links.result()
    declared = _next_page(root, base)
    return replace(listing, next_page=declared or next_page(listing.links, page_url))


def _next_page(root: html.HtmlElement, base: str) -> str:
    """The page on which the list continues, as the page declares it."""
    for element in root.iter("link", "a"):
        if "next" in str(element.get("rel") or "").lower().split():
            return resolve_href(base, str(element.get("href") or "")) or ""
    return ""


def _declared_base(root: html.HtmlElement, base: str) -> str:
    declared = root.find(".//base[@href]")
    if declared is None:
        return base
    return resolve_href(base, str(declared.get("href"))) or base


def as_utf8(body: bytes, content_type: str) -> bytes:
    """Return a page as UTF-8.

    Valid UTF-8 is taken as such, whatever a header says. Other bytes are decoded as the header or
    the page declares.
    """
    try:
        body.decode("utf8")
    except UnicodeDecodeError:
        return html_to_unicode(content_type, body)[1].encode("utf8", "replace")
    return body.removeprefix(b"\xef\xbb\xbf")
