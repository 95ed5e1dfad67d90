"""Which further URLs there are: the target of a redirect, the children of a sitemap index, the lists of past days. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pipeline.config.site import Site
from pipeline.core.models import Link, LinkDecision, UrlKind

PAGE_NUMBER = re.compile(
    r"/(?:page|seite|pagina|p)[/-]?\d{1,4}/?(?:$|\?)|[?&](?:page|paged|p|pg|start|offset)=\d{1,5}(?:&|$)",
    re.I,
)
URL_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:[-/_.]?(0[1-9]|1[0-2])(?:[-/_.]?(0[1-9]|[12]\d|3[01]))?)?(?!\d)"
)
MAX_DATE_ARCHIVES = 5_000  # lists by date in one back-fill: those of thirteen years of days
COMPLETE_AFTER = timedelta(
    days=2
)  # after its last day a list may still grow: zones, corrections, late stories
NEVER = datetime.min.replace(tzinfo=UTC)


def decide_redirect_target(site: Site, location: str) -> LinkDecision:
    """The verdict on where a story redirects to. Dead stories often lead to the front page, which is no story: a bare host is
    held to what holds for links of a section."""
    bare = urlsplit(location).path in ("", "/")
    return site.decide(Link(location), UrlKind.SECTION if bare else UrlKind.STORY)


def trusted_canonical_url(site: Site, declared: str) -> str:
    """The address that a page calls its own, if it is one of a story of the Site: many call the front page that, or another
    site from which they took the story."""
    if not declared or urlsplit(declared).path in ("", "/"):
        return ""
    return "" if site.decide(Link(declared), UrlKind.SECTION).reason else declared


def is_next_page(site: Site, url: str) -> bool:
    """Whether what a section calls its next page may be read as one: it is the Site's, and no story."""
    if not site.owns(url):
        return False
    return PAGE_NUMBER.search(url) is not None or bool(
        site.decide(Link(url), UrlKind.SECTION).reason
    )


def newest_child_sitemaps(links: Sequence[Link], room: int) -> tuple[Link, ...]:
    """All Links, but of child sitemaps only as many as there is room for: those that changed last."""
    children = [link for link in links if link.kind is not UrlKind.STORY]
    if len(children) <= room:
        return tuple(links)
    by_change = sorted(children, key=lambda link: link.modified_at or NEVER, reverse=True)
    kept = {link.url for link in by_change[:room]}
    return tuple(link for link in links if link.kind is UrlKind.STORY or link.url in kept)


@dataclass(frozen=True, slots=True)
class LinksSince:
    """The Links of a sitemap that a back-fill takes, and how many it leaves out."""

    links: tuple[Link, ...]
    older: int = 0
    undated: int = 0


def links_since(links: Sequence[Link], since: datetime) -> LinksSince:
    """The Links that are no older than a day: by the dates that the sitemap names, else by that in their address. A child
    without any date is read, since it may hold what is looked for; a story without any is left to the ordinary nights."""
    kept, older, undated = [], 0, 0
    for link in links:
        told = [time for time in (link.published_at, link.modified_at) if time is not None]
        end = None if told else period_end(link.url, year_is_enough=link.kind is not UrlKind.STORY)
        if not told and end is None and link.kind is UrlKind.STORY:
            undated += 1
        elif (told and max(told) < since) or (end is not None and end <= since):
            older += 1
        else:
            kept.append(link)
    return LinksSince(tuple(kept), older, undated)


def period_end(url: str, *, year_is_enough: bool) -> datetime | None:
    """When the day, month or year is over that a path names: `/2026/05/12/`, `sitemap-2026-05.xml`."""
    found = [
        stamp for stamp in URL_DATE.finditer(urlsplit(url).path) if stamp.group(2) or year_is_enough
    ]
    if not found:
        return None
    year, month, day = (int(part or 0) for part in found[-1].groups())
    try:
        if day:
            return datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
        return datetime(year + (month in (0, 12)), month % 12 + 1, 1, tzinfo=UTC)
    except ValueError:  # the thirtieth of February
        return None


@dataclass(frozen=True, slots=True)
class DateArchivePage:
    """A page that lists the stories of a day, a month or a year, and the time after which it is complete."""

    url: str
    complete_at: datetime


def date_archive_pages(site: Site, since: datetime, now: datetime) -> tuple[DateArchivePage, ...]:
    """The Site's lists by date from a day until today, newest first; at most `MAX_LISTS`."""
    lists = (each for pattern in site.archives for each in _lists(pattern, since, now))
    return tuple(sorted(lists, key=lambda each: each.complete_at, reverse=True)[:MAX_DATE_ARCHIVES])


def _lists(pattern: str, since: datetime, now: datetime) -> Iterator[DateArchivePage]:
    day = since.replace(hour=0, minute=0, second=0, microsecond=0)
    day = (
        day
        if "{day" in pattern
        else day.replace(day=1)
        if "{month" in pattern
        else day.replace(month=1, day=1)
    )
    while day <= now:
        after = _next(day, pattern)
        yield DateArchivePage(
            pattern.format(year=day.year, month=day.month, day=day.day), after + COMPLETE_AFTER
        )
        day = after


def _next(day: datetime, pattern: str) -> datetime:
    if "{day" in pattern:
        return day + timedelta(days=1)
    if "{month" in pattern:
        return (day + timedelta(days=31)).replace(day=1)
    return day.replace(year=day.year + 1)
