"""The night: crawl sites in parallel, extract while they are crawled, and clean each afterwards.

A large site is also cleaned while its crawl goes on, so that readers do not wait for its end. Every
site ends in a result, whatever happens to the others. A site whose crawl failed is still
cleaned. A site that another command works on is left to that command.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import (
    AlreadyRunning,
    DatabaseUnavailable,
    DiskError,
    ExitCode,
    NightdeskError,
)
from pipeline.core.models import Outcome
from pipeline.jobs.clean import DEFAULT_CLEAN, CleanRequest, clean_site
from pipeline.jobs.clean_steps.during_crawl import (
    DEFAULT_EARLY_CLEANS,
    EarlyCleanClock,
    EarlyCleanLimits,
    join_results,
)
from pipeline.jobs.clean_steps.extract_payloads import PAYLOADS_AHEAD, extract_ahead
from pipeline.jobs.crawl import ORDINARY_NIGHT, CrawlRequest, crawl_site
from pipeline.jobs.crawlers.crawler_server import CrawlerServer
from pipeline.jobs.crawlers.slots import ChildSlots
from pipeline.jobs.progress import Cancelled, ProgressListener
from pipeline.jobs.results import CleanRunResult, CrawlResult, SiteResult
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import CleanScope
from pipeline.store.crawl import session
from pipeline.store.db.engine import Database, retry_while_unavailable

MIN_SERVED_SITES = 2  # from so many on, crawlers are forked from one server
EXTRACT_INTERVAL = 0.5  # seconds from a page that was fetched to the extraction of what is saved

log = logging.getLogger(__name__)


def run_nightly(
    settings: Settings,
    database: Database,
    sites: Sequence[Site],
    listener: ProgressListener,
    *,
    request: CleanRequest = DEFAULT_CLEAN,
    crawl_request: CrawlRequest = ORDINARY_NIGHT,
    early_cleans: EarlyCleanLimits = DEFAULT_EARLY_CLEANS,
) -> tuple[SiteResult, ...]:
    """Crawl and clean sites.

    Args:
        settings: The settings of the installation.
        database: The archive.
        sites: The sites.
        listener: Receives the progress.
        request: Which pages to clean.
        crawl_request: What to crawl of the sites.
        early_cleans: When a site is cleaned while its crawl goes on.

    Returns:
        One result for each site, in the order of `sites`.

    Raises:
        DiskError: The disk is full, or the folder for logs cannot be made.
    """
    disk_space = _disk_space_guard(settings, request)
    make_log_folder(settings.log_folder)
    with _worker_pool(settings) as workers:
        running = retry_while_unavailable(lambda: _running_messages(database, sites))
        nightly = _Nightly(settings, database, listener, workers, request, disk_space, early_cleans)
        return asyncio.run(nightly.crawl_and_clean(sites, crawl_request, running))


def clean_sites(
    settings: Settings,
    database: Database,
    sites: Sequence[Site],
    listener: ProgressListener,
    *,
    request: CleanRequest = DEFAULT_CLEAN,
) -> tuple[SiteResult, ...]:
    """Clean sites without a crawl.

    Returns:
        One result for each site, in the order of `sites`.

    Raises:
        DiskError: The disk is full.
    """
    disk_space = _disk_space_guard(settings, request)
    with _worker_pool(settings) as workers:
        nightly = _Nightly(settings, database, listener, workers, request, disk_space)
        return asyncio.run(nightly.clean(sites))


def make_log_folder(folder: Path) -> None:
    """Make the folder in which each child process writes its log.

    Raises:
        DiskError: The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(
            f"{folder}: the folder for logs cannot be made ({error.strerror});"
            " set log_folder to another"
        ) from None


def _disk_space_guard(settings: Settings, request: CleanRequest) -> DiskSpaceGuard:
    disk_space = DiskSpaceGuard(settings.data_folder, settings.free_megabytes)
    if not request.dry_run:
        disk_space.require()
    return disk_space


def _worker_pool(settings: Settings) -> WorkerPool:
    return WorkerPool(settings.worker_processes, settings.page_seconds, settings.page_megabytes)


