"""Reads lists of sites: OPML files of feed readers, or plain lists of URLs.

The sites keep their order, and each is listed once. No entity of an OPML file is followed. A line
that is no address is reported and does not affect the other lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lxml import etree

from pipeline.core.errors import ConfigError
from pipeline.core.urls import canonicalize, host_of

MAX_LIST_BYTES = 16 * 1024 * 1024
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)


@dataclass(frozen=True, slots=True)
class RequestedSite:
    """A site that the user wants to add. `error` says what is wrong with its line."""

    url: str
    feeds: tuple[str, ...] = ()
    name: str = ""
    location: str = ""  # file and line, for messages
    error: str = ""
    sitemaps: tuple[str, ...] = ()


def parse_address(text: str) -> str:
    """Return a URL that a user typed in, with https:// where it has no scheme.

    Raises:
        ValueError: The text is no address of a site.
    """
    text = text.strip()
    if not text or any(char.isspace() for char in text):
        raise ValueError("no address")
    url = text if SCHEME.match(text) else f"https://{text}"
    canonicalize(url)
    host = host_of(url)
    if "." not in host and not host.startswith(("localhost", "[")):
        raise ValueError("no address of a site")
    return url


def requested_site(text: str, location: str = "") -> RequestedSite:
    """Return the site of one address.

    Args:
        text: The address as typed in.
        location: Its file and line, for messages.
    """
    try:
        return RequestedSite(parse_address(text), location=location)
    except ValueError as error:
        message = f"{error}; write one like https://www.example.org/"
        return RequestedSite(text.strip()[:200], location=location, error=message)


def read_site_list(body: bytes, location: str) -> tuple[RequestedSite, ...]:
    """Read the sites of a file.

    Args:
        body: The file.
        location: Its name, for messages.

    Raises:
        ConfigError: The file is neither OPML nor a list.
    """
    if len(body) > MAX_LIST_BYTES:
        limit = MAX_LIST_BYTES // 2**20
        raise ConfigError(f"{location}: is larger than {limit} MB, too large for a list of sites")
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    sites = _read_opml(body, location) if start == b"<" else _read_lines(body, location)
    if not sites:
        raise ConfigError(f"{location}: holds no address; write one URL a line, or OPML")
    return _merge(sites)


def _read_lines(body: bytes, location: str) -> tuple[RequestedSite, ...]:
    """One URL on a line. What follows a space or `#` is a comment."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{location}: is no text in UTF-8") from None
    sites = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition(" #")[0].strip()
        if content and not content.startswith("#"):
            address = content.split()[0].strip("\"',;")
            sites.append(requested_site(address, f"{location}, line {number}"))
    return tuple(sites)


def _read_opml(body: bytes, location: str) -> tuple[RequestedSite, ...]:
    sites = []
    for outline in _parse_opml(body, location).iter("outline"):
        values = {name.lower(): str(text) for name, text in outline.attrib.items()}
        if values.get("xmlurl") or values.get("htmlurl"):
            sites.append(_site_of_outline(values, f"{location}, line {outline.sourceline}"))
    return tuple(sites)


def _parse_opml(body: bytes, location: str) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True
    )
    try:
        root = etree.fromstring(body.lstrip(b"\xef\xbb\xbf \t\r\n"), parser)
    except etree.XMLSyntaxError as error:
        raise ConfigError(f"{location}: is XML that cannot be read: {error}") from None
    if root is None or str(root.tag).lower() != "opml":
        raise ConfigError(f"{location}: starts like XML but is no OPML")
    if root.getroottree().docinfo.doctype:
        problem = "declares a document type, which OPML does not need; remove that line"
        raise ConfigError(f"{location}: {problem}")
    return root


def _site_of_outline(values: dict[str, str], location: str) -> RequestedSite:
    """The site of a subscription.

    Without a page, the feed's address stands for the site, and the probe finds the page.
    """
    feed_url, page_url = values.get("xmlurl", ""), values.get("htmlurl", "")
    name = (values.get("title") or values.get("text") or "").strip()[:100]
    site = requested_site(page_url or feed_url, location)
    feeds: tuple[str, ...] = ()
    if feed_url:
        feed = requested_site(feed_url, location)
        if not feed.error:
            feeds = (feed.url,)
            if site.error:
                site = feed
    return replace(site, feeds=feeds, name=name)


def _merge(sites: Iterable[RequestedSite]) -> tuple[RequestedSite, ...]:
    """Feeds of one site together."""
    merged: dict[str, RequestedSite] = {}
    for site in sites:
        key = site.url if site.error else canonicalize(site.url).rstrip("/")
        known = merged.get(key)
        if known is None:
            merged[key] = site
        else:
            feeds = tuple(dict.fromkeys((*known.feeds, *site.feeds)))
            merged[key] = replace(known, feeds=feeds)
    return tuple(merged.values())
