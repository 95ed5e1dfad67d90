"""Any search as a feed for feed readers: Atom (RFC 4287) and JSON Feed 1.1.

The id of an entry is the URL of the story, so it stays the same. In the texts nothing is markup
except the paragraphs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from pipeline.formats.atom import (
    FEED_END,
    AtomFeed,
    AtomLink,
    article_entry,
    changed_at,
    feed_start,
    format_time,
    language_tag,
    published_time,
)
from pipeline.store import read
from pipeline.web.dependencies import Context, WebContext, etag_response, query_string
from pipeline.web.filters import safe_url
from pipeline.web.routes.search import SearchText

router = APIRouter()
ATOM: Final = "application/atom+xml; charset=utf-8"
JSON_FEED: Final = "application/feed+json; charset=utf-8"
# Atom needs a date of the feed. This one never changes, so an empty feed keeps its ETag.
EMPTY_FEED_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)
EntryLimit = Annotated[int, Query(ge=1, le=200)]


@dataclass(frozen=True, slots=True)
class SearchFeed:
    """The results of a search, and where the feed and its search are."""

    base_url: str
    query: str  # the query string
    title: str
    articles: tuple[read.ArticleView, ...]

    @property
    def updated_at(self) -> datetime:
        """When an article of the feed last changed."""
        return max(map(changed_at, self.articles), default=EMPTY_FEED_DATE)


@router.get("/feed.atom")
def atom(
    request: Request,
    context: Context,
    q: SearchText = "",
    unique: bool = False,
    limit: EntryLimit = 50,
) -> Response:
    """Return the newest articles that match a query as Atom."""
    feed = _search_feed(request, context, q, unique, limit)
    text = "".join(_atom(feed))
    return etag_response(request, text.encode("utf8", "replace"), ATOM)


@router.get("/feed.json")
def json_feed(
    request: Request,
    context: Context,
    q: SearchText = "",
    unique: bool = False,
    limit: EntryLimit = 50,
) -> Response:
    """Return the newest articles that match a query as JSON Feed 1.1."""
    feed = _search_feed(request, context, q, unique, limit)
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": f"{feed.base_url}/search?{feed.query}",
        "feed_url": f"{feed.base_url}/feed.json?{feed.query}",
        "items": [_json_item(feed.base_url, article) for article in feed.articles],
    }
    text = json.dumps(document, ensure_ascii=False)
    return etag_response(request, text.encode("utf8", "replace"), JSON_FEED)


def _search_feed(
    request: Request, context: WebContext, q: str, unique: bool, limit: int
) -> SearchFeed:
    page = read.search_articles(context.database, q, limit, unique=unique)
    query = query_string(q=q, unique="1" if unique else "")
    title = f"Nightdesk: {page.description}" if q.strip() else "Nightdesk"
    return SearchFeed(base_url(request), query, title, tuple(hit.article for hit in page.hits))


def base_url(request: Request) -> str:
    """Return the URL of this server.

    Only the client itself sees what its proxy headers change, so a wrong header harms nobody else.
    """
    scheme = request.url.scheme
    if request.headers.get("x-forwarded-proto", "").strip().lower() == "https":
        scheme = "https"
    return f"{scheme}://{request.headers['host']}"


def _atom(feed: SearchFeed) -> Iterator[str]:
    feed_url = f"{feed.base_url}/feed.atom?{feed.query}"
    search_url = f"{feed.base_url}/search?{feed.query}"
    links = (
        AtomLink("self", feed_url, "application/atom+xml"),
        AtomLink("alternate", search_url),
    )
    yield feed_start(AtomFeed(feed_url, feed.title, feed.updated_at, links))
    for article in feed.articles:
        entry_links = [AtomLink("alternate", f"{feed.base_url}/articles/{article.id}")]
        if safe_url(article.url):
            entry_links.append(AtomLink("via", article.url))
        yield article_entry(article, entry_links)
    yield FEED_END


def _json_item(base_url: str, article: read.ArticleView) -> dict[str, Any]:
    item = {
        "id": article.url,
        "url": f"{base_url}/articles/{article.id}",
        "external_url": safe_url(article.url),
        "title": article.title,
        "content_text": article.text,
        "date_published": published_time(article),
        "date_modified": format_time(changed_at(article)),
        "authors": [{"name": name} for name in article.authors],
        "tags": list(article.tags),
        "language": language_tag(article.language),
    }
    return {name: value for name, value in item.items() if value or name == "content_text"}
