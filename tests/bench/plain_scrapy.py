"""Fetch a site without Nightdesk, for comparison.

Run it with `python -m tests.bench.plain_scrapy SITEMAP bare|trafilatura CONCURRENCY [DATABASE]`.
The spider reads one sitemap and fetches its pages. `bare` drops them. `trafilatura` extracts each
page in an item pipeline and stores text and metadata in SQLite, with a commit for each batch. All
settings have Scrapy's defaults, except for the number of parallel requests.
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

COMMIT_EVERY = 50  # pages
CREATE_TABLE = """
    CREATE TABLE article (url TEXT PRIMARY KEY, title TEXT, author TEXT, date TEXT, text TEXT)
"""


class BareSpider(Spider):
    """Fetches every page and drops it."""

    name = "bare"
    sitemap = ""

    async def start(self) -> AsyncIterator[Request]:
        """Request the sitemap."""
        yield Request(self.sitemap, callback=self.parse_sitemap)

    def parse_sitemap(self, response: Response) -> Iterator[Request]:
        """Request the sitemaps of an index, or the pages of a sitemap."""
        for url in re.findall(r"<loc>([^<]+)</loc>", response.text):
            callback = self.parse_sitemap if url.endswith(".xml") else self.parse_page
            yield Request(url, callback=callback)

    def parse_page(self, response: Response) -> Any:
        """Drop a page."""
        return None


class ExtractingSpider(BareSpider):
    """Hands every page to the item pipeline."""

    name = "extracting"

    def parse_page(self, response: Response) -> Any:
        """Return a page as an item."""
        return {"url": response.url, "html": response.text}


class TrafilaturaPipeline:
    """Writes text and metadata of each page to one table."""

    def __init__(self) -> None:
        """Open the database that the command line names."""
        self.db = sqlite3.connect(sys.argv[4])
        self.pages = 0

    def open_spider(self) -> None:
        """Create the table."""
        self.db.execute(CREATE_TABLE)

    def process_item(self, item: dict[str, str]) -> dict[str, str]:
        """Extract and store one page."""
        from trafilatura import bare_extraction

        document: Any = bare_extraction(item["html"], url=item["url"], with_metadata=True)
        if document is not None:
            self.db.execute(
                "INSERT OR REPLACE INTO article VALUES (?, ?, ?, ?, ?)",
                (item["url"], document.title, document.author, document.date, document.text),
            )
        self.pages += 1
        if self.pages % COMMIT_EVERY == 0:
            self.db.commit()
        return {"url": item["url"]}

    def close_spider(self) -> None:
        """Commit the last pages."""
        self.db.commit()
        self.db.close()


def main() -> None:
    """Run the command."""
    sitemap, kind, concurrency = sys.argv[1:4]
    settings: dict[str, Any] = {
        "CONCURRENT_REQUESTS": int(concurrency),
        "CONCURRENT_REQUESTS_PER_DOMAIN": int(concurrency),
        "DOWNLOAD_DELAY": 0,
        "LOG_LEVEL": "INFO",
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
    }
    spider = BareSpider
    if kind == "trafilatura":
        settings["ITEM_PIPELINES"] = {TrafilaturaPipeline: 100}
        spider = ExtractingSpider
    process = AsyncCrawlerProcess(settings)
    process.crawl(spider, sitemap=sitemap)
    process.start()
    sys.exit(1 if process.bootstrap_failed else 0)


if __name__ == "__main__":
    main()
