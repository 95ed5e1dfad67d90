"""What a probe remembers of one feed, sitemap or section. Pure functions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from crawler.discovery.links import LinkListing, plain_text
from pipeline.core.models import Link, UrlKind
from pipeline.core.urls import canonicalize
from pipeline.process_messages import RememberedLink

MAX_LINKS: Final = 300  # remembered of one source
MAX_URL_LENGTH: Final = 2000
MAX_TITLE_BYTES: Final = 5000  # in which the title of a feed is looked for
MAX_DATE_BYTES: Final = 500_000  # in which dates with a UTC offset are looked for
MAX_NEWS_BYTES: Final = 20_000  # in which the sign of a news sitemap is looked for
NEVER: Final = datetime.min.replace(tzinfo=UTC)
DATE_ELEMENT = re.compile(
    rb"<(?:pubDate|updated|published|dc:date|(?:news:)?publication_date)>[^<]{8,60}<", re.I
)
UTC_OFFSET = re.compile(rb"(?:([+-])(\d\d):?(\d\d)|(GMT|UTC?|Z))\s*<$")
TITLE = re.compile(rb"<title[^>]*>(?:\s*<!\[CDATA\[)?(.*?)(?:\]\]>\s*)?</title>", re.I | re.S)


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What a source shows. See `ProbedSource` for the fields."""

    title: str = ""
    link_count: int = 0
    links: tuple[RememberedLink, ...] = ()
    children: tuple[str, ...] = ()
    is_news: bool = False
    newest: datetime | None = None
    utc_offsets: dict[int, int] = field(default_factory=dict)


def summarize_source(kind: UrlKind, body: bytes, listing: LinkListing) -> SourceSummary:
    """Summarize a source.

    Args:
        kind: The kind of the source.
        body: Its bytes, decompressed.
        listing: The links that were read from it.
    """
    stories = [link for link in listing.links if link.kind is UrlKind.STORY]
    children = [link for link in listing.links if link.kind is not UrlKind.STORY]
    children.sort(key=lambda link: link.modified_at or NEVER, reverse=True)
    dates = [date for link in stories if (date := _link_date(link)) is not None]
    if kind is UrlKind.SITEMAP and dates:  # the newest stories may be anywhere in a sitemap
        stories.sort(key=lambda link: _link_date(link) or NEVER, reverse=True)
    return SourceSummary(
        title=_feed_title(body) if kind is UrlKind.FEED else "",
        link_count=len(stories),
        links=_remembered_links(stories),
        children=tuple(link.url for link in children[:MAX_LINKS]),
        is_news=kind is UrlKind.SITEMAP and b"publication_date" in body[:MAX_NEWS_BYTES],
        newest=max(dates, default=None),
        utc_offsets={} if kind is UrlKind.SECTION else count_utc_offsets(body),
    )


def _link_date(link: Link) -> datetime | None:
    return link.published_at or link.modified_at


def _feed_title(body: bytes) -> str:
    title = TITLE.search(body, 0, MAX_TITLE_BYTES)
    if title is None:
        return ""
    return plain_text(title.group(1).decode("utf8", "replace"))[:200]


def _remembered_links(stories: Iterable[Link]) -> tuple[RememberedLink, ...]:
    """The first links with a usable URL."""
    remembered: list[RememberedLink] = []
    for link in stories:
        if len(remembered) >= MAX_LINKS:
            break
        if _is_usable_url(link.url):
            is_dated = _link_date(link) is not None
            remembered.append(RememberedLink(url=link.url, title=link.title, is_dated=is_dated))
    return tuple(remembered)


def _is_usable_url(url: str) -> bool:
    try:
        return len(canonicalize(url)) < MAX_URL_LENGTH
    except ValueError:
        return False


def count_utc_offsets(body: bytes) -> dict[int, int]:
    """Count the UTC offsets that the dates of a feed or sitemap name.

    The readers of links have already converted their dates to UTC.

    Returns:
        The number of dates by their offset in minutes east of UTC.
    """
    counts: Counter[int] = Counter()
    for date in DATE_ELEMENT.findall(body, 0, MAX_DATE_BYTES):
        offset = UTC_OFFSET.search(date)
        if offset is not None:
            counts[_offset_minutes(offset)] += 1
    return dict(counts)


def _offset_minutes(offset: re.Match[bytes]) -> int:
    sign, hours, minutes, _ = offset.groups()
    if not sign:  # GMT, UTC or Z
        return 0
    total = int(hours) * 60 + int(minutes)
    return -total if sign == b"-" else total
