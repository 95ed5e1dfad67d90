"""Build Atom feeds (RFC 4287), for the export and for the feeds of the web app."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Final

from pipeline._version import __version__
from pipeline.core.local_times import DAY
from pipeline.formats.atomic_files import open_output
from pipeline.store.db.article_view import ArticleView
from pipeline.store.read.export_articles import ExportedArticle

# Characters that XML 1.0 forbids or discourages.
UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
LANGUAGE_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")  # of BCP 47
HTML: Final = "text/html"
HALF_DAY: Final = timedelta(hours=12)
FEED_END: Final = "</feed>\n"


@dataclass(frozen=True, slots=True)
class AtomLink:
    """A link of a feed or an entry."""

    relation: str
    url: str
    media_type: str = HTML


@dataclass(frozen=True, slots=True)
class AtomFeed:
    """A feed without its entries."""

    id: str
    title: str
    updated_at: datetime
    links: tuple[AtomLink, ...] = ()


@dataclass(frozen=True, slots=True)
class AtomEntry:
    """An entry of a feed that is no article. `html` is its content."""

    id: str
    title: str
    updated_at: datetime
    author: str
    language: str
    html: str
    links: tuple[AtomLink, ...] = ()
    categories: tuple[str, ...] = ()


def write_atom(articles: Iterator[ExportedArticle], target: Path) -> int:
    """Write articles with their whole texts as one feed, and return how many there are."""
    now = datetime.now(UTC)
    feed = AtomFeed(f"urn:nightdesk:export:{format_time(now)}", "Nightdesk", now)
    count = 0
    with open_output(target) as stream:
        stream.write(feed_start(feed).encode())
        for exported in articles:
            article = exported.article
            links = (AtomLink("alternate", article.url),)
            stream.write(article_entry(article, links, exported.description).encode())
            count += 1
        stream.write(FEED_END.encode())
    return count


def feed_start(feed: AtomFeed) -> str:
    """Return the start of a feed. Entries and FEED_END follow it."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n',
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/">\n',
        f"<title>{escape_xml(feed.title)}</title>\n",
        f"<id>{escape_xml(feed.id)}</id>\n",
        f"<updated>{format_time(feed.updated_at)}</updated>\n",
        "<author><name>Nightdesk</name></author>\n",
        *map(_link, feed.links),
        f'<generator version="{__version__}">Nightdesk</generator>\n',
    ]
    return "".join(parts)


def entry(values: AtomEntry) -> str:
    """Return an entry."""
    language = language_tag(values.language)
    parts = [
        f'<entry xml:lang="{language}">\n' if language else "<entry>\n",
        f"<title>{escape_xml(values.title)}</title>\n",
        f"<id>{escape_xml(values.id)}</id>\n",
        *map(_link, values.links),
        f"<updated>{format_time(values.updated_at)}</updated>\n",
        f"<author><name>{escape_xml(values.author)}</name></author>\n",
    ]
    for name in values.categories:
        parts.append(f'<category term="{escape_xml(name)}"/>\n')
    parts.append(f'<content type="html">{escape_xml(values.html)}</content>\n')
    parts.append("</entry>\n")
    return "".join(parts)


def article_entry(article: ArticleView, links: Sequence[AtomLink], summary: str = "") -> str:
    """Return the entry of an article, with its text as HTML paragraphs.

    Args:
        article: The article. Its URL is the id of the entry, so the id stays the same.
        links: Where the article is.
        summary: A short text, or "".
    """
    language = language_tag(article.language)
    parts = [
        f'<entry xml:lang="{language}">\n' if language else "<entry>\n",
        f"<title>{escape_xml(article.title or article.url)}</title>\n",
        f"<id>{escape_xml(article.url)}</id>\n",
        *map(_link, links),
        f"<updated>{format_time(changed_at(article))}</updated>\n",
    ]
    if article.published_at:
        parts.append(f"<published>{published_time(article)}</published>\n")
        if article.published_precision == DAY:
            parts.append(f"<dc:date>{article.published_at:%Y-%m-%d}</dc:date>\n")
    for name in article.authors or (article.site,):
        parts.append(f"<author><name>{escape_xml(name)}</name></author>\n")
    for tag in article.tags:
        parts.append(f'<category term="{escape_xml(tag)}"/>\n')
    if summary:
        parts.append(f"<summary>{escape_xml(summary)}</summary>\n")
    parts.append(f'<content type="html">{escape_xml(_paragraphs(article.text))}</content>\n')
    parts.append("</entry>\n")
    return "".join(parts)


def changed_at(article: ArticleView) -> datetime:
    """Return when a page says that it changed, else when it was published or first seen.

    Noon stands for a day without a time.
    """
    for at, precision in (
        (article.modified_at, article.modified_precision),
        (article.published_at, article.published_precision),
    ):
        if at:
            return at + HALF_DAY if precision == DAY else at
    return article.first_seen_at


def published_time(article: ArticleView) -> str:
    """Return when an article was published, as RFC 3339 writes it; "" if unknown.

    RFC 3339 has no form for a day without a time. Noon in UTC stands for it, with the offset
    "-00:00", which means an unknown zone. In nearly all zones, a feed reader then shows that day.
    """
    if article.published_at is None:
        return ""
    if article.published_precision == DAY:
        return f"{article.published_at:%Y-%m-%d}T12:00:00-00:00"
    return format_time(article.published_at)


def language_tag(language: str) -> str:
    """Return a language if it is a valid tag, else ""."""
    return language if LANGUAGE_TAG.fullmatch(language) else ""


def format_time(time: datetime) -> str:
    """Return a time in UTC to the second, as RFC 3339 writes it."""
    return time.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def escape_xml(text: str) -> str:
    """Return a text for XML.

    Unsafe characters become U+FFFD. A carriage return is escaped, because XML readers turn it
    into a new line.
    """
    return escape(UNSAFE.sub("\ufffd", text)).replace("\r", "&#13;")


def _link(link: AtomLink) -> str:
    url = escape_xml(link.url)
    return f'<link rel="{link.relation}" type="{link.media_type}" href="{url}"/>\n'


def _paragraphs(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    return "".join(f"<p>{escape(line, quote=False)}</p>\n" for line in lines)
