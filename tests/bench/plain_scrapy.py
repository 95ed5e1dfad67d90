"""`python -m tests.bench.plain_scrapy SITEMAP bare|trafilatura CONCURRENCY [DATABASE]` — what people write without Nightdesk.

A spider that reads one sitemap and fetches its pages: `bare` drops what comes; `trafilatura` extracts each page in an item
pipeline and stores text and metadata in SQLite, committed in batches. Scrapy's own defaults hold, but for the number of
requests at a time.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response

BATCH = 50


class Bare(Spider):
    """Fetches every page, and does nothing with it."""

    name = "bare"
    sitemap = ""

    async def start(self) -> AsyncIterator[Request]:
        yield Request(self.sitemap, callback=self.index)

    def index(self, response: Response) -> Iterator[Request]:
        """Sitemaps of an index, or its pages."""
        for url in re.findall(r"<loc>([^<]+)</loc>", response.text):
            yield Request(url, callback=self.index if url.endswith(".xml") else self.story)

    def story(self, response: Response) -> Any:
        """A page."""
        return None


class Extracting(Bare):
    """Hands every page to the item pipeline."""

    name = "extracting"

    def story(self, response: Response) -> Any:
        return {"url": response.url, "html": response.text}


class Trafilatura:
    """Text and metadata of each page into one table."""

    def open_spider(self) -> None:
        """Opens the database."""
        self.db = sqlite3.connect(sys.argv[4])
        self.db.execute(
            "CREATE TABLE article (url TEXT PRIMARY KEY, title TEXT, author TEXT, date TEXT, text TEXT)"
        )
        self.waiting = 0

    def process_item(self, item: dict[str, str]) -> dict[str, str]:
        """Extracts and stores one page."""
        from trafilatura import bare_extraction

        found = bare_extraction(item["html"], url=item["url"], with_metadata=True)
        if found is not None:
            self.db.execute(
                "INSERT OR REPLACE INTO article VALUES (?, ?, ?, ?, ?)",
                (item["url"], found.title, found.author, found.date, found.text),
            )
        self.waiting += 1
        if self.waiting % BATCH == 0:
            self.db.commit()
        return {"url": item["url"]}

    def close_spider(self) -> None:
        """Commits the rest."""
        self.db.commit()
        self.db.close()


def main() -> None:
    """The command."""
    sitemap, kind, concurrency = sys.argv[1:4]
    settings: dict[str, Any] = {
        "CONCURRENT_REQUESTS": int(concurrency),
        "CONCURRENT_REQUESTS_PER_DOMAIN": int(concurrency),
        "DOWNLOAD_DELAY": 0,
        "LOG_LEVEL": "INFO",
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
    }
    if kind == "trafilatura":
        settings["ITEM_PIPELINES"] = {Trafilatura: 100}
    process = AsyncCrawlerProcess(settings)
    process.crawl(Extracting if kind == "trafilatura" else Bare, sitemap=sitemap)
    process.start()
    found = process.bootstrap_failed
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
