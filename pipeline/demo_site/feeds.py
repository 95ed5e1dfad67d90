"""Feeds, sitemaps and robots.txt of the demo sites.

They are well-formed XML with absolute URLs and dates with a UTC offset. They list exactly the
stories that are online on the night, and the special pages that name the feed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape

from pipeline.demo_site.model import Story
from pipeline.demo_site.state import DemoSiteState

FEED = "/feed.xml"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
SITEMAP_NS = "http://www.sitemaps.org/schemas/sitemap/0.9"
NEWS_NS = "http://www.google.com/schemas/sitemap-news/0.9"


@dataclass(frozen=True)
class DemoFeedEntry:
    """One entry of a feed; `story` is None for a special page."""

    title: str
    url: str
    published: datetime
    story: Story | None = None


def entries(state: DemoSiteState) -> tuple[DemoFeedEntry, ...]:
    """Return the entries of the feed, newest first."""
    rows = [
        DemoFeedEntry(story.title, state.url(story.path), story.published, story)
        for story in state.stories
    ]
    rows += [
        DemoFeedEntry(special.title, state.url(special.path), special.published)
        for special in state.special_pages_on(FEED)
    ]
    return tuple(sorted(rows, key=lambda entry: entry.published, reverse=True))


def rss(state: DemoSiteState, full_text: bool = False) -> str:
    """Return an RSS 2.0 feed, with the whole text of each story if `full_text` is true."""
    content = state.content
    items = ""
    for entry in entries(state):
        items += _rss_item(entry, full_text)
    return (
        f'{XML}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:atom="http://www.w3.org/2005/Atom"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/">\n<channel>\n'
        f"{_tag('title', content.site.name)}{_tag('link', state.url('/'))}"
        f"{_tag('description', content.description)}{_tag('language', content.site.language)}"
        f"{_tag('lastBuildDate', format_datetime(state.changed_at))}"
        f'<atom:link href="{state.url(FEED)}" rel="self" type="application/rss+xml"/>\n'
        f"{items}</channel>\n</rss>\n"
    )


def _rss_item(entry: DemoFeedEntry, full_text: bool) -> str:
    rows = [
        _tag("title", entry.title),
        _tag("link", entry.url),
        f'<guid isPermaLink="true">{_escape(entry.url)}</guid>\n',
        _tag("pubDate", format_datetime(entry.published)),
    ]
    if entry.story:
        rows.append(_tag("description", entry.story.summary))
        rows.append(_tag("category", entry.story.section_name))
        rows.extend(_tag("dc:creator", author) for author in entry.story.authors)
        if full_text:
            html = "".join(f"<p>{_escape(line)}</p>" for line in entry.story.text.splitlines())
            rows.append(_tag("content:encoded", html))
    return "<item>\n" + "".join(rows) + "</item>\n"


def atom(state: DemoSiteState) -> str:
    """Return an Atom 1.0 feed."""
    content = state.content
    items = "".join(map(_atom_entry, entries(state)))
    return (
        f'{XML}<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{content.site.language}">\n'
        f"{_tag('title', content.site.name)}{_tag('subtitle', content.description)}"
        f"{_tag('id', state.url('/'))}{_tag('updated', state.changed_at.isoformat())}"
        f'<link rel="self" href="{state.url(FEED)}"/>\n'
        f'<link rel="alternate" type="text/html" href="{state.url("/")}"/>\n'
        f"{items}</feed>\n"
    )


def _atom_entry(entry: DemoFeedEntry) -> str:
    story = entry.story
    changed_at = story.changed_at if story else entry.published
    rows = [
        _tag("title", entry.title),
        f'<link rel="alternate" type="text/html" href="{_escape(entry.url)}"/>\n',
        _tag("id", entry.url),
        _tag("published", entry.published.isoformat()),
        _tag("updated", changed_at.isoformat()),
    ]
    if story:
        rows.append(_tag("summary", story.summary))
        rows.append(f'<category term="{escape(story.section_name)}"/>\n')
        rows.extend(f"<author>{_tag('name', author)}</author>\n" for author in story.authors)
    return "<entry>\n" + "".join(rows) + "</entry>\n"


def sitemap(state: DemoSiteState) -> str:
    """Return a sitemap of the front page, the sections and the stories."""
    pages = [(path, state.changed_at) for path in state.content.site.sections]
    pages += [(story.path, story.changed_at) for story in state.stories]
    rows = ""
    for path, changed_at in pages:
        fields = _tag("loc", state.url(path)) + _tag("lastmod", changed_at.isoformat())
        rows += f"<url>\n{fields}</url>\n"
    return f'{XML}<urlset xmlns="{SITEMAP_NS}">\n{rows}</urlset>\n'


def sitemap_index(state: DemoSiteState, paths: Iterable[str]) -> str:
    """Return an index of sitemaps."""
    changed_at = state.changed_at.isoformat()
    rows = ""
    for path in paths:
        fields = _tag("loc", state.url(path)) + _tag("lastmod", changed_at)
        rows += f"<sitemap>\n{fields}</sitemap>\n"
    return f'{XML}<sitemapindex xmlns="{SITEMAP_NS}">\n{rows}</sitemapindex>\n'


def news_sitemap(state: DemoSiteState) -> str:
    """Return a news sitemap, with the title and publication date of each URL."""
    rows = "".join(_news_url(state, story) for story in state.stories)
    return f'{XML}<urlset xmlns="{SITEMAP_NS}" xmlns:news="{NEWS_NS}">\n{rows}</urlset>\n'


def _news_url(state: DemoSiteState, story: Story) -> str:
    site = state.content.site
    name = _tag("news:name", site.name) + _tag("news:language", site.language)
    return (
        f"<url>\n{_tag('loc', state.url(story.path))}<news:news>\n"
        f"<news:publication>\n{name}</news:publication>\n"
        f"{_tag('news:publication_date', story.published.isoformat())}"
        f"{_tag('news:title', story.title)}</news:news>\n</url>\n"
    )


def robots(state: DemoSiteState) -> str:
    """Return robots.txt, which excludes /private/ and names the sitemap."""
    sitemap_url = state.url(state.content.site.sitemaps[0])
    return f"User-agent: *\nDisallow: /private/\n\nSitemap: {sitemap_url}\n"


def _escape(value: str) -> str:
    return escape(value, quote=True)


def _tag(name: str, value: str) -> str:
    return f"<{name}>{_escape(value)}</{name}>\n"
