"""Lists of sites that people bring along: OPML of a feed reader, or a plain list of URLs.

Promises the addresses in their order, each site once, that no entity of an OPML file is followed, and that a line that is no
address is named and costs no other line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lxml import etree

from pipeline.core.errors import ConfigError
from pipeline.core.urls import canonicalize, host_of

MAX_LIST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RequestedSite:
    """A site that somebody wants to add. `trouble` says what is wrong with its line."""

    url: str
    feeds: tuple[str, ...] = ()
    name: str = ""
    location: str = ""  # file and line, for people
    error: str = ""


def parse_address(text: str) -> str:
    """A URL as typed in, with https:// where no scheme was. Raises ValueError."""
    text = text.strip()
    if not text or any(char.isspace() for char in text):
        raise ValueError("no address")
    url = text if re.match(r"[a-z][a-z0-9+.-]*://", text, re.I) else f"https://{text}"
    canonicalize(url)
    host = host_of(url)
    if "." not in host and not host.startswith(("localhost", "[")):
        raise ValueError("no address of a site")
    return url


def requested_site(text: str, where: str = "") -> RequestedSite:
    """One address."""
    try:
        return RequestedSite(parse_address(text), location=where)
    except ValueError as error:
        return RequestedSite(
            text.strip()[:200],
            location=where,
            error=f"{error}; write one like https://www.example.org/",
        )


def read_site_list(body: bytes, where: str) -> tuple[RequestedSite, ...]:
    """The sites of a file. Raises ConfigError where it is neither OPML nor a list."""
    if len(body) > MAX_LIST_BYTES:
        raise ConfigError(
            f"{where}: is larger than {MAX_LIST_BYTES // 2**20} MB, which no list of sites is"
        )
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    found = _read_opml(body, where) if start == b"<" else _read_list(body, where)
    if not found:
        raise ConfigError(f"{where}: there is no address in it; one URL a line, or OPML")
    return _merged(found)


def _read_list(body: bytes, where: str) -> tuple[RequestedSite, ...]:
    """One URL a line; what stands behind a blank or `#` is a remark."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: is no text in UTF-8") from None
    lines = (
        (number, line.partition(" #")[0].strip())
        for number, line in enumerate(text.splitlines(), 1)
    )
    return tuple(
        requested_site(line.split()[0].strip("\"',;"), f"{where}, line {number}")
        for number, line in lines
        if line and line[0] != "#"
    )


def _read_opml(body: bytes, where: str) -> tuple[RequestedSite, ...]:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True
    )
    try:
        root = etree.fromstring(body.lstrip(b"\xef\xbb\xbf \t\r\n"), parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError(f"{where}: is no XML that can be read: {error}") from None
    if root is None or str(root.tag).lower() != "opml":
        raise ConfigError(f"{where}: begins like XML and is no OPML")
    if root.getroottree().docinfo.doctype:
        raise ConfigError(
            f"{where}: declares a document type, which no OPML needs; remove that line"
        )
    found = []
    for outline in root.iter("outline"):
        values = {name.lower(): str(text) for name, text in outline.attrib.items()}
        feed, page = values.get("xmlurl", ""), values.get("htmlurl", "")
        if feed or page:
            found.append(_outline(feed, page, values, f"{where}, line {outline.sourceline}"))
    return tuple(found)


def _outline(feed: str, page: str, values: dict[str, str], where: str) -> RequestedSite:
    """A subscription. Without a page of its own, the feed's address stands for the site, and the probe finds the page."""
    site = requested_site(page or feed, where)
    known = requested_site(feed, where) if feed else None
    if site.error and known is not None and not known.error:
        site = known
    feeds = (known.url,) if known is not None and not known.error else ()
    return replace(
        site, feeds=feeds, name=(values.get("title") or values.get("text") or "").strip()[:100]
    )


def _merged(found: tuple[RequestedSite, ...]) -> tuple[RequestedSite, ...]:
    """Feeds of one site together."""
    sites: dict[str, RequestedSite] = {}
    for each in found:
        key = each.url if each.error else canonicalize(each.url).rstrip("/")
        known = sites.get(key)
        sites[key] = (
            each
            if known is None
            else replace(known, feeds=tuple(dict.fromkeys((*known.feeds, *each.feeds))))
        )
    return tuple(sites.values())
