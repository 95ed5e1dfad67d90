"""Where a probe looks next: usual addresses of feeds and sitemaps, sections worth a visit, stories worth a sample. Pure.

Promises short lists in the order in which they are worth a request, since a probe has few.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

from pipeline.core.models import Outcome, UrlKind
from pipeline.core.urls import canonicalize, looks_like_story_url, url_key
from pipeline.process_messages import (
    FrontPage,
    ProbedSource,
    RememberedLink,
    links_below,
    path_prefix,
)

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
USUAL_FEEDS: Final = ("feed/", "rss", "rss.xml", "feed.xml", "rss/", "atom.xml", "index.xml")
USUAL_SITEMAPS: Final = (
    "sitemap.xml",
    "sitemap_index.xml",
    "news-sitemap.xml",
    "sitemap-news.xml",
    "sitemap.xml.gz",
)
NOT_STORIES: Final = re.compile(
    r"/(?:tags?|authors?|search|login|register|account|subscri|about|contacts?|reklama|advert|privacy|terms|rss|feed|print"
    r"|video|photo|gallery|podcast|o-nas|kontakty|user|cart|donate|support|cookie|sitemap|live)\b|\.(?:jpe?g|png|gif|svg|pdf|mp[34]|xml)$",
    re.I,
)
NEWS: Final = re.compile(r"news", re.I)


def common_feed_urls(front: FrontPage) -> tuple[str, ...]:
    """Below the site's own path first, then at its host's root; where its system keeps them before others."""
    paths = (*CMS_FEEDS.get(front.cms, ()), *USUAL_FEEDS)
    return _below(front.url, paths, 8)


def common_sitemap_urls(front: FrontPage) -> tuple[str, ...]:
    """The same for sitemaps."""
    paths = ("wp-sitemap.xml", *USUAL_SITEMAPS) if front.cms == "wordpress" else USUAL_SITEMAPS
    return _below(front.url, paths, 6)


def _below(url: str, paths: Iterable[str], most: int) -> tuple[str, ...]:
    scope = urljoin(url, path_prefix(url))
    found = [urljoin(scope, path) for path in paths]
    if path_prefix(url) != "/":
        found = found[:4] + [urljoin(urljoin(url, "/"), path) for path in paths][:4]
    return tuple(dict.fromkeys(found))[:most]


def news_sitemaps_first(urls: Iterable[str]) -> tuple[str, ...]:
    """News sitemaps before others: they are short, and say when a story was published."""
    return tuple(
        sorted(dict.fromkeys(urls), key=lambda url: NEWS.search(urlsplit(url).path) is None)
    )


def child_sitemaps(
    links: Sequence[RememberedLink], newest: Sequence[str], most: int
) -> tuple[str, ...]:
    """Of a sitemap index: one that speaks of news or posts, then those that changed last."""
    named = [link.url for link in links if re.search(r"news|post|article|stor", link.url, re.I)]
    return tuple(dict.fromkeys((*named[:1], *newest, *(link.url for link in reversed(links)))))[
        :most
    ]


def section_urls(front: FrontPage, owns: Callable[[str], bool], most: int) -> tuple[str, ...]:
    """The menu's first own pages that are lists by the look of their address."""
    inside = links_below((link for link in front.menu if owns(link.url)), front.url)
    found = []
    for link in inside:
        path = urlsplit(link.url).path
        depth = len([each for each in path.split("/") if each])
        is_front = url_key(link.url) == url_key(front.url) or path in ("", "/")
        if (
            not is_front
            and depth <= 3
            and not NOT_STORIES.search(path)
            and not looks_like_story_url(link.url)
        ):
            found.append(link.url)
    return tuple(dict.fromkeys(map(canonicalize, found)))[:most]


def sample_urls(
    front: FrontPage, places: Sequence[ProbedSource], owns: Callable[[str], bool], most: int
) -> tuple[tuple[str, UrlKind], ...]:
    """Stories to fetch: from feeds above all, then from sitemaps and lists, spread over each and taken in turn."""
    lists = (
        {url_key(link.url) for link in front.menu}
        | {url_key(front.url)}
        | {url_key(place.url) for place in places}
    )
    rows: list[list[tuple[str, UrlKind]]] = []
    for kind in (UrlKind.FEED, UrlKind.SITEMAP, UrlKind.SECTION):
        for place in places:
            if place.kind is kind and place.outcome is Outcome.FETCHED:
                good = [
                    link
                    for link in links_below(
                        (each for each in place.links if owns(each.url)), front.url
                    )
                    if (kind is UrlKind.FEED or _may_be_story(link, kind))
                    and url_key(link.url) not in lists
                ]
                rows.append(
                    [(canonicalize(link.url), kind) for link in _spread(good, most)]
                )  # as a crawl would ask
    turns = [row[number] for number in range(most) for row in rows if number < len(row)]
    found = {url_key(url): (url, kind) for url, kind in reversed(turns)}
    return tuple(sorted(found.values(), key=turns.index))[:most]


def _may_be_story(link: RememberedLink, kind: UrlKind) -> bool:
    path = urlsplit(link.url).path
    if path in ("", "/") or NOT_STORIES.search(path):
        return False
    return (
        looks_like_story_url(link.url)
        or (kind is UrlKind.SITEMAP and link.is_dated)
        or len(link.title) >= 35
    )


def _spread(links: Sequence[RememberedLink], most: int) -> list[RememberedLink]:
    """From the whole length of a list: its first ones may all be of one kind."""
    step = max(1, len(links[:60]) // most)
    return list(links[:60:step])[:most]
