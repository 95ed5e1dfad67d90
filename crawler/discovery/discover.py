"""What a Place shows: bytes in, Links out, or the reason why it cannot be read.

Promises pure functions: no network, no clock, no entity of an XML file followed. Each Link is an absolute http(s) URL,
shown once, in the order of the Place; a title is plain text on one line. Which Links are ours to follow is the Site's
to judge.
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
from crawler.discovery.sitemaps import read_sitemap
from pipeline.config.site import Site
from pipeline.core import markup_limits
from pipeline.core.models import Link, Reason, UrlKind
from pipeline.core.urls import resolve_href

MAX_SITEMAP_BYTES = 52_428_800  # bytes of a sitemap that came packed: what the protocol allows
MAX_ANCHORS = 5_000  # Links of one section page; a list of stories has a hundred


def read_links(kind: UrlKind, body: bytes, base: str, content_type: str, site: Site) -> LinkListing:
    """The Links of a Place of the given kind. `base` is the URL that the answer came from."""
    limit = site.safety.max_bytes
    unpacked = decompress_gzip(
        body, max(limit, MAX_SITEMAP_BYTES) if kind is UrlKind.SITEMAP else limit
    )
    if isinstance(unpacked, LinkListing):
        return unpacked
    if kind is UrlKind.FEED:
        return read_feed(unpacked, base, content_type)
    if kind is UrlKind.SITEMAP:
        return read_sitemap(unpacked, base, site.timezone)
    return read_section(unpacked, base, content_type, site.owns)


def decompress_gzip(body: bytes, limit: int) -> bytes | LinkListing:
    """The body of a file that is gzipped as a file (`sitemap.xml.gz`), never more than `limit` bytes of it."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    packed, plain = body, b""
    try:
        while packed.startswith(b"\x1f\x8b"):  # a gzip file may have several members
            member = zlib.decompressobj(wbits=31)
            plain += member.decompress(packed, limit + 1 - len(plain))
            if len(plain) > limit:
                return LinkListing(
                    (), Reason.TOO_LARGE, f"more than {limit} bytes once decompressed"
                )
            packed = member.unused_data
    except zlib.error:
        return unreadable_source("a gzip file that cannot be decompressed")
    return plain


def read_section(
    body: bytes, base: str, content_type: str, owns: Callable[[str], bool]
) -> LinkListing:
    """The anchors of an HTML page that lead to the Site's own hosts, with their text as title."""
    body = as_utf8(body, content_type)
    if sentence := markup_limits.complexity_problem(body):
        return too_complex_source(sentence)
    parser = html.HTMLParser(encoding="utf8", remove_comments=True, no_network=True, huge_tree=True)
    try:
        root = html.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError, ValueError):
        return unreadable_source("an HTML page that cannot be parsed")
    base = _declared_base(root, base)
    links = LinkCollector(MAX_ANCHORS)
    for anchor in root.iter("a"):
        url = resolve_href(base, str(anchor.get("href") or ""))
        if url is not None and owns(url) and not links.add(Link(url, title=element_text(anchor))):
            break
    if not links.by_key and any("depth" in error.message for error in parser.error_log):
        return unreadable_source("elements nested so deep that the page cannot be parsed")
    return replace(links.result(), next_page=_next_page(root, base))


def _next_page(root: html.HtmlElement, base: str) -> str:
    """Where the page says that its list goes on."""
    for element in root.iter("link", "a"):
        if "next" in str(element.get("rel") or "").lower().split():
            return resolve_href(base, str(element.get("href") or "")) or ""
    return ""


def _declared_base(root: html.HtmlElement, base: str) -> str:
    declared = root.find(".//base[@href]")
    return (resolve_href(base, str(declared.get("href"))) or base) if declared is not None else base


def as_utf8(body: bytes, content_type: str) -> bytes:
    """Bytes that are valid UTF-8 are taken as such, whatever a header says; others as the header or the page declares."""
    try:
        body.decode("utf8")
    except UnicodeDecodeError:
        return html_to_unicode(content_type, body)[1].encode("utf8", "replace")
    return body.removeprefix(b"\xef\xbb\xbf")
