"""The probing spider: looks at a site once, through the same guards as a crawl, and tells what it has to offer.

Promises an end within a number of requests and a time, robots.txt and redirects counted, at the site's own pace; and an answer
for each place that was asked. Nothing is archived. What to ask next is decided in `places`, what follows from it in the parent.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from scrapy import Request, Spider, signals
from scrapy.http import Response
from scrapy.robotstxt import RobotParser

from crawler.capture import (
    RENDER_META,
    apply_opt_outs,
    capture_error,
    capture_response,
    without_credentials,
)
from crawler.discovery.discover import decompress_gzip, read_section
from crawler.discovery.feeds import read_feed
from crawler.discovery.links import LinkListing, plain_text
from crawler.discovery.sitemaps import read_sitemap
from crawler.events import EventWriter
from crawler.http.fetch_errors import FetchError, classify_error
from crawler.probe import candidates
from crawler.probe.front_page import parse_front_page
from pipeline.core.errors import NightdeskError
from pipeline.core.models import Capture, DueUrl, Outcome, Reason, UrlKind
from pipeline.core.urls import canonicalize, resolve_href, url_key
from pipeline.process_messages import (
    MAX_SAMPLES,
    DiscoveryMethod,
    FrontPage,
    ProbedSource,
    ProbeJob,
    ProbeResult,
    RememberedLink,
    SamplePage,
    parent_domain,
)

REMEMBERED: Final = 300  # links of one place
MOST: Final = {
    DiscoveryMethod.DECLARED: 6,
    DiscoveryMethod.LINKED: 4,
    DiscoveryMethod.ROBOTS: 4,
    DiscoveryMethod.INDEX: 3,
    DiscoveryMethod.MENU: 6,
}
LOOKING: Final = 0.65  # share of the time that may go by before the samples
DATED = re.compile(
    rb"<(?:pubDate|updated|published|dc:date|(?:news:)?publication_date)>[^<]{8,60}<", re.I
)
CLOCK = re.compile(rb"(?:([+-])(\d\d):?(\d\d)|(GMT|UTC?|Z))\s*<$")
TITLE = re.compile(rb"<title[^>]*>(?:\s*<!\[CDATA\[)?(.*?)(?:\]\]>\s*)?</title>", re.I | re.S)
FEED_START = re.compile(rb"<(?:rss|feed|rdf:RDF)[\s>]|\"https?://jsonfeed\.org/", re.I)
TOO_LONG: Final = FetchError(
    Outcome.DEFERRED, Reason.TRY_AGAIN, "asks us to wait for longer than a probe takes"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProbeFetch:
    """One answer, or why there is none."""

    capture: Capture
    response: Response | None = None

    @property
    def url(self) -> str:
        return without_credentials(self.response.url) if self.response is not None else ""


class ProbeSpider(Spider):
    """Probes one site. `findings` is set when it is over, or `trouble` where it broke off."""

    name = "probe"

    def __init__(self, job: ProbeJob, tell: EventWriter, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.site = job.crawl_job.site
        self.tell = tell
        self.result: ProbeResult | None = None
        self.error_message = "the probe was ended by a signal"
        self._front = FrontPage(url=self.site.url, outcome=Outcome.DEFERRED)
        self._places: list[ProbedSource] = []
        self._samples: list[SamplePage] = []
        self._robots_maps: list[str] = []
        self._crawl_delay = 0.0
        self._asked: set[str] = set()
        self._started = time.monotonic()
        self._ended = ""

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> ProbeSpider:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider._robots_parsed, signal=signals.robots_parsed)
        return spider

    def _robots_parsed(self, robotparser: RobotParser, request: Request) -> None:
        self._robots_maps += [
            str(url) for url in getattr(getattr(robotparser, "rp", None), "sitemaps", ())
        ]
        self._crawl_delay = max(
            self._crawl_delay, robotparser.crawl_delay(self.settings["ROBOTSTXT_USER_AGENT"]) or 0.0
        )

    async def start(self) -> AsyncIterator[Request]:
        """The whole probe. Nothing is yielded: Scrapy keeps the spider open until this ends."""
        try:
            await self._probe()
            self.result = self._told()
        except NightdeskError as error:  # no browser starts
            self.error_message = str(error)
        except Exception as error:
            log.exception("the probe of %s broke off", self.site.url)
            self.error_message = f"unexpected {type(error).__name__}; the log has a traceback"
        return
        yield  # makes this the asynchronous generator that Scrapy asks for

    def _told(self) -> ProbeResult:
        return ProbeResult(
            front=self._front,
            sources=tuple(self._places),
            samples=tuple(self._samples),
            crawl_delay=self._crawl_delay,
            requests=self._used,
            seconds=round(time.monotonic() - self._started, 1),
            stop_reason=self._ended,
        )

    # the way through a site

    async def _probe(self) -> None:
        await self._meet_front()
        given = self.site.sources if self.job.is_known_site else ()
        for place in given:
            await self._place(place.url, place.kind, DiscoveryMethod.GIVEN)
        for url in () if self.job.is_known_site else self.site.feeds:
            await self._place(url, UrlKind.FEED, DiscoveryMethod.GIVEN)
        if self._front.outcome is not Outcome.FETCHED:
            if not any(place.works for place in self._places):
                return
        else:
            await self._find_feeds()
            await self._find_sitemaps()
            await self._find_sections()
        await self._take_samples()

    async def _meet_front(self) -> None:
        """The front page; or, where the address is a feed's, that feed and the front page of its host."""
        visit = await self._visit(self.site.url, UrlKind.SECTION)
        if (
            visit.response is not None
            and FEED_START.search(visit.response.body[:1000])
            and visit.response.status == 200
        ):
            await self._read_place(self.site.url, UrlKind.FEED, DiscoveryMethod.GIVEN, visit)
            visit = await self._visit(_home_of(self._places[-1], visit.url), UrlKind.SECTION)
        capture = visit.capture
        if capture.outcome is not Outcome.FETCHED or visit.response is None:
            self._front = FrontPage(
                url=visit.url or self.site.url, outcome=capture.outcome, reason=capture.reason, detail=capture.detail,
                status=capture.status,
            )  # fmt: skip
            return
        kind = capture.headers.get("content-type", "")
        body = decompress_gzip(visit.response.body, self.site.safety.max_bytes)
        if isinstance(body, bytes):
            self._front = await asyncio.to_thread(
                parse_front_page, body, visit.url, kind, capture.status or 0
            )
        if not (
            self.job.is_known_site
            and url_key(visit.url) in {url_key(place.url) for place in self.site.sources}
        ):
            await self._read_place(visit.url, UrlKind.SECTION, DiscoveryMethod.FRONT, visit)

    async def _find_feeds(self) -> None:
        for url in self._front.feeds[: MOST[DiscoveryMethod.DECLARED]]:
            await self._place(url, UrlKind.FEED, DiscoveryMethod.DECLARED)
        if self._has(UrlKind.FEED):
            return
        for url in self._front.feed_links[: MOST[DiscoveryMethod.LINKED]]:
            await self._place(url, UrlKind.FEED, DiscoveryMethod.LINKED)
        for url in candidates.common_feed_urls(self._front):
            if self._has(UrlKind.FEED):
                return
            await self._place(url, UrlKind.FEED, DiscoveryMethod.USUAL)

    async def _find_sitemaps(self) -> None:
        named = (url for each in self._robots_maps if (url := resolve_href(self._front.url, each)))
        for url in candidates.news_sitemaps_first(named)[: MOST[DiscoveryMethod.ROBOTS]]:
            await self._sitemap(url, DiscoveryMethod.ROBOTS)
        for url in candidates.common_sitemap_urls(self._front):
            if self._has(UrlKind.SITEMAP):
                return
            await self._sitemap(url, DiscoveryMethod.USUAL)

    async def _sitemap(self, url: str, way: DiscoveryMethod) -> None:
        found = await self._place(url, UrlKind.SITEMAP, way)
        if found is None or not found.children:
            return
        index = [RememberedLink(url=each) for each in found.children]
        for child in candidates.child_sitemaps(index, found.children, MOST[DiscoveryMethod.INDEX]):
            await self._place(child, UrlKind.SITEMAP, DiscoveryMethod.INDEX)

    async def _find_sections(self) -> None:
        for url in candidates.section_urls(self._front, self._owns, MOST[DiscoveryMethod.MENU]):
            await self._place(url, UrlKind.SECTION, DiscoveryMethod.MENU)

    async def _take_samples(self) -> None:
        for url, kind in candidates.sample_urls(self._front, self._places, self._owns, MAX_SAMPLES):
            if not self._has_room(0):
                return
            visit = await self._visit(url, UrlKind.STORY)
            capture = visit.capture
            file = f"{len(self._samples)}.page" if capture.body else ""
            if capture.body:
                (Path(self.job.folder) / file).write_bytes(capture.body)
            self._samples.append(
                SamplePage(
                    url=url, found_on=kind, outcome=capture.outcome, reason=capture.reason, detail=capture.detail,
                    status=capture.status, final_url=visit.url, charset=capture.charset, file=file,
                )
            )  # fmt: skip

    # one place

    async def _place(self, url: str, kind: UrlKind, way: DiscoveryMethod) -> ProbedSource | None:
        """Asks a place, unless it was asked or the budget says no."""
        try:
            key = url_key(url)
        except ValueError:
            return None
        if key in self._asked or not self._has_room(MAX_SAMPLES, LOOKING):
            return None
        return await self._read_place(url, kind, way, await self._visit(url, kind))

    async def _read_place(
        self, url: str, kind: UrlKind, way: DiscoveryMethod, visit: ProbeFetch
    ) -> ProbedSource:
        self._asked.add(url_key(url))
        capture, found = visit.capture, LinkListing()
        values: dict[str, Any] = {}
        if visit.response is not None and (
            capture.outcome is Outcome.FETCHED or (kind is UrlKind.FEED and capture.status == 200)
        ):
            found, values = await asyncio.to_thread(self._read, kind, visit.response)
            if found.was_read:
                capture = capture_response(
                    _due(url, UrlKind.FEED), visit.response, capture.fetched_at, conditional=False
                )
        reason, detail = (
            (found.reason, found.detail) if found.reason else (capture.reason, capture.detail)
        )
        failed = capture.outcome is Outcome.FETCHED and not found.was_read
        probed = ProbedSource(
            url=url, kind=kind, discovered_by=way, outcome=Outcome.FAILED if failed else capture.outcome, reason=reason, detail=detail,
            status=capture.status, **values,
        )  # fmt: skip
        self._places.append(probed)
        return probed

    def _read(self, kind: UrlKind, response: Response) -> tuple[LinkListing, dict[str, Any]]:
        """In a thread, as in a crawl: a hostile feed takes seconds."""
        body = decompress_gzip(response.body, self.site.safety.max_bytes)
        if isinstance(body, LinkListing):
            return body, {}
        content_type = (response.headers.get("Content-Type") or b"").decode("ascii", "replace")
        if kind is UrlKind.FEED:
            found = read_feed(body, response.url, content_type)
        elif kind is UrlKind.SITEMAP:
            found = read_sitemap(body, response.url, "UTC")
        else:
            found = read_section(body, response.url, content_type, self._owns)
        return found, _values(kind, body, found)

    def _owns(self, url: str) -> bool:
        """Also sister hosts: which of them belong to the site shows in its feeds."""
        return parent_domain(url) == parent_domain(self._front.url)

    def _has(self, kind: UrlKind) -> bool:
        """Whether a place of this kind shows stories of the site."""
        return any(
            place.kind is kind
            and place.works
            and (place.children or any(self._owns(link.url) for link in place.links))
            for place in self._places
        )

    # one request

    async def _visit(self, url: str, kind: UrlKind) -> ProbeFetch:
        at, due = datetime.now(UTC), _due(url, kind)
        try:
            meta = {RENDER_META: True} if self.site.renders(kind) else {}
            request = self.crawler.engine.download_async(
                Request(without_credentials(url), meta=meta)
            )
            response = await asyncio.wait_for(request, self._time_left())
            agent = self.settings["ROBOTSTXT_USER_AGENT"]
            capture = capture_response(due, response, at, conditional=False, agent=agent)
            visit = ProbeFetch(
                apply_opt_outs(capture, self.site.politeness) if kind is UrlKind.STORY else capture,
                response,
            )
        except NightdeskError:
            raise
        except TimeoutError:  # a host that asked us to wait is waited for
            visit = ProbeFetch(capture_error(due, TOO_LONG, at))
        except Exception as error:
            trouble = classify_error(error)
            if trouble.reason is Reason.INTERNAL:
                log.exception("%s: fetching it failed", without_credentials(url))
            visit = ProbeFetch(capture_error(due, trouble, at))
        self.tell.probe_fetched(url, kind, visit.capture)
        return visit

    def _time_left(self) -> float:
        """Seconds for one request: to the end of the probe, and as long as an answer may take."""
        return (
            max(0.0, self.job.seconds - (time.monotonic() - self._started))
            + self.site.politeness.timeout
        )

    @property
    def _used(self) -> int:
        """Requests so far: those for robots.txt, those again and those that redirects cost among them."""
        return int(self.crawler.stats.get_value("downloader/request_count", 0))

    def _has_room(self, kept: int, share: float = 1.0) -> bool:
        """Whether another request may be made when so many are kept back."""
        if self._used >= self.job.requests - kept:
            self._ended = self._ended or f"after {self.job.requests} requests"
            return False
        if time.monotonic() - self._started > self.job.seconds * share:
            self._ended = self._ended or f"after {self.job.seconds:g} s"
            return False
        return True


