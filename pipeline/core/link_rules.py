"""Decide which links a site follows: its hosts, its patterns, and traps that never end.

These rules need no site file. `Site.decide` builds them from a site and applies them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.core.ip_addresses import is_internal_host
from pipeline.core.models import Link, Reason, UrlKind
from pipeline.core.urls import (
    MAX_URL_LENGTH,
    canonicalize,
    host_of,
    requested_spelling,
    without_www,
)

MAX_PATH_SEGMENTS = 16
MAX_PARAMETERS = 12
MAX_SEGMENT_REPEATS = 2

STORY_URL = re.compile(
    r"""/(19|20)\d\d[/-]\d{1,2}\b      # a date in the path
      | \d{5,}                         # an article number
      | /[^/]*[^/\W]+(-[^/\W]+){3,}    # a slug of four words
      | /(news|article|story|stories|node|post)/.*\d
    """,
    re.VERBOSE,
)
DATE_PATH = re.compile(
    r"/(?:19|20)\d\d(?:[/.-](?:0?[1-9]|1[0-2])(?:[/.-](?:0?[1-9]|[12]\d|3[01]))?)?"
    r"/?(?:index\.\w+)?$"
)
YEAR = re.compile(r"(?:19|20)\d\d")
YEAR_PATH = re.compile(r"(.*/)((?:19|20)\d\d)/?(?:index\.\w+)?$")
NUMBERED_PATH = re.compile(r"(.*/)(\d{1,12})(?:\.\w{1,5})?/?$")
TRAP_REASONS = (Reason.CALENDAR, Reason.REPEATING_PATH, Reason.TOO_DEEP)
MIN_NUMBERED = 2  # URLs that show that a site numbers its stories
MIN_HEADLINE_LETTERS = 10
CALENDAR_PATH = re.compile(
    r"/(?:calend[ae]r|calendrier|calendario|kalendar|taqvim)(?:/|\.\w+$|$)", re.IGNORECASE
)
CALENDAR_PARAMETER = re.compile(
    r"(?:^|&)(?:cal\w*|month|mon|year|yr|day|eventdate|event_date|tribe-bar-date|ical)=[^&]*\d",
    re.IGNORECASE,
)
STORY_PARAMETER = re.compile(r"(?:^|&)(?:\w*id|p|n|news|article|story)=\d+", re.IGNORECASE)
SLUG = re.compile(r"/[^/]*[^/\W]+(?:-[^/\W]+){2,}[^/]*/?$")
PLAIN_HOST = re.compile(r"[a-z0-9.:_-]*")


@dataclass(frozen=True, slots=True)
class LinkRules:
    """What a site says about the links that it follows.

    Attributes:
        hosts: Hosts of the site in lower case, without `www.`, in their ASCII spelling, too.
        allow: Patterns of which a story's URL must match one. Without any, URLs of feeds and
            sitemaps are followed, and those of sections that look like a story.
        deny: Patterns that no story's URL may match.
    """

    hosts: frozenset[str]
    allow: tuple[re.Pattern[str], ...] = ()
    deny: tuple[re.Pattern[str], ...] = ()

    def owns(self, url: str) -> bool:
        """Return whether a URL is on a host of the site. `www.` does not matter, a port does."""
        host = without_www(host_of(url))
        if host in self.hosts:
            return True
        return not PLAIN_HOST.fullmatch(host) and without_www(ascii_host(host)) in self.hosts

    def refusal(
        self, link: Link, found_on: UrlKind, numbered: Collection[str] = frozenset()
    ) -> Reason:
        """Return why a link is not followed; Reason.NONE if it is.

        Args:
            link: The link.
            found_on: The kind of the source that listed it.
            numbered: Where the site numbers its stories: see `numbered_prefixes`.
        """
        if len(link.url) > MAX_URL_LENGTH:
            return Reason.URL_TOO_LONG
        try:
            url = canonicalize(link.url)
        except ValueError:
            return Reason.BAD_URL
        if not self.owns(url):
            is_internal = is_internal_host(urlsplit(url).hostname or "")
            return Reason.BLOCKED_ADDRESS if is_internal else Reason.OFF_SITE
        if link.kind is not UrlKind.STORY:
            return Reason.NONE
        spellings = dict.fromkeys((url, requested_spelling(link.url)))
        trap = trap_reason(url, link.title, found_on, numbered)
        if trap and not names_whole_url(self.allow, spellings):
            return trap
        if matches_any(self.deny, spellings):
            return Reason.DENIED
        return Reason.NONE if self._is_allowed(spellings, url, found_on) else Reason.NOT_ALLOWED

    def _is_allowed(self, spellings: Collection[str], url: str, found_on: UrlKind) -> bool:
        if self.allow:
            return matches_any(self.allow, spellings)
        return found_on is not UrlKind.SECTION or looks_like_story_url(url)


def matches_any(patterns: Iterable[re.Pattern[str]], spellings: Collection[str]) -> bool:
    """Return whether a pattern matches one of the spellings of a URL."""
    for pattern in patterns:
        if any(pattern.search(url) for url in spellings):
            return True
    return False


def names_whole_url(patterns: Iterable[re.Pattern[str]], spellings: Collection[str]) -> bool:
    """Return whether a pattern matches up to the end of a URL.

    `/s/\\d+` names `/s/1948`, but `/news/` does not name `/news/2026/05/12/`.
    """
    for pattern in patterns:
        for url in spellings:
            match = pattern.search(url)
            if match is not None and match.end() >= len(url.rstrip("/")):
                return True
    return False


def ascii_host(host: str) -> str:
    """Return a host as requests spell it, in ASCII; "" if it is not a host."""
    try:
        return host_of(canonicalize(f"http://{host}/"))
    except ValueError:
        return ""


def looks_like_story_url(url: str) -> bool:
    """Return whether a URL on a section page looks like a story's, and not like a list's.

    This is used for sites without `allow` patterns.
    """
    path = urlsplit(url).path
    return len(path) > 1 and STORY_URL.search(path) is not None


def trap_reason(
    url: str, title: str, found_on: UrlKind, numbered: Collection[str] = frozenset()
) -> Reason:
    """Return why following a URL may never end; Reason.NONE if it is harmless.

    What a sitemap lists is a story, since its list has an end. Links of a feed are not tested for
    calendars: a feed is made from a list of stories and names no empty days.

    Args:
        url: The URL.
        title: The title of the link.
        found_on: The kind of the source that listed it.
        numbered: Where the site numbers its stories: see `numbered_prefixes`.
    """
    if found_on is UrlKind.SITEMAP:
        return Reason.NONE
    if has_repeating_path(url):
        return Reason.REPEATING_PATH
    if is_too_deep(url):
        return Reason.TOO_DEEP
    if found_on is UrlKind.FEED or not is_calendar_url(url):
        return Reason.NONE
    return Reason.NONE if is_story_number(url, title, numbered) else Reason.CALENDAR


def numbered_prefixes(urls: Iterable[str], min_count: int = MIN_NUMBERED) -> frozenset[str]:
    """Return the beginnings of paths under which a site numbers its stories.

    A number that may be a year does not count.

    Args:
        urls: URLs of the site.
        min_count: How many numbers show that.

    Returns:
        Beginnings such as `/s/`, where the URLs have `/s/20418` and `/s/20419`.
    """
    counts: Counter[str] = Counter()
    for url in urls:
        match = NUMBERED_PATH.match(urlsplit(url).path)
        if match is not None and not YEAR.fullmatch(match.group(2)):
            counts[match.group(1)] += 1
    return frozenset(prefix for prefix, count in counts.items() if count >= min_count)


def is_story_number(url: str, title: str, numbered: Collection[str]) -> bool:
    """Return whether what looks like a year at the end of a path is the number of a story.

    Args:
        url: A URL such as `https://example.org/s/1948`.
        title: The title of its link. A headline is not that of a year.
        numbered: Where the site numbers its stories: see `numbered_prefixes`.
    """
    match = YEAR_PATH.match(urlsplit(url).path)
    if match is None:
        return False
    prefix, year = match.groups()
    if prefix in numbered:
        return True
    letters = sum(letter.isalpha() for letter in title)
    return letters >= MIN_HEADLINE_LETTERS and year not in title


def may_be_story(url: str, title: str) -> bool:
    """Return whether a URL that was refused as a trap may be a story all the same.

    The list of a day, of a month, or of a year that its link names is certainly none.
    """
    if has_repeating_path(url) or is_too_deep(url):
        return True
    match = YEAR_PATH.match(urlsplit(url).path)
    return match is not None and match.group(2) not in title


def has_repeating_path(url: str) -> bool:
    """Return whether a path segment repeats too often.

    Numbers may repeat: a date may be the eleventh of the eleventh.
    """
    segments = [text for text in urlsplit(url).path.split("/") if text and not text.isdigit()]
    return any(segments.count(segment) > MAX_SEGMENT_REPEATS for segment in set(segments))


def is_too_deep(url: str) -> bool:
    """Return whether a path or a query is longer than that of any story."""
    parts = urlsplit(url)
    return parts.path.count("/") > MAX_PATH_SEGMENTS or parts.query.count("&") >= MAX_PARAMETERS


def is_calendar_url(url: str) -> bool:
    """Return whether a URL names the list of a day, a month or a year, and not a story.

    Args:
        url: An absolute URL.

    Returns:
        True for `/2026/03/05/` and its like. Whether the site has stories of that form is for the
        caller.
    """
    parts = urlsplit(url)
    if STORY_PARAMETER.search(parts.query):
        return False
    if DATE_PATH.search(parts.path) or CALENDAR_PARAMETER.search(parts.query):
        return True
    has_calendar_path = CALENDAR_PATH.search(parts.path) is not None
    return has_calendar_path and not SLUG.search(parts.path)
