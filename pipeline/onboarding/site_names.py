"""The name that people use for a site, from its front page and its feeds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pipeline.core.models import UrlKind
from pipeline.core.urls import host_of, without_www
from pipeline.process_messages import ProbeResult

TITLE_SEPARATOR: Final = re.compile(r"\s+[|•·»«:/–—-]\s+|\s*[|•»«]\s*")
FEED_WORDS: Final = re.compile(
    r"\s*[-–—|:»]?\s*\b(?:RSS(?:\s*2\.0)?|Atom|feed|лента|все новости|latest news)\b.*$", re.I
)


def site_name(findings: ProbeResult) -> str:
    """As the front page declares it; else as the first feed or the end of the page's title has it; else the host."""
    front = findings.front
    feeds = [
        place.title
        for place in findings.sources
        if place.kind is UrlKind.FEED and place.works and place.title
    ]
    feed = FEED_WORDS.sub("", feeds[0]).strip() if feeds else ""
    parts = [part for part in TITLE_SEPARATOR.split(front.title) if part.strip()]
    for wish in (
        front.site_name,
        feed if feed and feed in front.title else "",
        _common(feed, parts),
        parts[-1] if parts else "",
    ):
        if wish.strip():
            return wish.strip()[:100]
    return feed[:100] or without_www(host_of(front.url))


def _common(feed: str, parts: Iterable[str]) -> str:
    """The part of the page's title that the feed's title holds, too."""
    return next((part for part in parts if part.strip() and part.strip() in feed), feed)
