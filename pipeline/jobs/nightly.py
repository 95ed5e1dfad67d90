"""A night: Sites are crawled side by side; what comes is extracted meanwhile, and each Site is cleaned once its crawl is over.

Promises that every Site ends in a result, whatever became of the others, and that one which could not be crawled
is still cleaned, unless another command is at work on it: that one is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import DatabaseUnavailable, DiskError, ExitCode, NightdeskError
from pipeline.jobs.clean import DEFAULT_CLEAN, CleanRunResult, CleanRequest, Cancelled, clean_site, extract_ahead
from pipeline.jobs.crawl import CrawlResult, crawl_site
from pipeline.jobs.slots import ChildSlots
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.crawl import session
from pipeline.store.db.engine import Database, retry_while_unavailable

PAUSE = 0.5  # seconds between two looks at what a crawl has brought

log = logging.getLogger(__name__)


class ProgressListener(Protocol):
    """Who looks on; called from several threads."""

    def crawl(self, site: str, event: dict[str, Any]) -> None: ...

    def clean(self, site: str, stage: str, done: int, of: int) -> None: ...

    def done(self, night: SiteResult) -> None: ...


@dataclass(frozen=True, slots=True)
class SiteResult:
    """What a night came to for one Site."""

    site: str
    crawl: CrawlResult | None = None
    clean: CleanRunResult | None = None
    errors: tuple[str, ...] = ()
    exit_codes: tuple[ExitCode, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this Site's night deserves."""
        return worst_exit_code(self.exit_codes)


def worst_exit_code(codes: Sequence[ExitCode]) -> ExitCode:
    """One exit code for several: what concerns the whole archive goes before what concerns one Site."""
    for code in (
        ExitCode.DISK,
        ExitCode.DATABASE,
        ExitCode.CONFIG,
        ExitCode.PARTLY,
        ExitCode.RUNNING,
    ):
        if code in codes:
            return code
    return ExitCode.OK


def run_nightly(
    settings: Settings,
    store: Database,
    sites: Sequence[Site],
    watcher: ProgressListener,
    *,
    crawl: bool = True,
    plan: CleanRequest = DEFAULT_CLEAN,
    since: datetime | None = None,
) -> tuple[SiteResult, ...]:
    """Crawls and cleans the Sites; with `crawl` False only cleans, with `since` goes back to that time. One result for each
    Site, in the order given."""
    floor = DiskSpaceGuard(settings.data_folder, settings.free_megabytes)
    if not plan.dry_run:
        floor.require()
    if crawl:
        make_log_folder(settings.log_folder)
    with WorkerPool(settings.worker_processes, settings.page_seconds, settings.page_megabytes) as workers:
        at_work = retry_while_unavailable(lambda: _at_work(store, sites)) if crawl else {}
        if crawl and len(at_work) < len(sites):
            workers.start()  # while the first crawl starts, there are processors to spare
        return asyncio.run(
            _run(settings, store, sites, watcher, workers, crawl, plan, since, at_work, floor)
        )


def _at_work(store: Database, sites: Sequence[Site]) -> dict[str, str]:
    """The Sites that another command crawls, each with the sentence that says since when."""
    return {site.id: sentence for site in sites if (sentence := session.running_crawl_message(store, site.id))}


