"""Any search as a feed: Atom and JSON Feed 1.1, so that a feed reader can follow it.

Promises entries whose ids stay the same (the address of the story), dates in UTC, and texts in which nothing is markup but the
paragraphs: as XML can hold them, escaped twice where a reader takes them for HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from pipeline.store.db.article_view import ArticleView
from pipeline.store.search import search
from pipeline.store.search.search import Results
from pipeline.web.dependencies import AtDesk, query, tagged
from pipeline.web.filters import LANGUAGE, UNSHOWN, link
from pipeline.web.routes.search import Asked

router = APIRouter()
ATOM: Final = "application/atom+xml; charset=utf-8"
JSON_FEED: Final = "application/feed+json; charset=utf-8"
EMPTY: Final = datetime(
    1970, 1, 1, tzinfo=UTC
)  # what a feed without entries is dated: it has to be, and never changes
Most = Annotated[int, Query(ge=1, le=200)]


@router.get("/feed.atom")
def atom(
    request: Request, desk: AtDesk, q: Asked = "", once: bool = False, limit: Most = 50
) -> Response:
    """The newest articles that a query finds, as Atom."""
    found = search.search(desk.store, q, limit, once=once)
    text = "\n".join(_atom(_base(request), query(q=q, once="1" if once else ""), q, found))
    return tagged(request, text.encode("utf8", "replace"), ATOM)


@router.get("/feed.json")
def json_feed(
    request: Request, desk: AtDesk, q: Asked = "", once: bool = False, limit: Most = 50
) -> Response:
    """The newest articles that a query finds, as JSON Feed 1.1."""
    found = search.search(desk.store, q, limit, once=once)
    base, asked = _base(request), query(q=q, once="1" if once else "")
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _title(q, found),
        "home_page_url": f"{base}/search?{asked}",
        "feed_url": f"{base}/feed.json?{asked}",
        "items": [_item(base, hit.article) for hit in found.hits],
    }
    return tagged(
        request, json.dumps(feed, ensure_ascii=False).encode("utf8", "replace"), JSON_FEED
    )


def _base(request: Request) -> str:
    """The address that this was asked at. What a proxy says of it only its asker is told: a lie would harm the liar alone."""
    is_secure = request.headers.get("x-forwarded-proto", "").strip().lower() == "https"
    return f"{'https' if is_secure else request.url.scheme}://{request.headers['host']}"


def _title(q: str, found: Results) -> str:
    return f"Nightdesk: {found.understood}" if q.strip() else "Nightdesk"


def _atom(base: str, asked: str, q: str, found: Results) -> Iterator[str]:
    changed = max((_changed(hit.article) for hit in found.hits), default=EMPTY)
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<feed xmlns="http://www.w3.org/2005/Atom">'
    yield f"<title>{_safe(_title(q, found))}</title>"
    yield f"<id>{_safe(f'{base}/feed.atom?{asked}')}</id>"
    yield f"<updated>{_stamp(changed)}</updated>"
    yield f'<link rel="self" type="application/atom+xml" href="{_safe(f"{base}/feed.atom?{asked}")}"/>'
    yield f'<link rel="alternate" type="text/html" href="{_safe(f"{base}/search?{asked}")}"/>'
    yield "<generator>Nightdesk</generator>"
    for hit in found.hits:
        yield from _entry(base, hit.article)
    yield "</feed>\n"


def _entry(base: str, article: ArticleView) -> Iterator[str]:
    language = article.language if LANGUAGE.fullmatch(article.language) else ""
    yield f'<entry xml:lang="{language}">' if language else "<entry>"
    yield f"<title>{_safe(article.title or article.url)}</title>"
    yield f"<id>{_safe(article.url)}</id>"
    yield f'<link rel="alternate" type="text/html" href="{base}/articles/{article.id}"/>'
    if link(article.url):
        yield f'<link rel="via" type="text/html" href="{_safe(article.url)}"/>'
    yield f"<updated>{_stamp(_changed(article))}</updated>"
    if article.published_at:
        yield f"<published>{_stamp(article.published_at)}</published>"
    for name in article.authors or (article.site,):
        yield f"<author><name>{_safe(name)}</name></author>"
    for term in article.tags:
        yield f'<category term="{_safe(term)}"/>'
    yield f'<content type="html">{_safe(_paragraphs(article.text))}</content>'
    yield "</entry>"


def _item(base: str, article: ArticleView) -> dict[str, Any]:
    item = {
        "id": article.url,
        "url": f"{base}/articles/{article.id}",
        "external_url": link(article.url),
        "title": article.title,
        "content_text": article.text,
        "date_published": _stamp(article.published_at) if article.published_at else "",
        "date_modified": _stamp(_changed(article)),
        "authors": [{"name": name} for name in article.authors],
        "tags": list(article.tags),
        "language": article.language if LANGUAGE.fullmatch(article.language) else "",
    }
    return {name: value for name, value in item.items() if value or name == "content_text"}


def _changed(article: ArticleView) -> datetime:
    """When a story was changed, as far as its page says so: else when it came."""
    return article.modified_at or article.published_at or article.first_seen_at


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(line)}</p>\n" for line in text.split("\n") if line.strip())


def _safe(text: str) -> str:
    return RETURN.sub("&#13;", escape(UNSHOWN.sub("\ufffd", text)))


RETURN = re.compile("\r")  # which an XML reader would make a new line
