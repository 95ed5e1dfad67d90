"""Which further URLs a crawl follows: redirect targets, child sitemaps, next pages, date archives.

Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from crawler.discovery.parts import find_parts
from pipeline.config.site import Site
from pipeline.core.link_rules import numbered_prefixes
from pipeline.core.models import Link, LinkDecision, PartLink, Reason, UrlKind

PAGE_NUMBER = re.compile(
    r"/(?:page|seite|pagina|p)[/-]?\d{1,4}/?(?:$|\?)"
    r"|[?&](?:page|paged|p|pg|start|offset)=\d{1,5}(?:&|$)",
    re.I,
)
URL_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)(?:[-/_.]?(0[1-9]|1[0-2])(?:[-/_.]?(0[1-9]|[12]\d|3[01]))?)?(?!\d)"
)
MAX_DATE_ARCHIVES = 5_000  # in one back-fill: the daily lists of thirteen years
# After its last day a list may still grow: time zones, corrections, late stories.
COMPLETE_AFTER = timedelta(days=2)
LIFTED_BY_REQUEST = (
    Reason.NOT_ALLOWED,
    Reason.CALENDAR,
    Reason.REPEATING_PATH,
    Reason.TOO_DEEP,
)
NEVER = datetime.min.replace(tzinfo=UTC)


def decide_links(site: Site, links: Sequence[Link], found_on: UrlKind) -> tuple[LinkDecision, ...]:
    """Decide about the links of a source. Together they show whether the site numbers stories."""
    numbered = frozenset[str]()
    if found_on is UrlKind.SECTION:
        numbered = numbered_prefixes(link.url for link in links)
    return tuple(site.decide(link, found_on, numbered) for link in links)


def decide_redirect_target(site: Site, url: str, location: str) -> LinkDecision:
    """Decide about the target of a story's redirect.

    Dead stories often redirect to the front page, which is no story. So the root of a host is
    decided like a link of a section.

    Args:
        site: The site.
        url: The URL of the story.
        location: The target.
    """
    is_root = urlsplit(location).path in ("", "/")
    found_on = UrlKind.SECTION if is_root else UrlKind.STORY
    return site.decide(Link(location), found_on, numbered_prefixes((url,), min_count=1))


def decide_requested(site: Site, url: str) -> LinkDecision:
    """Decide about a page that a person asks for by its URL, or to which such a page redirects.

    Hosts and `deny` count. `allow` and the signs of traps do not: a person names no endless list.
    """
    link = Link(url)
    decision = site.decide(link, UrlKind.SITEMAP)
    return LinkDecision(link) if decision.reason in LIFTED_BY_REQUEST else decision


def find_allowed_parts(
    site: Site, body: bytes, page_url: str, story_url: str, number: int, charset: str
) -> tuple[PartLink, ...]:
    """Return the parts to which a page of a story links, as far as the site may fetch them.

    Args:
        site: The site.
        body: The page.
        page_url: Its URL.
        story_url: The URL of the first page of the story.
        number: The number of the page among those of the story.
        charset: The charset that the server declared.
    """
    links = find_parts(body, page_url, story_url, number, charset)
    return tuple(link for link in links if not decide_requested(site, link.url).reason)


def trusted_canonical_url(site: Site, declared: str) -> str:
    """Return the canonical URL that a page declares, if it is a story of the site; "" otherwise.

    Many pages declare the front page, or another site from which they took the story.
    """
    if not declared or urlsplit(declared).path in ("", "/"):
        return ""
    return "" if site.decide(Link(declared), UrlKind.SECTION).reason else declared


def is_next_page(site: Site, url: str) -> bool:
    """Return whether the next page that a section declares is a list of the site, and no story."""
    if not site.owns(url):
        return False
    if PAGE_NUMBER.search(url):
        return True
    return bool(site.decide(Link(url), UrlKind.SECTION).reason)


def newest_child_sitemaps(links: Sequence[Link], limit: int) -> tuple[Link, ...]:
    """Return all links to stories, but only the child sitemaps that changed last.

    Args:
        links: The links of one source.
        limit: How many child sitemaps to keep.
    """
    children = [link for link in links if link.kind is not UrlKind.STORY]
    if len(children) <= limit:
        return tuple(links)
    children.sort(key=lambda link: link.modified_at or NEVER, reverse=True)
    kept_urls = {link.url for link in children[:limit]}
    return tuple(link for link in links if link.kind is UrlKind.STORY or link.url in kept_urls)


@dataclass(frozen=True, slots=True)
class LinksSince:
    """The links of a sitemap that a back-fill reads, and how many it leaves out."""

    links: tuple[Link, ...]
    older: int = 0
    undated: int = 0


def links_since(links: Sequence[Link], since: datetime) -> LinksSince:
    """Choose the links of a sitemap that are not older than a day.

    The dates of the sitemap count, else the date in the URL. A child sitemap without a date is
    read, because it may hold newer stories. A story without a date is left to ordinary nights.

    Args:
        links: The links.
        since: The first day, as the moment when it begins.
    """
    chosen: list[Link] = []
    older = undated = 0
    for link in links:
        is_older = _is_older(link, since)
        if is_older is None and link.kind is UrlKind.STORY:
            undated += 1
        elif is_older:
            older += 1
        else:
            chosen.append(link)
    return LinksSince(tuple(chosen), older, undated)


def _is_older(link: Link, since: datetime) -> bool | None:
    """Whether a link is older than a day; None where it has no date."""
    dates = [date for date in (link.published_at, link.modified_at) if date is not None]
    if dates:
        return max(dates) < since
    end = period_end(link.url, year_is_enough=link.kind is not UrlKind.STORY)
    return None if end is None else end <= since


def period_end(url: str, *, year_is_enough: bool) -> datetime | None:
    """Return when the day, month or year ends that a path names.

    Args:
        url: A URL such as `/2026/05/12/` or `sitemap-2026-05.xml`.
        year_is_enough: Whether a year without a month counts.

    Returns:
        The end; None where the path names no date.
    """
    dates = []
    for date in URL_DATE.finditer(urlsplit(url).path):
        if date.group(2) or year_is_enough:
            dates.append(date)
    if not dates:
        return None
    year, month, day = (int(part or 0) for part in dates[-1].groups())
    try:
        if day:
            return datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
        return datetime(year + (month in (0, 12)), month % 12 + 1, 1, tzinfo=UTC)
    except ValueError:  # such as 30 February
        return None


@dataclass(frozen=True, slots=True)
class DateArchivePage:
    """A page that lists the stories of a day, month or year, and when it is complete."""

    url: str
    complete_at: datetime


def date_archive_pages(
    site: Site, since: datetime, now: datetime, limit: int = MAX_DATE_ARCHIVES
) -> tuple[DateArchivePage, ...]:
    """Return the site's lists by date from a day until now, newest first.

    Args:
        site: The site with its `archives` patterns.
        since: The first day.
        now: The end of the last day or period.
        limit: How many to return, at most.
    """
    pages: list[DateArchivePage] = []
    for pattern in site.archives:
        pages.extend(_pages_of_pattern(pattern, since, now))
    pages.sort(key=lambda page: page.complete_at, reverse=True)
    return tuple(pages[:limit])


def _pages_of_pattern(pattern: str, since: datetime, now: datetime) -> Iterator[DateArchivePage]:
    start = _period_start(since, pattern)
    while start <= now:
        end = _next_period(start, pattern)
        url = pattern.format(year=start.year, month=start.month, day=start.day)
        yield DateArchivePage(url, end + COMPLETE_AFTER)
        start = end


def _period_start(moment: datetime, pattern: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if "{day" in pattern:
        return day
    if "{month" in pattern:
        return day.replace(day=1)
    return day.replace(month=1, day=1)


def _next_period(start: datetime, pattern: str) -> datetime:
    if "{day" in pattern:
        return start + timedelta(days=1)
    if "{month" in pattern:
        return (start + timedelta(days=31)).replace(day=1)
    return start.replace(year=start.year + 1)
