"""Pages that only a browser can build, for Sites whose file says `render = true`.

Promises that a story or section page which was fetched, by all the rules of a crawl, goes on as what its scripts made of it,
one page at a time; and that its answer says so, and has no validators, since these speak of the bytes that the server sent. It
stands farthest from the network, so that it sees answers that are decompressed and were not to be tried again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.capture import (
    RENDER_INFO_META,
    RENDER_META,
    VALIDATOR_HEADERS,
    is_html,
    parse_content_type,
)
from crawler.http.robots import RobotsGuard
from crawler.rendering.browser import FORWARDED_HEADERS, Browser

NO_REFERER = {"referrer-policy": "same-origin"}  # other sites are not told which page it is


class RenderMiddleware:
    """See the module's head."""

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats is not None
        self._crawler = crawler
        self._stats = crawler.stats
        self._browser = Browser(crawler, _site(crawler), self._may_fetch)
        self._turn = asyncio.Lock()
        crawler.signals.connect(self._browser.close, signal=signals.engine_stopped)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RenderMiddleware:
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Response:
        said = (response.headers.get("Content-Type") or b"").decode("ascii", "replace")
        has_page = (
            response.status in (200, 203) and response.body.strip() and is_html(said, response.body)
        )
        if not (request.meta.get(RENDER_META) and has_page):
            return response
        given = {
            name: (response.headers.get(name) or b"").decode("utf8", "replace")
            for name in FORWARDED_HEADERS
        }
        async with self._turn:
            body, rendered = await self._browser.render(
                response.url,
                response.body,
                {name: value for name, value in given.items() if value} | NO_REFERER,
            )
        self._stats.inc_value("downloader/response_bytes", rendered.received - len(response.body))
        request.meta[RENDER_INFO_META] = rendered
        headers = response.headers.copy()
        for name in VALIDATOR_HEADERS:
            headers.pop(name, None)
        headers["Content-Type"] = f"{parse_content_type(said)[0] or 'text/html'}; charset=utf-8"
        return response.replace(body=body, headers=headers)

    def _may_fetch(self, url: str) -> bool:
        guard = self._crawler.get_downloader_middleware(RobotsGuard)
        return guard is None or guard.may_fetch(url)


def _site(crawler: Crawler) -> Any:
    return getattr(crawler.spider, "site")  # noqa: B009 - Scrapy knows it as a Spider, which has no site
