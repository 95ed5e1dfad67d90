"""Each safe setting is in force in a real crawler: what counts is what Scrapy loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from scrapy.core.engine import ExecutionEngine
from scrapy.crawler import Crawler
from scrapy.extensions.throttle import AutoThrottle
from scrapy.settings import Settings
from scrapy.settings import default_settings as defaults

from crawler.archive_writer import ArchiveWriter
from crawler.events import EventWriter
from crawler.http.robots import CrawlDelayThrottle
from crawler.run import CrawlRun
from crawler.scrapy_settings import settings_for
from crawler.spider import NewsSpider
from pipeline.config.site import Politeness, Safety, Site
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.process_messages import CrawlJob
from pipeline.store.crawl.session import CrawlSession

SITE = Site(
    id="h",
    name="H",
    url="https://h.tj",
    feeds=("https://h.tj/feed",),
    language="tg",
    politeness=Politeness(delay=90, concurrency=3, timeout=7, retries=4),
    safety=Safety(max_bytes=123_456),
)
JOB = CrawlJob(
    site=SITE, database_url="sqlite:///x.db", user_agent="Nightdesk/1 (+https://h.tj/bot)"
)


@pytest.fixture(scope="module")
def crawler() -> Iterator[Crawler]:
    crawler = Crawler(NewsSpider, Settings(settings_for(JOB)), init_reactor=True)
    archive, events = cast("CrawlSession", None), cast("EventWriter", None)
    run = CrawlRun(1, SITE, archive, ArchiveWriter(), events)
    crawler.spider = NewsSpider.from_crawler(crawler, run=run, disk_space=DiskSpaceGuard(Path(), 0))
    crawler._apply_settings()
    crawler.engine = ExecutionEngine(crawler, lambda _: None)
    yield crawler
    crawler.engine.downloader.close()


def names(components: Any) -> set[str]:
    return {type(each).__name__ for each in components}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ROBOTSTXT_OBEY", True),
        ("ROBOTSTXT_USER_AGENT", "Nightdesk"),
        ("DOWNLOAD_MAXSIZE", 123_456),
        ("DOWNLOAD_TIMEOUT", 7),
        ("DOWNLOAD_DELAY", 90),
        ("DOWNLOAD_DELAY_JITTER", 0),
        ("CONCURRENT_REQUESTS_PER_DOMAIN", 3),
        ("RETRY_TIMES", 4),
        ("DOWNLOAD_VERIFY_CERTIFICATES", True),
        ("TELNETCONSOLE_ENABLED", False),
        ("REMOTE_CONTROL_ENABLED", False),
        ("COOKIES_ENABLED", False),
        ("HTTPPROXY_ENABLED", False),
        ("REFERER_ENABLED", False),
        ("METAREFRESH_ENABLED", False),
        ("REDIRECT_MAX_TIMES", 5),
        ("MEMUSAGE_LIMIT_MB", 1024),
        ("AUTOTHROTTLE_ENABLED", True),
        ("AUTOTHROTTLE_MAX_DELAY", 90),
        ("AUTOTHROTTLE_START_DELAY", 90),
        ("JOBDIR", None),
        ("USER_AGENT", "Nightdesk/1 (+https://h.tj/bot)"),
    ],
)
def test_setting_is_in_force(crawler: Crawler, key: str, value: object) -> None:
    assert crawler.settings[key] == value


def test_only_http_is_possible_and_only_through_the_guard(crawler: Crawler) -> None:
    handlers = crawler.engine.downloader.handlers
    assert set(handlers._schemes) == {"http", "https"}
    assert {type(handlers._get_handler(scheme)).__name__ for scheme in ("http", "https")} == {
        "GuardedHandler"
    }
    assert handlers._get_handler("https")._contextFactory._verify_certificates
    assert handlers._get_handler("http")._default_maxsize == 123_456


def test_guards_replace_the_middlewares_of_scrapy(crawler: Crawler) -> None:
    loaded = names(crawler.engine.downloader.middleware.middlewares)
    assert {
        "RobotsGuard",
        "RetryAfterAwareRetry",
        "RefererlessRedirect",
        "SiteHeaders",
        "HttpCompressionMiddleware",
    } <= loaded
    assert not loaded & {
        "RobotsTxtMiddleware",
        "RetryMiddleware",
        "RedirectMiddleware",
        "MetaRefreshMiddleware",
        "CookiesMiddleware",
        "HttpProxyMiddleware",
        "HttpCacheMiddleware",
    }


def test_no_remote_control_of_the_process_is_loaded(crawler: Crawler) -> None:
    loaded = names(crawler.extensions.middlewares)
    assert {"CrawlDelayThrottle", "MemoryGuard"} <= loaded
    assert not loaded & {
        "TelnetConsole",
        "RemoteControl",
        "AutoThrottle",
        "MemoryUsage",
        "FeedExporter",
    }


def test_scrapy_knows_every_setting_and_none_is_deprecated() -> None:
    keys = {key for key in settings_for(JOB) if not key.startswith("NIGHTDESK_")}
    assert keys <= set(defaults.__all__)
    assert not keys & {
        "RANDOMIZE_DOWNLOAD_DELAY",
        "DNS_RESOLVER",
        "CONCURRENT_REQUESTS_PER_IP",
        "DOWNLOADER_CLIENTCONTEXTFACTORY",
    }


def test_throttle_adjusts_delays_as_scrapy_does() -> None:
    """A method of the same name would replace Scrapy's, and delays would never fall again."""
    assert CrawlDelayThrottle._adjust_delay is AutoThrottle._adjust_delay
