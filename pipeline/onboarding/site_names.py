"""Guesses the name that people use for a site, from its front page and its feeds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pipeline.core.models import UrlKind
from pipeline.core.urls import host_of, without_www
from pipeline.process_messages import ProbeResult

MAX_NAME_LENGTH: Final = 100
TITLE_SEPARATOR: Final = re.compile(r"\s+[|•·»«:/–—-]\s+|\s*[|•»«]\s*")
FEED_WORDS: Final = re.compile(
    r"\s*[-–—|:»]?\s*\b(?:RSS(?:\s*2\.0)?|Atom|feed|лента|все новости|latest news)\b.*$", re.I
)


def site_name(probe: ProbeResult) -> str:
    """Return the name of a site.

    It is what the front page declares, else what the first feed or the end of the page's title
    says, else the host.
    """
    front = probe.front
    feed_title = _feed_title(probe)
    title_parts = [part for part in TITLE_SEPARATOR.split(front.title) if part.strip()]
    candidates = [front.site_name]
    if feed_title in front.title:
        candidates.append(feed_title)
    candidates.append(_common_part(feed_title, title_parts))
    candidates += title_parts[-1:]
    for candidate in candidates:
        if candidate.strip():
            return candidate.strip()[:MAX_NAME_LENGTH]
    return without_www(host_of(front.url))


def _feed_title(probe: ProbeResult) -> str:
    """The title of the first feed, without words such as RSS."""
    for source in probe.sources:
        if source.kind is UrlKind.FEED and source.works and source.title:
            return FEED_WORDS.sub("", source.title).strip()
    return ""


def _common_part(feed_title: str, title_parts: Iterable[str]) -> str:
    """The part of the page's title that the feed's title has too, else the feed's title."""
    for part in title_parts:
        if part.strip() in feed_title:
            return part
    return feed_title
