"""Scrapy's settings for one job. Every default that is not safe or polite enough is set here.

A plain dictionary made from values; nothing is read from the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrapy.settings import default_settings

from crawler.http.robots import product_token
from pipeline.config.site import Politeness, Site
from pipeline.process_messages import CrawlJob

MAX_REDIRECTS = 5  # of a source or a robots.txt; RFC 9309 (2.3.1.2) asks for five
MAX_MEMORY_MB = 1024  # the process ends its crawl in order before the system kills it
# Components of Scrapy that we replace or do not use. They are removed, not set to None, because
# Scrapy loads those too: a web server, three clients, and a fifth of a second of each start.
REPLACED = {
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware",
    "scrapy.downloadermiddlewares.retry.RetryMiddleware",
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware",
    "scrapy.extensions.throttle.AutoThrottle",
    "scrapy.extensions.memusage.MemoryUsage",
}
UNUSED = {
    "scrapy.downloadermiddlewares.cookies.CookiesMiddleware",
    "scrapy.downloadermiddlewares.httpcache.HttpCacheMiddleware",
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware",
    "scrapy.extensions.feedexport.FeedExporter",
    "scrapy.extensions.remote_control.RemoteControl",
    "scrapy.extensions.telnet.TelnetConsole",
}
RETRY_STATUSES = [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524]


def settings_for(job: CrawlJob) -> dict[str, Any]:
    """Return all settings of a crawl or probe."""
    settings = {
        **_identity(job),
        **_pace(job.site.politeness),
        **_limits(job.site),
        **_connections(),
        **_disabled_features(),
        **_logging(job),
    }
    return _with_browser(settings, job) if job.site.render else settings


def _with_browser(settings: dict[str, Any], job: CrawlJob) -> dict[str, Any]:
    """The settings of a site that a browser renders. Its requests do not pass through Scrapy."""
    return settings | {
        "NIGHTDESK_CHROMIUM": job.chromium,
        "PLAYWRIGHT_BROWSER_PROVIDER": "crawler.rendering.browser.LazyBrowserProvider",
        "DOWNLOADER_MIDDLEWARES": settings["DOWNLOADER_MIDDLEWARES"]
        | {"crawler.rendering.middleware.RenderMiddleware": 50},
    }


def _identity(job: CrawlJob) -> dict[str, Any]:
    language = job.site.language
    return {
        "BOT_NAME": "nightdesk",
        "USER_AGENT": job.user_agent,
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": product_token(job.user_agent),
        "DEFAULT_REQUEST_HEADERS": {
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "Accept-Language": f"{language},*;q=0.5" if language else "*",
        },
    }


def _pace(politeness: Politeness) -> dict[str, Any]:
    return {
        "CONCURRENT_REQUESTS": politeness.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": politeness.concurrency,
        "DOWNLOAD_DELAY": politeness.delay,
        "DOWNLOAD_DELAY_JITTER": 0.0,  # jitter goes both ways, and `delay` is a minimum
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": politeness.delay,
        "AUTOTHROTTLE_MAX_DELAY": max(60.0, politeness.delay),
        "AUTOTHROTTLE_TARGET_CONCURRENCY": float(politeness.concurrency),
        "RETRY_ENABLED": True,
        "RETRY_TIMES": politeness.retries,
        "RETRY_HTTP_CODES": RETRY_STATUSES,
        "RETRY_GIVE_UP_LOG_LEVEL": "INFO",
    }


def _limits(site: Site) -> dict[str, Any]:
    return {
        "DOWNLOAD_TIMEOUT": site.politeness.timeout,
        "DNS_TIMEOUT": site.politeness.timeout,
        "DOWNLOAD_MAXSIZE": site.safety.max_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_FAIL_ON_DATALOSS": True,
        "REDIRECT_MAX_TIMES": MAX_REDIRECTS,
        "URLLENGTH_LIMIT": 2083,
        "MEMUSAGE_ENABLED": True,
        "MEMUSAGE_LIMIT_MB": max(MAX_MEMORY_MB, 16 * site.safety.max_bytes // 2**20),
        "MEMUSAGE_CHECK_INTERVAL_SECONDS": 10.0,
    }


def _connections() -> dict[str, Any]:
    return {
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_HANDLERS": {
            "http": "crawler.http.network_guard.GuardedHandler",
            "https": "crawler.http.network_guard.GuardedHandler",
            "data": None,
            "file": None,
            "ftp": None,
            "s3": None,
        },
        "DOWNLOADER_MIDDLEWARES_BASE": _without(default_settings.DOWNLOADER_MIDDLEWARES_BASE),
        "DOWNLOADER_MIDDLEWARES": {
            "crawler.http.robots.RobotsGuard": 100,
            "crawler.http.network_guard.SiteHeaders": 390,
            "crawler.http.network_guard.RetryAfterAwareRetry": 550,
            "crawler.http.rate_limit.RateLimitGuard": 560,
            "crawler.http.network_guard.RefererlessRedirect": 600,
        },
        "EXTENSIONS_BASE": _without(default_settings.EXTENSIONS_BASE),
        "EXTENSIONS": {
            "crawler.http.robots.CrawlDelayThrottle": 0,
            "crawler.http.network_guard.MemoryGuard": 0,
        },
    }


def _without(base: Mapping[str, int]) -> dict[str, int]:
    return {name: priority for name, priority in base.items() if name not in REPLACED | UNUSED}


def _disabled_features() -> dict[str, Any]:
    return {
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "COOKIES_ENABLED": False,
        "HTTPPROXY_ENABLED": False,  # a proxy would connect where the network guard cannot see it
        "HTTPCACHE_ENABLED": False,
        "METAREFRESH_ENABLED": False,
        "REFERER_ENABLED": False,
        "JOBDIR": None,  # the frontier is the archive
    }


def _logging(job: CrawlJob) -> dict[str, Any]:
    return {
        "LOG_LEVEL": job.log_level,
        "LOG_INSTALL_ROOT_HANDLER": not job.log_file,  # the file is ours: see `logs`
        "LOG_SHORT_NAMES": True,
        "LOG_COLOR": False,
        "LOG_VERSIONS": [],
        "LOGSTATS_INTERVAL": 300.0,
        "STATS_DUMP": False,
    }