def _running_messages(database: Database, sites: Sequence[Site]) -> dict[str, str]:
    """Return the sites that another command crawls, each with a sentence that says since when."""
    messages = {}
    for site in sites:
        if message := session.running_crawl_message(database, site.id):
            messages[site.id] = message
    return messages


@dataclass(frozen=True, slots=True)
class _CleanEnd:
    """How the clean of a site ended: with a result or with an error."""

    result: CleanRunResult | None = None
    error: NightdeskError | None = None


class _Nightly:
    """One night of several sites."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        listener: ProgressListener,
        workers: WorkerPool,
        request: CleanRequest,
        disk_space: DiskSpaceGuard,
        early_cleans: EarlyCleanLimits = DEFAULT_EARLY_CLEANS,
    ) -> None:
        self._settings = settings
        self._database = database
        self._listener = listener
        self._workers = workers
        self._request = request
        self._disk_space = disk_space
        self._early_cleans = early_cleans
        self._slots = ChildSlots(settings.crawls)
        self._server: CrawlerServer | None = None
        self._stop = threading.Event()
        self._one_clean = asyncio.Lock()  # one site at a time, because a clean uses all workers

    async def crawl_and_clean(
        self, sites: Sequence[Site], crawl_request: CrawlRequest, running: Mapping[str, str]
    ) -> tuple[SiteResult, ...]:
        nights = [self._run_site(site, crawl_request, running.get(site.id, "")) for site in sites]
        try:
            async with CrawlerServer() as server:
                if len(sites) - len(running) >= MIN_SERVED_SITES:
                    self._server = server
                return tuple(await asyncio.gather(*nights))
        finally:
            self._stop.set()  # a thread cannot be cancelled: it checks this between two batches

    async def clean(self, sites: Sequence[Site]) -> tuple[SiteResult, ...]:
        cleans = [self._clean_site_only(site) for site in sites]
        try:
            return tuple(await asyncio.gather(*cleans))
        finally:
            self._stop.set()

    async def _run_site(self, site: Site, crawl_request: CrawlRequest, running: str) -> SiteResult:
        started = time.monotonic()
        early = list[CleanRunResult]()
        if running:
            crawl = CrawlResult(site.id, message=running, exit_code=ExitCode.RUNNING)
        else:
            async with self._slots.acquire() as record_event:
                started = time.monotonic()  # the wait for a slot is not the site's time
                crawl, early = await self._crawl_site(site, crawl_request, record_event)
        end = _CleanEnd()
        if crawl.exit_code is not ExitCode.RUNNING:  # else the other command cleans it
            end = await self._clean_site(site)
        if early:
            early += [end.result] if end.result else []
            end = replace(end, result=join_results(site.id, early))
        return self._report(_site_result(site, crawl, end, time.monotonic() - started))

    async def _clean_site_only(self, site: Site) -> SiteResult:
        started = time.monotonic()
        end = await self._clean_site(site)
        return self._report(_site_result(site, None, end, time.monotonic() - started))

    def _report(self, result: SiteResult) -> SiteResult:
        if not self._request.dry_run:
            self._listener.done(result)
        return result

    async def _crawl_site(
        self,
        site: Site,
        request: CrawlRequest,
        record_event: Callable[[], None],
    ) -> tuple[CrawlResult, list[CleanRunResult]]:
        """Crawl a site. Return also the results of its cleans during the crawl."""
        fetched = asyncio.Event()
        clock = EarlyCleanClock(self._early_cleans)
        cleans = list[CleanRunResult]()

        def receive(name: str, event: dict[str, Any]) -> None:
            record_event()
            if event["event"] == "page" and event["outcome"] == Outcome.FETCHED:
                self._workers.start()  # they load while the crawl goes on
                clock.add_page()
                fetched.set()
            self._listener.crawl(name, event)

        crawl = asyncio.create_task(
            crawl_site(self._settings, site, receive, request, self._server)
        )
        await self._work_while_crawling(
            site, crawl, fetched, lambda: self._clean_if_due(site, clock, cleans)
        )
        return await crawl, cleans

    async def _work_while_crawling(
        self,
        site: Site,
        crawl: asyncio.Task[CrawlResult],
        fetched: asyncio.Event,
        clean_if_due: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Extract what the crawl saves, and clean it from time to time.

        Extraction is most of a clean, and the processors have little to do while a crawl waits
        for its server.
        """

        def should_stop() -> bool:
            return crawl.done() or self._stop.is_set() or bool(self._disk_space.shortage())

        def extract() -> int:
            # The database is back for the next look, or for the clean after the crawl.
            with suppress(DatabaseUnavailable):
                return extract_ahead(self._database, site, self._workers, should_stop)
            return 0

        try:
            while await _has_fetched(crawl, fetched):
                async with self._one_clean:
                    count = await asyncio.to_thread(extract)
                if count == PAYLOADS_AHEAD:
                    fetched.set()  # there may be more
                await clean_if_due()
        except NightdeskError as error:  # the clean after the crawl meets it too, and reports it
            log.warning("%s: extracting while the crawl goes on ended: %s", site.id, error)
        except asyncio.CancelledError:
            crawl.cancel()
            await asyncio.wait({crawl})  # it stops its child
            raise

    async def _clean_if_due(
        self, site: Site, clock: EarlyCleanClock, cleans: list[CleanRunResult]
    ) -> None:
        if not clock.is_due():
            return
        async with self._one_clean:
            clock.start()
            try:
                cleans.append(await asyncio.to_thread(self._clean_during_crawl, site))
            finally:
                clock.end()

    def _clean_during_crawl(self, site: Site) -> CleanRunResult:
        request = replace(self._request, scope=CleanScope(during_crawl=True))

        def report(*_: object) -> None:
            if self._stop.is_set():
                raise Cancelled
            self._require_disk_space()

        # The clean after the crawl does what this one cannot do now.
        with suppress(AlreadyRunning, Cancelled, DatabaseUnavailable):
            return clean_site(self._database, site, self._workers, report, request)
        return CleanRunResult(site.id)

    async def _clean_site(self, site: Site) -> _CleanEnd:
        async with self._one_clean:
            return await asyncio.to_thread(self._clean_in_thread, site)

    def _clean_in_thread(self, site: Site) -> _CleanEnd:
        def report(stage: str, done: int, total: int) -> None:
            if self._stop.is_set():
                raise Cancelled
            self._require_disk_space()
            self._listener.clean(site.id, stage, done, total)

        def clean() -> CleanRunResult:
            return clean_site(self._database, site, self._workers, report, self._request)

        try:
            self._require_disk_space()
            # Each try goes on where the one before was interrupted.
            return _CleanEnd(retry_while_unavailable(clean, self._stop.wait))
        except NightdeskError as error:
            return _CleanEnd(error=error)

    def _require_disk_space(self) -> None:
        if not self._request.dry_run:
            self._disk_space.require()


