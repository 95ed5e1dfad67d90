"""Renders pages in a browser, for sites whose file says `render = true`.

A story or section page is first fetched by all rules of a crawl. Then it is replaced by what its
scripts make of it, one page at a time. The answer says so, and loses its validators, because they
describe the bytes that the server sent.
"""

from __future__ import annotations

import asyncio

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler.capture import RENDER_INFO_META, RENDER_META
from crawler.http.network_guard import site_of
from crawler.http.robots import RobotsGuard
from crawler.rendering.browser import FORWARDED_HEADERS, Browser
from pipeline.core.http_headers import VALIDATOR_HEADERS, is_html, parse_content_type

NO_REFERER = {"referrer-policy": "same-origin"}  # other sites do not learn which page it is


class RenderMiddleware:
    """Downloader middleware that renders pages.

    It is farthest from the network, so that it sees answers that are decompressed and will not be
    retried.

    Args:
        crawler: The running Scrapy crawler.
    """

    def __init__(self, crawler: Crawler) -> None:
        assert crawler.stats is not None
        self._crawler = crawler
        self._stats = crawler.stats
        self._browser = Browser(crawler, site_of(crawler), self._may_fetch)
        self._lock = asyncio.Lock()
        crawler.signals.connect(self._browser.close, signal=signals.engine_stopped)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RenderMiddleware:
        """Create the middleware. Scrapy calls this."""
        return cls(crawler)

    async def process_response(self, request: Request, response: Response) -> Response:
        """Render a page that has to be rendered. Scrapy calls this.

        Raises:
            RequestRefused: The page broke a limit.
            ConfigError: The browser cannot be started.
        """
        content_type = (response.headers.get("Content-Type") or b"").decode("ascii", "replace")
        if not request.meta.get(RENDER_META) or not _is_page(response, content_type):
            return response
        async with self._lock:
            body, render_info = await self._browser.render(
                response.url, response.body, _forwarded_headers(response) | NO_REFERER
            )
        further_bytes = render_info.received - len(response.body)
        self._stats.inc_value("downloader/response_bytes", further_bytes)
        request.meta[RENDER_INFO_META] = render_info
        headers = response.headers.copy()
        for name in VALIDATOR_HEADERS:
            headers.pop(name, None)
        media_type = parse_content_type(content_type)[0] or "text/html"
        headers["Content-Type"] = f"{media_type}; charset=utf-8"
        return response.replace(body=body, headers=headers)

    def _may_fetch(self, url: str) -> bool:
        guard = self._crawler.get_downloader_middleware(RobotsGuard)
        return guard is None or guard.may_fetch(url)


def _is_page(response: Response, content_type: str) -> bool:
    if response.status not in (200, 203) or not response.body.strip():
        return False
    return is_html(content_type, response.body)


def _forwarded_headers(response: Response) -> dict[str, str]:
    headers = {}
    for name in FORWARDED_HEADERS:
        value = (response.headers.get(name) or b"").decode("utf8", "replace")
        if value:
            headers[name] = value
    return headers
