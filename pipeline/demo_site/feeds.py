"""Feeds, sitemaps and robots.txt.

Promises: well-formed XML with absolute addresses and zoned dates, listing
exactly the stories alive on the edition's night, and the special addresses
that ask to stand in the feed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape

from pipeline.demo_site.edition import Edition
from pipeline.demo_site.model import Story

FEED = "/feed.xml"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
SITEMAP_NS = "http://www.sitemaps.org/schemas/sitemap/0.9"
NEWS_NS = "http://www.google.com/schemas/sitemap-news/0.9"


@dataclass(frozen=True)
class Entry:
    """One line of a feed; ``story`` is missing when the address has none."""

    title: str
    url: str
    published: datetime
    story: Story | None = None


def entries(edition: Edition) -> tuple[Entry, ...]:
    """What the feed lists, newest first."""
    rows = [
        Entry(story.title, edition.url(story.path), story.published, story)
        for story in edition.stories
    ]
    rows += [
        Entry(special.title, edition.url(special.path), special.published)
        for special in edition.specials_on(FEED)
    ]
    return tuple(sorted(rows, key=lambda entry: entry.published, reverse=True))


def rss(edition: Edition, full_text: bool = False) -> str:
    """An RSS 2.0 feed, with the whole text of each story if asked."""
    content = edition.content
    items = "".join(_rss_item(entry, full_text) for entry in entries(edition))
    return (
        f'{XML}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:atom="http://www.w3.org/2005/Atom"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/">\n<channel>\n'
        f"{_tag('title', content.site.name)}{_tag('link', edition.url('/'))}"
        f"{_tag('description', content.description)}{_tag('language', content.site.language)}"
        f"{_tag('lastBuildDate', format_datetime(edition.changed))}"
        f'<atom:link href="{edition.url(FEED)}" rel="self" type="application/rss+xml"/>\n'
        f"{items}</channel>\n</rss>\n"
    )


def _rss_item(entry: Entry, full_text: bool) -> str:
    rows = [
        _tag("title", entry.title),
        _tag("link", entry.url),
        f'<guid isPermaLink="true">{_safe(entry.url)}</guid>\n',
        _tag("pubDate", format_datetime(entry.published)),
    ]
    if entry.story:
        rows.append(_tag("description", entry.story.summary))
        rows.append(_tag("category", entry.story.section_name))
        rows.extend(_tag("dc:creator", author) for author in entry.story.authors)
        if full_text:
            html = "".join(f"<p>{_safe(line)}</p>" for line in entry.story.text.splitlines())
            rows.append(_tag("content:encoded", html))
    return "<item>\n" + "".join(rows) + "</item>\n"


def atom(edition: Edition) -> str:
    """An Atom 1.0 feed."""
    content = edition.content
    items = "".join(_atom_entry(entry) for entry in entries(edition))
    return (
        f'{XML}<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{content.site.language}">\n'
        f"{_tag('title', content.site.name)}{_tag('subtitle', content.description)}"
        f"{_tag('id', edition.url('/'))}{_tag('updated', edition.changed.isoformat())}"
        f'<link rel="self" href="{edition.url(FEED)}"/>\n'
        f'<link rel="alternate" type="text/html" href="{edition.url("/")}"/>\n'
        f"{items}</feed>\n"
    )


def _atom_entry(entry: Entry) -> str:
    story = entry.story
    changed = story.changed if story else entry.published
    rows = [
        _tag("title", entry.title),
        f'<link rel="alternate" type="text/html" href="{_safe(entry.url)}"/>\n',
        _tag("id", entry.url),
        _tag("published", entry.published.isoformat()),
        _tag("updated", changed.isoformat()),
    ]
    if story:
        rows.append(_tag("summary", story.summary))
        rows.append(f'<category term="{escape(story.section_name)}"/>\n')
        rows.extend(f"<author>{_tag('name', author)}</author>\n" for author in story.authors)
    return "<entry>\n" + "".join(rows) + "</entry>\n"


def sitemap(edition: Edition) -> str:
    """A plain sitemap of the front page, the sections and the stories."""
    pages = [(path, edition.changed) for path in edition.content.site.sections]
    pages += [(story.path, story.changed) for story in edition.stories]
    rows = "".join(
        f"<url>\n{_tag('loc', edition.url(path))}{_tag('lastmod', changed.isoformat())}</url>\n"
        for path, changed in pages
    )
    return f'{XML}<urlset xmlns="{SITEMAP_NS}">\n{rows}</urlset>\n'


def sitemap_index(edition: Edition, paths: Iterable[str]) -> str:
    """An index of sitemaps."""
    rows = "".join(
        f"<sitemap>\n{_tag('loc', edition.url(path))}{_tag('lastmod', edition.changed.isoformat())}</sitemap>\n"
        for path in paths
    )
    return f'{XML}<sitemapindex xmlns="{SITEMAP_NS}">\n{rows}</sitemapindex>\n'


def news_sitemap(edition: Edition) -> str:
    """A news sitemap: title and date of publication beside each address."""
    rows = "".join(_news_url(edition, story) for story in edition.stories)
    return f'{XML}<urlset xmlns="{SITEMAP_NS}" xmlns:news="{NEWS_NS}">\n{rows}</urlset>\n'


def _news_url(edition: Edition, story: Story) -> str:
    site = edition.content.site
    name = _tag("news:name", site.name) + _tag("news:language", site.language)
    return (
        f"<url>\n{_tag('loc', edition.url(story.path))}<news:news>\n"
        f"<news:publication>\n{name}</news:publication>\n"
        f"{_tag('news:publication_date', story.published.isoformat())}"
        f"{_tag('news:title', story.title)}</news:news>\n</url>\n"
    )


def robots(edition: Edition) -> str:
    """What crawlers are asked to leave alone, and where the sitemap is."""
    return f"User-agent: *\nDisallow: /private/\n\nSitemap: {edition.url(edition.content.site.sitemaps[0])}\n"


def _safe(value: str) -> str:
    return escape(value, quote=True)


def _tag(name: str, value: str) -> str:
    return f"<{name}>{_safe(value)}</{name}>\n"
