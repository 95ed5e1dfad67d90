"""The one spider: reads a Site's Places, then fetches its due Pages, and hands everything to the archive.

Promises that every request ends where it was made, as a Capture: requests are awaited (`engine.download_async`) and never put
into Scrapy's scheduler, so none can be dropped by a queue, a filter or a lost callback, and there is no batch to be waited for.
The frontier is the archive. What to fetch, when to come back and what an answer means is decided in pure modules beside this.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from scrapy import Request, Spider
from scrapy.http import Response

from crawler.archive_writer import BATCH_SIZE, ArchiveWriter
from crawler.capture import (
    RENDER_META,
    apply_opt_outs,
    capture_error,
    capture_response,
    without_credentials,
)
from crawler.discovery.discover import read_links
from crawler.discovery.links import LinkListing
from crawler.events import EventWriter
from crawler.http.fetch_errors import classify_error
from crawler.http.rate_limit import dropped_hosts
from crawler.link_policy import (
    NEVER,
    date_archive_pages,
    decide_redirect_target,
    is_next_page,
    links_since,
    newest_child_sitemaps,
    trusted_canonical_url,
)
from crawler.revisit import next_fetch_at
from crawler.scrapy_settings import MAX_REDIRECTS
from pipeline.config.site import Site, without_www
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import DiskError, NightdeskError
from pipeline.core.models import Capture, CrawlSource, DueUrl, Link, Outcome, Reason, UrlKind
from pipeline.core.urls import host_of, url_key
from pipeline.store.crawl.session import CrawlSession, Met, Visit

MAX_DEPTH = 3  # sitemap indexes inside each other
MAX_SITEMAPS = 200  # children of indexes in one Run
MAX_SITEMAPS_BACK = 2_000  # where the Run goes back in time
MAX_PAGES_BACK = 100  # of one list by date
LEASED = (16, 512)  # Pages leased at a time, at the least and at the most
LEASED_SECONDS = 5.0  # where they are fetched in less, twice as many are leased the next time
MAX_SILENCE = 10  # visits in a row to which the site gave no answer of use
SILENCE = (
    Reason.DNS,
    Reason.CONNECT,
    Reason.TIMEOUT,
    Reason.TLS,
    Reason.ROBOTS_UNREACHABLE,
    Reason.TRY_AGAIN,
)

E = TypeVar("E", bound=BaseException)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CrawlEnd:
    """How a crawl ended: what the Run is closed with."""

    status: str
    detail: str = ""
    deferred: Reason = Reason.INTERRUPTED
    error: NightdeskError | None = None


OUT_OF_MEMORY = CrawlEnd("failed", "the memory limit was reached; the rest stays due")


class NewsSpider(Spider):
    """Crawls one Site for one Run. `end` is set when it is over."""

    name = "news"

    def __init__(
        self, site: Site, archive: CrawlSession, desk: ArchiveWriter, run: int, tell: EventWriter, floor: DiskSpaceGuard | None = None,
        since: datetime | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.site = site
        self.since = since
        self.archive = archive
        self.desk = desk
        self.run = run
        self.tell = tell
        self.floor = floor or DiskSpaceGuard(Path(), 0)
        self.end = CrawlEnd("stopped", "ended by a signal")  # true until `start` says otherwise
        self._places: deque[tuple[DueUrl, int]] = deque()
        self._sitemaps_left = MAX_SITEMAPS if since is None else MAX_SITEMAPS_BACK
        self._places_read = 0
        self._older = self._undated = 0  # Links that a back-fill left out
        self._paged = set[str]()
        self._due: deque[DueUrl] = deque()
        self._hops: dict[str, int] = {}  # redirects that led to a Page, by its key
        self._refill = asyncio.Lock()
        self._keeping = set[asyncio.Task[None]]()
        self._room = asyncio.Semaphore(2 * BATCH_SIZE)  # one lot is kept while the next is fetched
        self._lease_size, self._leased_at = max(LEASED[0], 4 * site.politeness.concurrency), 0.0
        self._taken = 0
        self._silence = 0
        self._started = time.monotonic()

    async def start(self) -> AsyncIterator[Request]:
        """The whole crawl. Nothing is yielded: Scrapy keeps the spider open until this ends."""
        try:
            await self._meet_places()
            await self._crew(self._next_place)
            await self._crew(self._next_story)
            await self._all_kept()
            self.end = self._ended()
        except* NightdeskError as group:
            error = _first(group)
            self.end = CrawlEnd("failed", str(error), error=error)
        except* Exception as group:
            log.exception("the crawl of %s broke off", self.site.id)
            self.end = CrawlEnd(
                "failed",
                f"unexpected {type(_first(group)).__name__}; the log says more",
                Reason.INTERNAL,
            )
        return
        yield  # makes this the asynchronous generator that Scrapy asks for

    def closed(self, reason: str) -> None:
        """Scrapy's word on why it is over, for the one end that cuts `start` short and is no signal."""
        if reason == "memusage_exceeded":
            self.end = OUT_OF_MEMORY

    # Places

    async def _meet_places(self) -> None:
        """Enters all Places in the ledger before the first is asked, so that a Run that is cut short says which were not."""
        places = self.site.sources if self.since is None else await self._places_back(self.since)
        by_key = {url_key(place.url): place for place in reversed(places)}
        self._paged |= by_key.keys()
        for place in by_key.values():
            self._places.appendleft(
                (await self.desk.call(self.archive.meet_place, self.run, place), 0)
            )

    async def _places_back(self, since: datetime) -> tuple[CrawlSource, ...]:
        """What a back-fill reads: sitemaps, and the lists by date that were not read since they were complete."""
        lists = date_archive_pages(self.site, since, datetime.now(UTC))
        read = await self.desk.call(self.archive.last_read, [each.url for each in lists])
        left = [each.url for each in lists if read.get(each.url, NEVER) < each.complete_at]
        sitemaps = (place for place in self.site.sources if place.kind is UrlKind.SITEMAP)
        return (*sitemaps, *(CrawlSource(url, UrlKind.SECTION) for url in left))

    async def _next_place(self) -> bool:
        if not self._places or self.should_stop():
            return False
        due, depth = self._places.popleft()
        if self.since is not None:  # what is unchanged was read for the new stories alone
            due = replace(due, etag="", last_modified="")
        capture, response = await self._visit(due, follow=True)
        found = LinkListing()
        if response is not None and capture.outcome is Outcome.FETCHED:
            capture, found = await self._read(due, capture, response)
        self._places_read += capture.outcome in (Outcome.FETCHED, Outcome.UNCHANGED)
        await self._keep_place(due, capture, found, depth)
        return True

    async def _read(
        self, due: DueUrl, capture: Capture, response: Response
    ) -> tuple[Capture, LinkListing]:
        """In a thread: a hostile Feed takes seconds, and the answers to other requests are not to time out meanwhile."""
        content_type = capture.headers.get("content-type", "")
        try:
            found = await asyncio.to_thread(
                read_links, due.kind, response.body, response.url, content_type, self.site
            )
        except Exception as error:
            log.exception("%s: reading it failed", without_credentials(due.url))
            found = LinkListing((), Reason.INTERNAL, f"unexpected {type(error).__name__}")
        if not found.was_read:
            capture = replace(capture, outcome=Outcome.FAILED, body=None)
        if found.reason:
            capture = replace(capture, reason=found.reason, detail=found.detail)
        return capture, found

    async def _keep_place(
        self, due: DueUrl, capture: Capture, found: LinkListing, depth: int
    ) -> None:
        room = self._sitemaps_left if depth < MAX_DEPTH else 0
        offered = self._sifted(due, found.links)
        links = newest_child_sitemaps(offered, room)
        verdicts = tuple(self.site.decide(link, due.kind) for link in links)
        met = await self.desk.call(self.archive.keep_place, self.run, capture, verdicts, due.kind)
        self._sitemaps_left -= len(met.places)
        self._places.extend((child, depth + 1) for child in met.places)
        if len(links) < len(offered):
            log.warning(
                "%s: %d child sitemaps left out",
                without_credentials(due.url),
                len(offered) - len(links),
            )
        await self._read_on(due, found, met, depth)
        if (
            (depth or self.since)
            and due.kind is UrlKind.SECTION
            and capture.outcome not in (Outcome.FETCHED, Outcome.UNCHANGED)
        ):
            return  # a list that ends before its pages do, or a day without one, is no trouble of the site
        self.tell.source_fetched(
            due.url, capture, links=len(links), new=met.new, known=met.known, refused=met.refused
        )

    def _sifted(self, due: DueUrl, links: tuple[Link, ...]) -> tuple[Link, ...]:
        """The Links of a Place that a back-fill is after; all of them on an ordinary night, and of a list by date."""
        if self.since is None or due.kind is UrlKind.SECTION:
            return links
        sifted = links_since(links, self.since)
        self._older += sifted.older
        self._undated += sifted.undated
        return sifted.links

    async def _read_on(self, due: DueUrl, found: LinkListing, met: Met, depth: int) -> None:
        """Follows a section to its next page, while each page shows a story that is new; a list by date to its end."""
        going_back = self.since is not None
        if due.kind is not UrlKind.SECTION or not found.next_page or not (met.new or going_back):
            return
        if depth + 1 >= (MAX_PAGES_BACK if going_back else self.site.section_pages):
            return
        key = url_key(found.next_page)
        if key not in self._paged and is_next_page(self.site, found.next_page):
            self._paged.add(key)
            place = CrawlSource(found.next_page, UrlKind.SECTION)
            self._places.append(
                (await self.desk.call(self.archive.meet_place, self.run, place), depth + 1)
            )

    # stories

    async def _next_story(self) -> bool:
        due = await self._take()
        if due is None:
            return False
        refused = self.site.decide(
            Link(due.url), UrlKind.FEED
        )  # the site file may have changed since the Page was met
        if refused.reason:
            capture = Capture(due.page_id, datetime.now(UTC), refused.outcome, refused.reason)
        else:
            capture, _ = await self._visit(due, follow=False)
            capture = replace(
                capture, canonical_url=trusted_canonical_url(self.site, capture.canonical_url)
            )
            capture = self._followed(due, apply_opt_outs(capture, self.site.politeness))
        answered = capture.reason not in SILENCE and (capture.status or 0) < 500
        self._silence = 0 if answered else self._silence + 1
        await self._hand_over(due, capture)
        return True

    async def _hand_over(self, due: DueUrl, capture: Capture) -> None:
        """Gives a visit to be kept, and goes on while it is; waits only where many are waiting already."""
        await self._room.acquire()
        done = {task for task in self._keeping if task.done()}
        self._keeping -= done
        await asyncio.gather(*done)  # raises what went wrong
        keeping = asyncio.create_task(self._keep_story(due, capture))
        self._keeping.add(keeping)
        keeping.add_done_callback(lambda _: self._room.release())

    async def _keep_story(self, due: DueUrl, capture: Capture) -> None:
        decision = (
            decide_redirect_target(self.site, capture.location)
            if capture.outcome is Outcome.REDIRECTED
            else None
        )
        due_at = next_fetch_at(capture, due, self.site.revisit)
        outcome = await self.desk.save_capture(
            self.archive, self.run, Visit(capture, due_at, decision)
        )
        self.tell.page_fetched(due.url, capture, outcome)

    async def _all_kept(self) -> None:
        """Waits for what was handed over. Raises what keeping it raised."""
        while self._keeping:
            done, self._keeping = self._keeping, set()
            await asyncio.gather(*done)

    def _followed(self, due: DueUrl, capture: Capture) -> Capture:
        """The same, or a failure where as many redirects led here as are followed: a server makes up targets without end."""
        hops = self._hops.pop(url_key(due.url), 0) + 1
        if capture.outcome is not Outcome.REDIRECTED:
            return capture
        if hops > MAX_REDIRECTS:
            return replace(
                capture,
                outcome=Outcome.FAILED,
                detail=f"more than {MAX_REDIRECTS} redirects in a row",
            )
        self._hops[url_key(capture.location)] = hops
        return capture

    async def _take(self) -> DueUrl | None:
        """The next Page. Taken from the archive in small batches, because what is taken is leased."""
        if self.should_stop():
            return None
        async with self._refill:
            if not self._due and not await self._lease():
                await self._all_kept()  # a redirect's target is due once the redirect is kept
                await self._lease()
            return self._due.popleft() if self._due else None

    async def _lease(self) -> bool:
        """Takes more Pages that are due, if there are any and the night's budget allows them."""
        began = time.monotonic()
        if began - self._leased_at < LEASED_SECONDS:
            self._lease_size = min(2 * self._lease_size, LEASED[1])
        self._leased_at = began
        limit = min(self._lease_size, self.site.politeness.max_pages - self._taken)
        batch = await self.desk.call(self.archive.take_due, self.run, limit) if limit > 0 else ()
        self._due.extend(batch)
        self._taken += len(batch)
        if batch:
            self.tell.pages_leased(self._taken)
        return bool(batch)

    # both

    async def _crew(self, step: Callable[[], Awaitable[bool]]) -> None:
        """As many workers as the Site takes requests at a time; each goes on until a step of its own finds nothing. The one
        whose step brought new work takes a step after it, so nothing is left when all are done."""

        async def work() -> None:
            while await step():
                pass

        async with asyncio.TaskGroup() as crew:
            for _ in range(self.site.politeness.concurrency):
                crew.create_task(work())

    async def _visit(self, due: DueUrl, *, follow: bool) -> tuple[Capture, Response | None]:
        """One visit, whatever comes of it."""
        at = datetime.now(UTC)
        renders = self.site.renders(due.kind)
        try:
            request = _request(due, follow=follow, renders=renders)
            response = await self.crawler.engine.download_async(request)
        except NightdeskError:  # no browser starts: that is no fault of the page
            raise
        except Exception as error:
            trouble = classify_error(error)
            if trouble.reason is Reason.INTERNAL:
                log.exception("%s: fetching it failed", without_credentials(due.url))
            return capture_error(due, trouble, at), None
        validators = b"If-None-Match" in request.headers or b"If-Modified-Since" in request.headers
        agent = self.settings["ROBOTSTXT_USER_AGENT"]
        return capture_response(due, response, at, conditional=validators, agent=agent), response

    def should_stop(self) -> bool:
        """Whether nothing more is to be asked tonight."""
        spent = self._out_of_time() or self._out_of_bytes()
        return (
            spent
            or self._silence >= MAX_SILENCE
            or self._is_sent_away()
            or self._out_of_memory()
            or bool(self.floor.shortage())
        )

    def _is_sent_away(self) -> bool:
        """Whether the Site's own host asked us to stop; other hosts of it are refused one by one."""
        host = without_www(host_of(self.site.url))
        return any(without_www(left) == host for left in dropped_hosts(self.crawler.stats))

    def _out_of_bytes(self) -> bool:
        received = int(self.crawler.stats.get_value("downloader/response_bytes", 0))
        return received > self.site.politeness.max_megabytes * 2**20

    def _out_of_time(self) -> bool:
        return time.monotonic() - self._started > self.site.politeness.max_minutes * 60

    def _out_of_memory(self) -> bool:
        """Scrapy closes the spider then, but waits until no request is under way: so no new one is to be made."""
        return bool(self.crawler.stats.get_value("memusage/limit_reached"))

    def _ended(self) -> CrawlEnd:
        politeness = self.site.politeness
        if self._out_of_memory():
            return OUT_OF_MEMORY
        if low := self.floor.shortage():
            return CrawlEnd("failed", low, error=DiskError(low))
        if self._is_sent_away():
            detail = "the site answered 429, which asks us to stop; the rest stays due, and a longer delay may be of use"
            return CrawlEnd("failed", detail, Reason.TRY_AGAIN)
        if self._silence >= MAX_SILENCE:
            detail = f"{MAX_SILENCE} visits in a row brought no answer of use; the rest stays due"
            return CrawlEnd("failed", detail, Reason.TRY_AGAIN)
        if not self._places_read:
            return CrawlEnd(
                "failed",
                f"none of the {len(self._paged)} feeds, sitemaps and sections could be read",
            )
        if self._out_of_time():
            return CrawlEnd(
                "finished",
                f"max_minutes = {politeness.max_minutes:g} are over; the rest stays due",
                Reason.BUDGET,
            )
        if self._out_of_bytes():
            detail = (
                f"max_megabytes = {politeness.max_megabytes:g} were received; the rest stays due"
            )
            return CrawlEnd("finished", detail, Reason.BUDGET)
        if self._taken >= politeness.max_pages:
            return CrawlEnd(
                "finished",
                f"max_pages = {politeness.max_pages} were fetched; the rest stays due",
                Reason.BUDGET,
            )
        if self.since is not None:
            detail = f"back to {self.since:%Y-%m-%d}: {self._older} older links and {self._undated} without a date were left out"
            return CrawlEnd("finished", detail)
        return CrawlEnd("finished")


def _request(due: DueUrl, *, follow: bool, renders: bool) -> Request:
    headers = {}
    if (
        due.etag and not renders
    ):  # what the server sends of a page that scripts build may stay the same for ever
        headers["If-None-Match"] = due.etag
    if due.last_modified and not renders:
        headers["If-Modified-Since"] = due.last_modified
    # A story's redirect is an outcome of its own, with a target that has to be judged first.
    meta: dict[str, Any] = {} if follow else {"dont_redirect": True}
    return Request(
        without_credentials(due.url),
        headers=headers,
        meta=meta | ({RENDER_META: True} if renders else {}),
    )


def _first(group: BaseExceptionGroup[E]) -> E:
    """The first error of a group, which may hold groups."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
