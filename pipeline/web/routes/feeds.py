"""Any search as a feed for feed readers: Atom (RFC 4287) and JSON Feed 1.1.

The id of an entry is the URL of the story, so it stays the same. In the texts nothing is markup
except the paragraphs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from pipeline.store import read
from pipeline.web.dependencies import Context, WebContext, etag_response, query_string
from pipeline.web.filters import FORBIDDEN_CHARACTERS, LANGUAGE_TAG, safe_url
from pipeline.web.routes.search import SearchText

router = APIRouter()
ATOM: Final = "application/atom+xml; charset=utf-8"
JSON_FEED: Final = "application/feed+json; charset=utf-8"
# Atom needs a date of the feed. This one never changes, so an empty feed keeps its ETag.
EMPTY_FEED_DATE: Final = datetime(1970, 1, 1, tzinfo=UTC)
RETURN: Final = re.compile("\r")  # an XML reader would turn it into a new line
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
        return max(map(_updated_at, self.articles), default=EMPTY_FEED_DATE)


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
    text = "\n".join(_atom(feed))
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
    return SearchFeed(_base_url(request), query, title, tuple(hit.article for hit in page.hits))


def _base_url(request: Request) -> str:
    """Return the URL of this server.

    Only the client itself sees what its proxy headers change, so a wrong header harms nobody else.
    """
    scheme = request.url.scheme
    if request.headers.get("x-forwarded-proto", "").strip().lower() == "https":
        scheme = "https"
    return f"{scheme}://{request.headers['host']}"


def _atom(feed: SearchFeed) -> Iterator[str]:
    feed_url = _xml(f"{feed.base_url}/feed.atom?{feed.query}")
    search_url = _xml(f"{feed.base_url}/search?{feed.query}")
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<feed xmlns="http://www.w3.org/2005/Atom">'
    yield f"<title>{_xml(feed.title)}</title>"
    yield f"<id>{feed_url}</id>"
    yield f"<updated>{_timestamp(feed.updated_at)}</updated>"
    yield f'<link rel="self" type="application/atom+xml" href="{feed_url}"/>'
    yield f'<link rel="alternate" type="text/html" href="{search_url}"/>'
    yield "<generator>Nightdesk</generator>"
    for article in feed.articles:
        yield from _atom_entry(feed.base_url, article)
    yield "</feed>\n"


def _atom_entry(base_url: str, article: read.ArticleView) -> Iterator[str]:
    language = _language(article)
    yield f'<entry xml:lang="{language}">' if language else "<entry>"
    yield f"<title>{_xml(article.title or article.url)}</title>"
    yield f"<id>{_xml(article.url)}</id>"
    yield f'<link rel="alternate" type="text/html" href="{base_url}/articles/{article.id}"/>'
    if safe_url(article.url):
        yield f'<link rel="via" type="text/html" href="{_xml(article.url)}"/>'
    yield f"<updated>{_timestamp(_updated_at(article))}</updated>"
    if article.published_at:
        yield f"<published>{_timestamp(article.published_at)}</published>"
    for name in article.authors or (article.site,):
        yield f"<author><name>{_xml(name)}</name></author>"
    for tag in article.tags:
        yield f'<category term="{_xml(tag)}"/>'
    yield f'<content type="html">{_xml(_paragraphs(article.text))}</content>'
    yield "</entry>"


def _json_item(base_url: str, article: read.ArticleView) -> dict[str, Any]:
    published_at = ""
    if article.published_at:
        published_at = _timestamp(article.published_at)
    item = {
        "id": article.url,
        "url": f"{base_url}/articles/{article.id}",
        "external_url": safe_url(article.url),
        "title": article.title,
        "content_text": article.text,
        "date_published": published_at,
        "date_modified": _timestamp(_updated_at(article)),
        "authors": [{"name": name} for name in article.authors],
        "tags": list(article.tags),
        "language": _language(article),
    }
    return {name: value for name, value in item.items() if value or name == "content_text"}


def _language(article: read.ArticleView) -> str:
    if LANGUAGE_TAG.fullmatch(article.language):
        return article.language
    return ""


def _updated_at(article: read.ArticleView) -> datetime:
    """Return when the page says that it changed, else when it was published or first seen."""
    return article.modified_at or article.published_at or article.first_seen_at


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _paragraphs(text: str) -> str:
    html = ""
    for line in text.split("\n"):
        if line.strip():
            html += f"<p>{escape(line)}</p>\n"
    return html


def _xml(text: str) -> str:
    return RETURN.sub("&#13;", escape(FORBIDDEN_CHARACTERS.sub("\ufffd", text)))
