"""What a probe fetches next: common URLs of feeds and sitemaps, sections, and sample stories.

All lists are short and ordered by value, because a probe has few requests. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from pipeline.core.link_rules import looks_like_story_url
from pipeline.core.models import Outcome, UrlKind
from pipeline.core.urls import canonicalize, path_prefix, url_key
from pipeline.process_messages import FrontPage, ProbedSource, RememberedLink, links_below

MAX_FEED_URLS: Final = 8
MAX_SITEMAP_URLS: Final = 6
MAX_SECTION_DEPTH: Final = 3  # path segments
MIN_HEADLINE_LENGTH: Final = 35  # characters of an anchor that is a headline
CMS_FEEDS: Final = {
    "wordpress": ("feed/",),
    "drupal": ("rss.xml",),
    "bitrix": ("rss/", "bitrix/rss.php"),
    "joomla": ("?format=feed&type=rss", "index.php?format=feed&type=rss"),
    "dle": ("rss.xml", "engine/rss.php"),
    "ghost": ("rss/",),
    "blogger": ("feeds/posts/default?alt=rss",),
    "tilda": ("rss-feed.xml",),
}
COMMON_FEEDS: Final = ("feed/", "rss", "rss.xml", "feed.xml", "rss/", "atom.xml", "index.xml")
COMMON_SITEMAPS: Final = (
    "sitemap.xml",
    "sitemap_index.xml",
    "news-sitemap.xml",
    "sitemap-news.xml",
    "sitemap.xml.gz",
)
NOT_STORIES: Final = re.compile(
    r"/(?:tags?|authors?|search|login|register|account|subscri|about|contacts?|reklama|advert"
    r"|privacy|terms|rss|feed|print|video|photo|gallery|podcast|o-nas|kontakty|user|cart|donate"
    r"|support|cookie|sitemap|live)\b|\.(?:jpe?g|png|gif|svg|pdf|mp[34]|xml)$",
    re.I,
)
NEWS: Final = re.compile(r"news", re.I)
NEWS_SITEMAP: Final = re.compile(r"news|post|article|stor", re.I)


@dataclass(frozen=True, slots=True)
class SampleUrl:
    """The URL of a sample story, and the kind of source that lists it."""

    url: str
    found_on: UrlKind


def common_feed_urls(front: FrontPage) -> tuple[str, ...]:
    """Return URLs where feeds usually are.

    Those of the site's CMS come first. Paths below the site's own path come before the host's root.
    """
    paths = (*CMS_FEEDS.get(front.cms, ()), *COMMON_FEEDS)
    return _join_paths(front.url, paths, MAX_FEED_URLS)


def common_sitemap_urls(front: FrontPage) -> tuple[str, ...]:
    """Return URLs where sitemaps usually are, in the same order as for feeds."""
    paths: tuple[str, ...] = COMMON_SITEMAPS
    if front.cms == "wordpress":
        paths = ("wp-sitemap.xml", *COMMON_SITEMAPS)
    return _join_paths(front.url, paths, MAX_SITEMAP_URLS)


def _join_paths(url: str, paths: Sequence[str], limit: int) -> tuple[str, ...]:
    prefix = path_prefix(url)
    urls = [urljoin(urljoin(url, prefix), path) for path in paths]
    if prefix != "/":
        root = urljoin(url, "/")
        urls = urls[:4] + [urljoin(root, path) for path in paths[:4]]
    return tuple(dict.fromkeys(urls))[:limit]


def news_sitemaps_first(urls: Iterable[str]) -> tuple[str, ...]:
    """Order sitemaps: news sitemaps come first, because they are short and have dates."""

    def is_other(url: str) -> bool:
        return NEWS.search(urlsplit(url).path) is None

    return tuple(sorted(dict.fromkeys(urls), key=is_other))


def child_sitemaps(
    links: Sequence[RememberedLink], newest: Sequence[str], limit: int
) -> tuple[str, ...]:
    """Choose children of a sitemap index.

    Args:
        links: All children.
        newest: Their URLs, the last changed ones first.
        limit: How many to choose.

    Returns:
        One whose URL names news or posts, then those that changed last.
    """
    named = [link.url for link in links if NEWS_SITEMAP.search(link.url)]
    last_listed = [link.url for link in reversed(links)]
    return tuple(dict.fromkeys((*named[:1], *newest, *last_listed)))[:limit]


def section_urls(front: FrontPage, owns: Callable[[str], bool], limit: int) -> tuple[str, ...]:
    """Return the first URLs of the menu that look like lists of stories.

    Args:
        front: The front page with its menu.
        owns: Whether a URL belongs to the site.
        limit: How many to return.
    """
    own_links = [link for link in front.menu if owns(link.url)]
    urls = []
    for link in links_below(own_links, front.url):
        if _may_be_section(link.url, front.url):
            urls.append(canonicalize(link.url))
    return tuple(dict.fromkeys(urls))[:limit]


def _may_be_section(url: str, front_url: str) -> bool:
    path = urlsplit(url).path
    if path in ("", "/") or url_key(url) == url_key(front_url):
        return False
    depth = len([segment for segment in path.split("/") if segment])
    if depth > MAX_SECTION_DEPTH or NOT_STORIES.search(path):
        return False
    return not looks_like_story_url(url)


def sample_urls(
    front: FrontPage, sources: Sequence[ProbedSource], owns: Callable[[str], bool], limit: int
) -> tuple[SampleUrl, ...]:
    """Choose stories to fetch as samples.

    Args:
        front: The front page.
        sources: The sources that were probed.
        owns: Whether a URL belongs to the site.
        limit: How many to choose.

    Returns:
        Stories of feeds first, then of sitemaps and sections: one of each source in turn.
    """
    list_keys = {url_key(front.url)}
    list_keys.update(url_key(link.url) for link in front.menu)
    list_keys.update(url_key(source.url) for source in sources)
    rows: list[list[SampleUrl]] = []
    for kind in (UrlKind.FEED, UrlKind.SITEMAP, UrlKind.SECTION):
        for source in sources:
            if source.kind is kind and source.outcome is Outcome.FETCHED:
                own_links = [link for link in source.links if owns(link.url)]
                stories = _stories(links_below(own_links, front.url), kind, list_keys)
                rows.append([SampleUrl(url, kind) for url in _spread(stories, limit)])
    return _take_in_turn(rows, limit)


def _stories(links: Iterable[RememberedLink], kind: UrlKind, list_keys: set[str]) -> list[str]:
    """The URLs that may be stories, as a crawl would fetch them."""
    urls = []
    for link in links:
        if kind is not UrlKind.FEED and not _may_be_story(link, kind):
            continue
        if url_key(link.url) not in list_keys:
            urls.append(canonicalize(link.url))
    return urls


def _may_be_story(link: RememberedLink, kind: UrlKind) -> bool:
    path = urlsplit(link.url).path
    if path in ("", "/") or NOT_STORIES.search(path):
        return False
    if looks_like_story_url(link.url) or len(link.title) >= MIN_HEADLINE_LENGTH:
        return True
    return kind is UrlKind.SITEMAP and link.is_dated


def _spread(urls: Sequence[str], limit: int) -> list[str]:
    """Choose from the whole length of a list: its first entries may all be of one kind."""
    step = max(1, len(urls[:60]) // limit)
    return list(urls[:60:step])[:limit]


def _take_in_turn(rows: Sequence[Sequence[SampleUrl]], limit: int) -> tuple[SampleUrl, ...]:
    """The first of each row, then the second of each, and so on; each URL once."""
    samples_by_key: dict[str, SampleUrl] = {}
    for number in range(limit):
        for row in rows:
            if number < len(row):
                samples_by_key.setdefault(url_key(row[number].url), row[number])
    return tuple(samples_by_key.values())[:limit]
