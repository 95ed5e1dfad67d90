"""Robots rules as RFC 9309 defines them, and a pace that follows the load of the server.

A page is fetched only under rules that were read. A robots.txt that answers 5xx or cannot be
fetched closes its host (Scrapy would open it), and 4xx opens it. A Crawl-delay is the shortest
pause between requests, up to a minute.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

from crawler.http.fetch_errors import FetchError, RequestRefused, classify_error
from crawler.http.rate_limit import MAX_WAIT_SECONDS
from crawler.revisit import parse_retry_after
from pipeline.core.models import Outcome, Reason

MAX_ROBOTS_BYTES = 512 * 1024  # of one robots.txt; RFC 9309 (2.5) requires at least 500 KiB
MAX_CRAWL_DELAY = 60.0  # seconds
OVERLOAD_PAUSE = 1.0  # seconds: the first pause for a server that says that it is overloaded
HOST_ERRORS = (Reason.DNS, Reason.CONNECT, Reason.TLS, Reason.BLOCKED_ADDRESS)

log = logging.getLogger(__name__)


def product_token(user_agent: str) -> str:
    """Return the name by which robots.txt knows us.

    It is Nightdesk for "Nightdesk/1.0 (+https://…)" and for "Mozilla/5.0 (compatible;
    Nightdesk/1.0; …)". The whole header would match groups that only occur somewhere in it.
    """
    token = re.search(r"compatible;\s*([A-Za-z][\w.-]*)", user_agent)
    if token is None:
        token = re.match(r"\s*([A-Za-z][\w.-]*)", user_agent)
    return user_agent if token is None else token.group(1)


class RobotsObserver(Protocol):
    """Receives each robots.txt once; an attribute `robots_observer` of the spider."""

    async def robots_answered(self, url: str, response: Response) -> None:
        """Receive the answer to the request for a robots.txt."""

    async def robots_failed(self, url: str, error: FetchError) -> None:
        """Receive the error in place of an answer."""


class RobotsGuard(RobotsTxtMiddleware):
    """Scrapy's robots middleware, which also closes hosts whose rules cannot be read.

    Refusals say why. The spider's `robots_observer` gets each robots.txt.

    Args:
        crawler: The running Scrapy crawler.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        # Scrapy logs a traceback; we log one line instead.
        logging.getLogger("scrapy.downloadermiddlewares.robotstxt").setLevel(logging.CRITICAL)
        self._closed_hosts: dict[str, FetchError] = {}
        self._errors: dict[str, FetchError] = {}  # by host, until they are reported

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        """Refuse a request that the rules close. Scrapy calls this."""
        error = self._closed_hosts.get(urlsplit(request.url).netloc)
        if error is not None:
            raise RequestRefused(error.reason, error.detail, error.outcome)
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest:
            raise RequestRefused(Reason.ROBOTS, "robots.txt does not allow it") from None

    def may_fetch(self, url: str) -> bool:
        """Return whether the rules of its host allow a URL.

        Only rules that were already read for another URL count.

        Args:
            url: An absolute URL.

        Returns:
            True also for a host whose rules were not read yet: the request itself waits for them.
        """
        netloc = urlsplit(url).netloc
        if netloc in self._closed_hosts:
            return False
        rules, agent = self._parsers.get(netloc), self._robotstxt_useragent or "*"
        return rules.allowed(url, agent) if isinstance(rules, RobotParser) else True

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == 429:
            self._close(netloc, f"robots.txt answered {response.status}")
        await self._report(netloc, response)
        # The body of an error page holds no rules.
        rules = response.body[:MAX_ROBOTS_BYTES] if response.status == 200 else b""
        await super()._parse_robots(response.replace(body=rules), netloc, request)

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """Return the rules of a host. Scrapy calls this.

        Args:
            request: A request to that host.

        Returns:
            The rules; None where the host has none.
        """
        rules = await super().robot_parser(request)
        parts = urlsplit(request.url)
        error = self._errors.pop(parts.netloc, None)
        observer = self._observer()
        if error is not None and observer is not None:
            await observer.robots_failed(f"{parts.scheme}://{parts.netloc}/robots.txt", error)
        return rules

    async def _report(self, netloc: str, response: Response) -> None:
        """Hand the answer to whoever keeps it, before a page is fetched under its rules."""
        observer = self._observer()
        if observer is not None:
            scheme = urlsplit(response.url).scheme
            await observer.robots_answered(f"{scheme}://{netloc}/robots.txt", response)

    def _observer(self) -> RobotsObserver | None:
        observer: RobotsObserver | None = getattr(self.crawler.spider, "robots_observer", None)
        return observer

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        error = classify_error(exc)
        self._errors[netloc] = error
        log.warning("robots.txt of %s: %s", netloc, error.detail)
        if error.reason in HOST_ERRORS:  # the page would get the same error
            self._closed_hosts[netloc] = error
        elif error.reason is not Reason.HTTP_REDIRECT:
            # RFC 9309 treats too many redirects as "unavailable", like a 404.
            self._close(netloc, f"robots.txt could not be fetched ({error.detail})")
        super()._robots_error(exc, netloc)

    def _close(self, netloc: str, cause: str) -> None:
        detail = f"{cause}, so nothing may be fetched"
        self._closed_hosts[netloc] = FetchError(Outcome.REFUSED, Reason.ROBOTS_UNREACHABLE, detail)


class CrawlDelayThrottle(AutoThrottle):
    """AutoThrottle that also keeps a Crawl-delay, and slows down for overloaded servers.

    Args:
        crawler: The running Scrapy crawler.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._min_delays: dict[str, float] = {}  # by host
        crawler.signals.connect(self._robots_parsed, signal=signals.robots_parsed)

    def _robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        agent = self.crawler.settings["ROBOTSTXT_USER_AGENT"]
        min_delay = min(robotparser.crawl_delay(agent) or 0.0, MAX_CRAWL_DELAY)
        host = urlsplit(request.url).hostname or ""
        if min_delay <= self._min_delays.get(host, self.mindelay):
            return
        self._min_delays[host] = min_delay
        downloader = self.crawler.engine.downloader
        # For the slot that Scrapy creates again after a pause
        downloader.per_slot_settings[host] = {"delay": min_delay}
        if host in downloader.slots:
            downloader.slots[host].delay = min_delay

    def _response_downloaded(self, response: Response, request: Request, spider: Spider) -> None:
        super()._response_downloaded(response, request, spider)
        key, slot = self._get_slot(request, spider)
        if slot is not None and key is not None:
            self._apply_server_limits(slot, self._min_delays.get(key, 0.0), response)

    def _apply_server_limits(self, slot: Slot, min_delay: float, response: Response) -> None:
        slot.delay = max(slot.delay, min_delay)
        if response.status not in (429, 503):
            return
        header = (response.headers.get("Retry-After") or b"").decode("ascii", "replace")
        retry_after = parse_retry_after(header, datetime.now(UTC)).total_seconds()
        if retry_after > MAX_WAIT_SECONDS:  # it concerns one page, or `rate_limit` drops the host
            retry_after = 0.0
        delay = max(2 * slot.delay, OVERLOAD_PAUSE, retry_after)
        slot.delay = min(delay, max(self.maxdelay, slot.delay))
