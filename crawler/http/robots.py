"""Robots rules as RFC 9309 has them, and a pace that follows what the server says of its load.

Promises that a page is fetched only under rules that were read: a robots.txt that answers 5xx or cannot be had closes the host
(Scrapy would open it), 4xx opens it. A Crawl-delay is a floor for the pause between requests, up to a minute.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

from crawler.http.fetch_errors import RequestRefused, classify_error
from crawler.http.rate_limit import MAX_WAIT_SECONDS
from crawler.revisit import parse_retry_after
from pipeline.core.models import Reason

MAX_ROBOTS_BYTES = (
    512 * 1024
)  # bytes that are read of one robots.txt; the RFC asks for 500 KiB at the least
MAX_CRAWL_DELAY = 60.0
OVERLOAD_PAUSE = (
    1.0  # seconds: where a pause begins to grow once a server says that it is overloaded
)
HOST_ERRORS = (Reason.DNS, Reason.CONNECT, Reason.TLS, Reason.BLOCKED_ADDRESS)

log = logging.getLogger(__name__)


def product_token(user_agent: str) -> str:
    """The name that robots.txt knows us by: Nightdesk for "Nightdesk/1.0 (+https://…)" and for "Mozilla/5.0 (compatible;
    Nightdesk/1.0; …)". The whole header would match groups that only occur somewhere in it."""
    said = re.search(r"compatible;\s*([A-Za-z][\w.-]*)", user_agent) or re.match(
        r"\s*([A-Za-z][\w.-]*)", user_agent
    )
    return said.group(1) if said else user_agent


class RobotsGuard(RobotsTxtMiddleware):
    """Scrapy's robots middleware with the two cases that it leaves open closed, and refusals that say why."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        logging.getLogger("scrapy.downloadermiddlewares.robotstxt").setLevel(
            logging.CRITICAL
        )  # tracebacks; one line is ours
        self._closed: dict[str, RequestRefused] = {}

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        closed = self._closed.get(urlsplit(request.url).netloc)
        if closed is not None:
            raise RequestRefused(
                closed.fetch_error.reason, closed.fetch_error.detail, closed.fetch_error.outcome
            )
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest:
            raise RequestRefused(Reason.ROBOTS, "closed to us by robots.txt") from None

    def may_fetch(self, url: str) -> bool:
        """Whether the rules of its host let a URL be fetched, as far as they were read for another one."""
        netloc = urlsplit(url).netloc
        rules, agent = self._parsers.get(netloc), self._robotstxt_useragent or "*"
        return netloc not in self._closed and not (
            isinstance(rules, RobotParser) and not rules.allowed(url, agent)
        )

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == 429:
            detail = f"robots.txt answered {response.status}, so nothing may be fetched"
            self._closed[netloc] = RequestRefused(Reason.ROBOTS_UNREACHABLE, detail)
        # the body of an error page has no rules in it
        rules = response.body[:MAX_ROBOTS_BYTES] if response.status == 200 else b""
        await super()._parse_robots(response.replace(body=rules), netloc, request)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        trouble = classify_error(exc)
        log.warning("robots.txt of %s: %s", netloc, trouble.detail)
        if trouble.reason in HOST_ERRORS:  # the page would meet the same
            self._closed[netloc] = RequestRefused(trouble.reason, trouble.detail, trouble.outcome)
        elif (
            trouble.reason is not Reason.HTTP_REDIRECT
        ):  # too many redirects: "unavailable" to the RFC, like a 404
            detail = f"robots.txt could not be had ({trouble.detail}), so nothing may be fetched"
            self._closed[netloc] = RequestRefused(Reason.ROBOTS_UNREACHABLE, detail)
        super()._robots_error(exc, netloc)


class CrawlDelayThrottle(AutoThrottle):
    """AutoThrottle that also keeps a Crawl-delay, and slows down where a server says that it is overloaded."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._floors: dict[str, float] = {}
        crawler.signals.connect(self._robots_parsed, signal=signals.robots_parsed)

    def _robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        agent = self.crawler.settings["ROBOTSTXT_USER_AGENT"]
        floor = min(robotparser.crawl_delay(agent) or 0.0, MAX_CRAWL_DELAY)
        host = urlsplit(request.url).hostname or ""
        if floor > self._floors.get(host, self.mindelay):
            self._floors[host] = floor
            downloader = self.crawler.engine.downloader
            downloader.per_slot_settings[host] = {
                "delay": floor
            }  # for a slot that is made anew after a pause
            if host in downloader.slots:
                downloader.slots[host].delay = floor

    def _response_downloaded(self, response: Response, request: Request, spider: Spider) -> None:
        super()._response_downloaded(response, request, spider)
        key, slot = self._get_slot(request, spider)
        if slot is not None and key is not None:
            self._hold_back(slot, self._floors.get(key, 0.0), response)

    def _hold_back(self, slot: Slot, floor: float, response: Response) -> None:
        slot.delay = max(slot.delay, floor)
        if response.status in (429, 503):
            header = (response.headers.get("Retry-After") or b"").decode("ascii", "replace")
            asked = parse_retry_after(header, datetime.now(UTC)).total_seconds()
            asked = (
                asked if asked <= MAX_WAIT_SECONDS else 0.0
            )  # hours are those of one page, or `overload` leaves the host
            slot.delay = min(
                max(2 * slot.delay, OVERLOAD_PAUSE, asked), max(self.maxdelay, slot.delay)
            )