async def _has_fetched(crawl: asyncio.Task[CrawlResult], fetched: asyncio.Event) -> bool:
    """Wait until a crawl has fetched a page and some time has passed, or until it ends.

    Returns:
        Whether the crawl goes on.
    """
    has_page = asyncio.create_task(fetched.wait())
    try:
        await asyncio.wait({crawl, has_page}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        has_page.cancel()
    await asyncio.wait({crawl}, timeout=EXTRACT_INTERVAL)
    fetched.clear()
    return not crawl.done()


def _site_result(
    site: Site, crawl: CrawlResult | None, end: _CleanEnd, seconds: float
) -> SiteResult:
    errors = list[str]()
    exit_codes = list[ExitCode]()
    if crawl is not None:
        exit_codes.append(crawl.exit_code)
        if crawl.exit_code is not ExitCode.OK or crawl.status not in ("finished", "stopped"):
            if not crawl.is_down:  # the summary reports that, with the failure of the first source
                errors.append(crawl.message or f"{site.id}: the crawl failed; its log says why")
            if crawl.exit_code is ExitCode.OK:
                exit_codes.append(ExitCode.PARTLY)
        if crawl.failed_sources:
            exit_codes.append(ExitCode.PARTLY)
    if end.error is not None:
        if str(end.error) not in errors:  # crawl and clean report a full disk both
            errors.append(str(end.error))
        exit_codes.append(end.error.exit_code)
    return SiteResult(site.id, crawl, end.result, tuple(errors), tuple(exit_codes), seconds)
