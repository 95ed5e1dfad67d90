"""A program that renders pages from given bytes, as a crawl would, and prints the results.

Reads a JSON object from standard input: `site` (keys of a site file), `chromium` (a path), `pages`
(URL → HTML). Prints one JSON line for each page: its URL, the rendered page with its headers, or
the error. The pages need not be served anywhere, so their URLs may have public hosts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import HtmlResponse

from crawler.capture import RENDER_INFO_META, RENDER_META
from crawler.http.fetch_errors import classify_error
from crawler.rendering.middleware import RenderMiddleware
from crawler.scrapy_settings import settings_for
from pipeline.config.site import Site
from pipeline.process_messages import CrawlJob


class RenderSpider(Spider):
    """Render all pages and fetch nothing."""

    name = "render"

    def __init__(self, site: Site, pages: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.site = site
        self.pages = pages

    async def start(self) -> AsyncIterator[Request]:
        """Render the pages one after the other."""
        middleware = self.crawler.get_downloader_middleware(RenderMiddleware)
        assert middleware is not None
        for url, body in self.pages.items():
            result = {"url": url} | await self._render(middleware, url, body)
            print(json.dumps(result), flush=True)  # noqa: T201
        return
        yield

    async def _render(self, middleware: RenderMiddleware, url: str, body: str) -> dict[str, Any]:
        request = Request(url, meta={RENDER_META: True})
        response = HtmlResponse(
            url,
            body=body.encode(),
            request=request,
            headers={"Content-Type": "text/html", "ETag": '"1"'},
        )
        try:
            rendered = await middleware.process_response(request, response)
        except Exception as error:  # noqa: BLE001 - every error has a reason code
            fetch_error = classify_error(error)
            return {"reason": fetch_error.reason, "detail": fetch_error.detail}
        headers = {}
        for name, value in rendered.headers.to_unicode_dict().items():
            headers[name.lower()] = value
        return {
            "rendered": rendered.body.decode(),
            "headers": headers,
            "note": str(request.meta[RENDER_INFO_META]),
        }


def main() -> None:
    """Render the pages of standard input."""
    arguments = json.load(sys.stdin)
    keys = {"id": "render", "name": "Render", "url": "https://news.example/", "render": True}
    job = CrawlJob(
        site=Site.model_validate(keys | arguments["site"]),
        database_url="",
        user_agent="Nightdesk/0.1 (+https://x.example)",
        chromium=arguments["chromium"],
    )
    settings = settings_for(job) | {"LOG_LEVEL": arguments.get("log", "CRITICAL")}
    process = AsyncCrawlerProcess(settings)
    process.crawl(RenderSpider, site=job.site, pages=arguments["pages"])
    process.start()


if __name__ == "__main__":
    main()