def _due(url: str, kind: UrlKind) -> DueUrl:
    return DueUrl(0, url, kind, datetime.now(UTC))


def _home_of(feed: ProbedSource, url: str) -> str:
    """Where the stories of a feed live: a feed may be served from elsewhere."""
    hosts = Counter(urljoin(link.url, "/") for link in feed.links)
    own = urljoin(url, "/")
    return own if own in hosts or not hosts else hosts.most_common(1)[0][0]


def _values(kind: UrlKind, body: bytes, found: LinkListing) -> dict[str, Any]:
    """What is remembered of a place."""
    stories = [link for link in found.links if link.kind is UrlKind.STORY]
    inner = sorted(
        (link for link in found.links if link.kind is not UrlKind.STORY),
        key=lambda link: link.modified_at or datetime.min.replace(tzinfo=UTC),
        reverse=True,
    )
    dates = [at for link in stories if (at := link.published_at or link.modified_at) is not None]
    if kind is UrlKind.SITEMAP and dates:  # its newest, wherever in it they stand
        stories.sort(
            key=lambda link: (
                link.published_at or link.modified_at or datetime.min.replace(tzinfo=UTC)
            ),
            reverse=True,
        )
    title = TITLE.search(body, 0, 5000) if kind is UrlKind.FEED else None
    return {
        "title": plain_text(title.group(1).decode("utf8", "replace"))[:200] if title else "",
        "total": len(stories),
        "links": tuple(
            RememberedLink(
                url=link.url, title=link.title, is_dated=bool(link.published_at or link.modified_at)
            )
            for link in _usable(stories)
        ),
        "children": tuple(link.url for link in inner)[:REMEMBERED],
        "is_news": kind is UrlKind.SITEMAP and b"publication_date" in body[:20_000],
        "newest": max(dates, default=None),
        "clocks": _clocks(body) if kind is not UrlKind.SECTION else {},
    }


def _usable(stories: Iterable[Any]) -> list[Any]:
    """The first links of a place, without what is no usable address."""
    return [link for link in stories if _is_url(link.url)][:REMEMBERED]


def _is_url(url: str) -> bool:
    try:
        return len(canonicalize(url)) < 2000
    except ValueError:
        return False


def _clocks(body: bytes) -> dict[int, int]:
    """Which clocks the dates of a feed or sitemap name, and how often. Readers of Links have them in UTC already."""
    found: Counter[int] = Counter()
    for date in DATED.findall(body, 0, 500_000):
        clock = CLOCK.search(date)
        if clock:
            sign, hours, minutes, _ = clock.groups()
            found[
                (int(hours) * 60 + int(minutes)) * (-1 if sign == b"-" else 1) if sign else 0
            ] += 1
    return dict(found)