def make_log_folder(folder: Path) -> None:
    """Where each child writes its log. Raises DiskError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(
            f"{folder}: the folder for logs cannot be made ({error.strerror}); set log_folder to another"
        ) from None


async def _run(
    settings: Settings,
    store: Database,
    sites: Sequence[Site],
    watcher: ProgressListener,
    workers: WorkerPool,
    crawl: bool,
    plan: CleanRequest,
    since: datetime | None,
    at_work: Mapping[str, str],
    floor: DiskSpaceGuard,
) -> tuple[SiteResult, ...]:
    children = ChildSlots(settings.crawls)
    stop = threading.Event()
    cleaner = asyncio.Lock()  # one Site at a time: a clean uses all workers

    async def one(site: Site) -> SiteResult:
        began = time.monotonic()
        crawled = None
        if site.id in at_work:
            crawled = CrawlResult(site.id, message=at_work[site.id], exit_code=ExitCode.RUNNING)
        elif crawl:
            async with children.acquire() as heard:
                began = time.monotonic()  # waiting for a place is not the Site's time

                def listen(name: str, event: dict[str, Any]) -> None:
                    heard()
                    watcher.crawl(name, event)

                crawling = asyncio.create_task(crawl_site(settings, site, listen, since))
                await _draft_meanwhile(
                    crawling,
                    store,
                    site,
                    workers,
                    cleaner,
                    lambda: stop.is_set() or bool(floor.shortage()),
                )
                crawled = await crawling
        cleaned, error = None, None
        if crawled is None or crawled.exit_code is not ExitCode.RUNNING:  # else the other one cleans it
            async with cleaner:
                cleaned, error = await asyncio.to_thread(
                    _clean, store, site, workers, watcher, stop, plan, floor
                )
        night = _night(site, crawled, cleaned, error, time.monotonic() - began)
        if not plan.dry_run:
            watcher.done(night)
        return night

    try:
        return tuple(await asyncio.gather(*(one(site) for site in sites)))
    finally:
        stop.set()  # a thread cannot be cancelled: it looks here between two batches


async def _draft_meanwhile(
    crawling: asyncio.Task[CrawlResult],
    store: Database,
    site: Site,
    workers: WorkerPool,
    cleaner: asyncio.Lock,
    stopping: Callable[[], bool],
) -> None:
    """Extracting is most of a clean, and the processors have little to do while a crawl waits for its server."""

    def is_over() -> bool:
        return crawling.done() or stopping()

    def draft() -> None:
        with suppress(
            DatabaseUnavailable
        ):  # it is back for the next look, or for the clean after the crawl
            extract_ahead(store, site, workers, is_over)

    try:
        while not (await asyncio.wait({crawling}, timeout=PAUSE))[0]:
            async with cleaner:
                await asyncio.to_thread(draft)
    except NightdeskError as error:  # the clean after the crawl will meet it too, and tell
        log.warning("%s: extracting while the crawl goes on ended: %s", site.id, error)
    except asyncio.CancelledError:
        crawling.cancel()
        await asyncio.wait({crawling})  # it sees its child off
        raise


def _clean(
    store: Database,
    site: Site,
    workers: WorkerPool,
    watcher: ProgressListener,
    stop: threading.Event,
    plan: CleanRequest,
    floor: DiskSpaceGuard,
) -> tuple[CleanRunResult | None, NightdeskError | None]:
    def progress(stage: str, done: int, of: int) -> None:
        if stop.is_set():
            raise Cancelled
        if not plan.dry_run:
            floor.require()
        watcher.clean(site.id, stage, done, of)

    try:
        if not plan.dry_run:
            floor.require()
        # each try goes on where the one before broke off
        return retry_while_unavailable(lambda: clean_site(store, site, workers, progress, plan), stop.wait), None
    except NightdeskError as error:
        return None, error


def _night(
    site: Site,
    crawled: CrawlResult | None,
    cleaned: CleanRunResult | None,
    error: NightdeskError | None,
    seconds: float,
) -> SiteResult:
    errors, codes = [], []
    if crawled is not None:
        codes.append(crawled.exit_code)
        if crawled.exit_code is not ExitCode.OK or crawled.status not in ("finished", "stopped"):
            if not crawled.is_down:  # which the summary tells, with the first place's trouble
                errors.append(crawled.message or f"{site.id}: the crawl failed; its log says why")
            codes.append(ExitCode.PARTLY if crawled.exit_code is ExitCode.OK else crawled.exit_code)
        if crawled.failed_sources:
            codes.append(ExitCode.PARTLY)
    if error is not None:
        errors += [str(error)] if str(error) not in errors else []  # a full disk is met by both
        codes.append(error.exit_code)
    return SiteResult(site.id, crawled, cleaned, tuple(errors), tuple(codes), seconds)
