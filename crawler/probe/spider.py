"""The probe spider: fetches a few pages of a site through the guards of a crawl, archives none.

It ends within a number of requests and a time limit. `candidates` decides what to fetch next, and
the parent process decides what follows from the result.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

from crawler.capture import apply_opt_outs, capture_error, capture_response
from crawler.discovery.discover import decompress_gzip, read_section
from crawler.discovery.feeds import read_feed
from crawler.discovery.links import LinkListing
from crawler.discovery.sitemaps import read_sitemap
from crawler.events import EventWriter
from crawler.fetcher import FetchResult, PageFetcher
from crawler.http.fetch_errors import FetchError
from crawler.probe import candidates
from crawler.probe.front_page import parse_front_page
from crawler.probe.source_summary import SourceSummary, summarize_source
from pipeline.core.errors import NightdeskError
from pipeline.core.models import DueUrl, Outcome, Reason, UrlKind
from pipeline.core.urls import parent_domain, resolve_href, url_key
from pipeline.process_messages import (
    MAX_SAMPLES,
    DiscoveryMethod,
    FrontPage,
    ProbedSource,
    ProbeJob,
    ProbeResult,
    RememberedLink,
    SamplePage,
)

MAX_SOURCES: Final = {
    DiscoveryMethod.DECLARED: 6,
    DiscoveryMethod.LINKED: 4,
    DiscoveryMethod.ROBOTS: 4,
    DiscoveryMethod.INDEX: 3,
    DiscoveryMethod.MENU: 6,
    DiscoveryMethod.NEXT: 2,
}
SOURCE_TIME_SHARE: Final = 0.65  # of the probe's time; the rest is for the samples
FEED_START = re.compile(rb"<(?:rss|feed|rdf:RDF)[\s>]|\"https?://jsonfeed\.org/", re.I)
WAIT_TOO_LONG: Final = FetchError(
    Outcome.DEFERRED, Reason.TRY_AGAIN, "asks us to wait longer than a probe takes"
)

log = logging.getLogger(__name__)


class ProbeSpider(Spider):
    """Probe one site.

    After the run `result` has the result, or `error_message` says why there is none.

    Args:
        job: The site and the limits.
        events: Receives the progress.
        **kwargs: Values for Scrapy's Spider.
    """

    name = "probe"
    _fetcher: PageFetcher

    def __init__(self, job: ProbeJob, events: EventWriter, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.site = job.crawl_job.site
        self.events = events
        self.result: ProbeResult | None = None
        self.error_message = "the probe was ended by a signal"
        self._front = FrontPage(url=self.site.url, outcome=Outcome.DEFERRED)
        self._sources: list[ProbedSource] = []
        self._samples: list[SamplePage] = []
        self._robots_sitemaps: list[str] = []
        self._crawl_delay = 0.0
        self._fetched_keys: set[str] = set()
        self._started = time.monotonic()
        self._stop_reason = ""

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> ProbeSpider:
        """Create the spider, which reads robots.txt through Scrapy's signal.

        Args:
            crawler: Scrapy's crawler.
            *args: Positional arguments of the spider.
            **kwargs: Keyword arguments of the spider: the job and the event writer.

        Returns:
            The spider.
        """
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider._fetcher = PageFetcher(crawler, spider.site)
        crawler.signals.connect(spider._robots_parsed, signal=signals.robots_parsed)
        return spider

    def _robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        sitemaps = getattr(getattr(robotparser, "rp", None), "sitemaps", ())
        self._robots_sitemaps += map(str, sitemaps)
        delay = robotparser.crawl_delay(self.settings["ROBOTSTXT_USER_AGENT"]) or 0.0
        self._crawl_delay = max(self._crawl_delay, delay)

    async def start(self) -> AsyncIterator[Request]:
        """Run the whole probe.

        Yields nothing: Scrapy keeps the spider open until this method ends.
        """
        try:
            await self._probe()
            self.result = self._make_result()
        except NightdeskError as error:  # the browser cannot be started
            self.error_message = str(error)
        except Exception as error:
            log.exception("the probe of %s failed", self.site.url)
            self.error_message = f"unexpected {type(error).__name__}; the log has a traceback"
        return
        yield  # makes this the asynchronous generator that Scrapy expects

    def _make_result(self) -> ProbeResult:
        return ProbeResult(
            front=self._front,
            sources=tuple(self._sources),
            samples=tuple(self._samples),
            crawl_delay=self._crawl_delay,
            requests=self._request_count,
            seconds=round(time.monotonic() - self._started, 1),
            stop_reason=self._stop_reason,
        )

    # The steps of a probe

    async def _probe(self) -> None:
        await self._probe_front_page()
        await self._probe_given_sources()
        if self._front.outcome is Outcome.FETCHED:
            await self._find_feeds()
            await self._find_sitemaps()
            await self._find_sections()
            await self._find_next_pages()
        elif not any(source.works for source in self._sources):
            return
        await self._fetch_samples()

    async def _probe_given_sources(self) -> None:
        if self.job.is_known_site:
            for source in self.site.sources:
                await self._probe_source(source.url, source.kind, DiscoveryMethod.GIVEN)
            return
        for url in self.site.feeds:
            await self._probe_source(url, UrlKind.FEED, DiscoveryMethod.GIVEN)
        for url in self.site.sitemaps:
            await self._probe_sitemap(url, DiscoveryMethod.GIVEN)

    async def _probe_front_page(self) -> None:
        """Probe the front page; where the URL is a feed's, that feed and its host's front page."""
        fetched = await self._fetch(self.site.url, UrlKind.SECTION)
        response = fetched.response
        if response is not None and _is_feed(response):
            feed = await self._add_source(
                self.site.url, UrlKind.FEED, DiscoveryMethod.GIVEN, fetched
            )
            home = _home_of_stories(feed, fetched.final_url)
            fetched = await self._fetch(home, UrlKind.SECTION)
        capture, url = fetched.capture, fetched.final_url
        if capture.outcome is not Outcome.FETCHED or fetched.response is None:
            self._front = FrontPage(
                url=url or self.site.url,
                outcome=capture.outcome,
                reason=capture.reason,
                detail=capture.detail,
                status=capture.status,
            )
            return
        content_type = capture.headers.get("content-type", "")
        body = decompress_gzip(fetched.response.body, self.site.safety.max_bytes)
        if isinstance(body, bytes):
            self._front = await asyncio.to_thread(
                parse_front_page, body, url, content_type, capture.status or 0
            )
        if not self._is_given_source(url):
            await self._add_source(url, UrlKind.SECTION, DiscoveryMethod.FRONT, fetched)

    def _is_given_source(self, url: str) -> bool:
        """Whether a URL is among the sources of a known site, and is probed as such."""
        if not self.job.is_known_site:
            return False
        return url_key(url) in {url_key(source.url) for source in self.site.sources}

    async def _find_feeds(self) -> None:
        for url in self._front.feeds[: MAX_SOURCES[DiscoveryMethod.DECLARED]]:
            await self._probe_source(url, UrlKind.FEED, DiscoveryMethod.DECLARED)
        if self._has_source(UrlKind.FEED):
            return
        for url in self._front.feed_links[: MAX_SOURCES[DiscoveryMethod.LINKED]]:
            await self._probe_source(url, UrlKind.FEED, DiscoveryMethod.LINKED)
        for url in candidates.common_feed_urls(self._front):
            if self._has_source(UrlKind.FEED):
                return
            await self._probe_source(url, UrlKind.FEED, DiscoveryMethod.USUAL)

    async def _find_sitemaps(self) -> None:
        named: list[str] = []
        for text in self._robots_sitemaps:
            url = resolve_href(self._front.url, text)
            if url:
                named.append(url)
        ordered = candidates.news_sitemaps_first(named)
        for url in ordered[: MAX_SOURCES[DiscoveryMethod.ROBOTS]]:
            await self._probe_sitemap(url, DiscoveryMethod.ROBOTS)
        for url in candidates.common_sitemap_urls(self._front):
            if self._has_source(UrlKind.SITEMAP):
                return
            await self._probe_sitemap(url, DiscoveryMethod.USUAL)

    async def _probe_sitemap(self, url: str, discovered_by: DiscoveryMethod) -> None:
        sitemap = await self._probe_source(url, UrlKind.SITEMAP, discovered_by)
        if sitemap is None or not sitemap.children:
            return
        index = [RememberedLink(url=child) for child in sitemap.children]
        limit = MAX_SOURCES[DiscoveryMethod.INDEX]
        for child in candidates.child_sitemaps(index, sitemap.children, limit):
            await self._probe_source(child, UrlKind.SITEMAP, DiscoveryMethod.INDEX)

    async def _find_sections(self) -> None:
        limit = MAX_SOURCES[DiscoveryMethod.MENU]
        for url in candidates.section_urls(self._front, self._owns, limit):
            await self._probe_source(url, UrlKind.SECTION, DiscoveryMethod.MENU)

    async def _find_next_pages(self) -> None:
        """Look at the next pages of the first sections that have one."""
        next_pages = [source.next_page for source in self._sources if source.next_page]
        for url in list(dict.fromkeys(next_pages))[: MAX_SOURCES[DiscoveryMethod.NEXT]]:
            if self._owns(url):
                await self._probe_source(url, UrlKind.SECTION, DiscoveryMethod.NEXT)

    async def _fetch_samples(self) -> None:
        samples = candidates.sample_urls(self._front, self._sources, self._owns, MAX_SAMPLES)
        for sample in samples:
            if not self._has_budget(reserved=0):
                return
            fetched = await self._fetch(sample.url, UrlKind.STORY)
            capture = fetched.capture
            file = f"{len(self._samples)}.page" if capture.body else ""
            if capture.body:
                (Path(self.job.folder) / file).write_bytes(capture.body)
            page = SamplePage(
                url=sample.url,
                found_on=sample.found_on,
                outcome=capture.outcome,
                reason=capture.reason,
                detail=capture.detail,
                status=capture.status,
                final_url=fetched.final_url,
                charset=capture.charset,
                file=file,
            )
            self._samples.append(page)

    # One source

    async def _probe_source(
        self, url: str, kind: UrlKind, discovered_by: DiscoveryMethod
    ) -> ProbedSource | None:
        """Fetch a source, unless it was fetched before or the budget is used up."""
        try:
            key = url_key(url)
        except ValueError:
            return None
        if key in self._fetched_keys:
            return None
        if not self._has_budget(reserved=MAX_SAMPLES, time_share=SOURCE_TIME_SHARE):
            return None
        return await self._add_source(url, kind, discovered_by, await self._fetch(url, kind))

    async def _add_source(
        self, url: str, kind: UrlKind, discovered_by: DiscoveryMethod, fetched: FetchResult
    ) -> ProbedSource:
        self._fetched_keys.add(url_key(url))
        capture, response = fetched.capture, fetched.response
        listing, summary = LinkListing(), SourceSummary()
        may_be_feed = kind is UrlKind.FEED and capture.status == 200
        if response is not None and (capture.outcome is Outcome.FETCHED or may_be_feed):
            listing, summary = await asyncio.to_thread(self._read_source, kind, response)
            if listing.was_read:  # it may have been fetched as a front page, which has to be HTML
                due = _due(url, UrlKind.FEED)
                capture = capture_response(due, response, capture.fetched_at, conditional=False)
        outcome, reason, detail = capture.outcome, capture.reason, capture.detail
        if listing.reason:
            reason, detail = listing.reason, listing.detail
        if outcome is Outcome.FETCHED and not listing.was_read:
            outcome = Outcome.FAILED
        source = ProbedSource(
            url=url,
            kind=kind,
            discovered_by=discovered_by,
            outcome=outcome,
            reason=reason,
            detail=detail,
            status=capture.status,
            title=summary.title,
            link_count=summary.link_count,
            links=summary.links,
            children=summary.children,
            is_news=summary.is_news,
            newest=summary.newest,
            next_page=listing.next_page if kind is UrlKind.SECTION else "",
            utc_offsets=summary.utc_offsets,
        )
        self._sources.append(source)
        return source

    def _read_source(self, kind: UrlKind, response: Response) -> tuple[LinkListing, SourceSummary]:
        """Read a source in a thread, as in a crawl: a hostile feed takes seconds."""
        body = decompress_gzip(response.body, self.site.safety.max_bytes)
        if isinstance(body, LinkListing):
            return body, SourceSummary()
        content_type = (response.headers.get("Content-Type") or b"").decode("ascii", "replace")
        if kind is UrlKind.FEED:
            listing = read_feed(body, response.url, content_type)
        elif kind is UrlKind.SITEMAP:
            listing = read_sitemap(body, response.url, "UTC")
        else:
            listing = read_section(body, response.url, content_type, self._owns)
        return listing, summarize_source(kind, body, listing)

    def _owns(self, url: str) -> bool:
        """Also sister hosts: the feeds show which of them belong to the site."""
        return parent_domain(url) == parent_domain(self._front.url)

    def _has_source(self, kind: UrlKind) -> bool:
        """Whether a source of this kind shows stories of the site."""
        for source in self._sources:
            if source.kind is not kind or not source.works:
                continue
            if source.children or any(self._owns(link.url) for link in source.links):
                return True
        return False

    # One request

    async def _fetch(self, url: str, kind: UrlKind) -> FetchResult:
        fetched_at, due = datetime.now(UTC), _due(url, kind)
        fetch = self._fetcher.fetch(due, follow_redirects=True)
        try:
            fetched = await asyncio.wait_for(fetch, self._time_left())
        except TimeoutError:  # the host asked us to wait
            fetched = FetchResult(capture_error(due, WAIT_TOO_LONG, fetched_at))
        if kind is UrlKind.STORY:
            capture = apply_opt_outs(fetched.capture, self.site.politeness)
            fetched = FetchResult(capture, fetched.response)
        self.events.probe_fetched(url, kind, fetched.capture)
        return fetched

    def _time_left(self) -> float:
        """Seconds for one request: up to the end of the probe, and one full answer more."""
        left = self.job.seconds - (time.monotonic() - self._started)
        return max(0.0, left) + self.site.politeness.timeout

    @property
    def _request_count(self) -> int:
        """Requests so far, including robots.txt, retries and redirects."""
        return int(self.crawler.stats.get_value("downloader/request_count", 0))

    def _has_budget(self, *, reserved: int, time_share: float = 1.0) -> bool:
        """Whether another request may be made.

        Args:
            reserved: Requests that are kept for later.
            time_share: The share of the time that may be used up.
        """
        if self._request_count >= self.job.requests - reserved:
            self._stop_reason = self._stop_reason or f"after {self.job.requests} requests"
            return False
        if time.monotonic() - self._started > self.job.seconds * time_share:
            self._stop_reason = self._stop_reason or f"after {self.job.seconds:g} s"
            return False
        return True


def _due(url: str, kind: UrlKind) -> DueUrl:
    return DueUrl(0, url, kind, datetime.now(UTC))


def _is_feed(response: Response) -> bool:
    return response.status == 200 and FEED_START.search(response.body[:1000]) is not None


def _home_of_stories(feed: ProbedSource, url: str) -> str:
    """The root of the host of most stories: a feed may be served from another host."""
    counts = Counter(urljoin(link.url, "/") for link in feed.links)
    own_home = urljoin(url, "/")
    if own_home in counts or not counts:
        return own_home
    return counts.most_common(1)[0][0]
