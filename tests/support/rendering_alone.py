"""Run as a program: renders pages whose bytes it is given, as a crawl would, and says what became of each.

Reads a JSON object from standard input (`site`, keys of a site file; `chromium`; `pages`, from URL to HTML) and prints a line
of JSON for each page: its URL, what was made of it, the headers and the trouble. The pages need not be served anywhere, so
their addresses may be public ones.
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

from crawler.capture import RENDER, RENDERED
from crawler.http.fetch_errors import explain
from crawler.rendering.middleware import Rendering
from crawler.scrapy_settings import settings_for
from pipeline.config.site import CrawlJob, Site


class Alone(Spider):
    name = "alone"

    def __init__(self, site: Site, pages: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.site = site
        self.pages = pages

    async def start(self) -> AsyncIterator[Request]:
        rendering = self.crawler.get_downloader_middleware(Rendering)
        assert rendering is not None
        for url, body in self.pages.items():
            print(json.dumps({"url": url} | await self._one(rendering, url, body)), flush=True)  # noqa: T201
        return
        yield

    async def _one(self, rendering: Rendering, url: str, body: str) -> dict[str, Any]:
        request = Request(url, meta={RENDER: True})
        answer = HtmlResponse(
            url,
            body=body.encode(),
            request=request,
            headers={"Content-Type": "text/html", "ETag": '"1"'},
        )
        try:
            response = await rendering.process_response(request, answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it has a reason
            trouble = explain(error)
            return {"reason": trouble.reason, "detail": trouble.detail}
        headers = {
            name.lower(): value for name, value in response.headers.to_unicode_dict().items()
        }
        return {
            "made": response.body.decode(),
            "headers": headers,
            "note": str(request.meta[RENDERED]),
        }


def main() -> None:
    given = json.load(sys.stdin)
    keys = {
        "id": "alone",
        "name": "Alone",
        "url": "https://news.example/",
        "render": True,
        **given["site"],
    }
    site = Site.model_validate(keys)
    job = CrawlJob(
        site=site,
        database_url="",
        user_agent="Nightdesk/0.1 (+https://x.example)",
        chromium=given["chromium"],
    )
    process = AsyncCrawlerProcess(settings_for(job) | {"LOG_LEVEL": given.get("log", "CRITICAL")})
    process.crawl(Alone, site=site, pages=given["pages"])
    process.start()


if __name__ == "__main__":
    main()
