"""Crawls of sites, each in a child process of its own.

A crash or a hang of one crawl stays in its child. If a child dies, its run is closed here.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.config.settings import Settings, expand_variables
from pipeline.config.site import Site
from pipeline.core.errors import AlreadyRunning, ConfigError, ExitCode, NightdeskError
from pipeline.jobs.crawlers.child_process import ChildExit, run_child
from pipeline.jobs.crawlers.crawler_server import CrawlerServer
from pipeline.jobs.progress import SiteEventCallback
from pipeline.jobs.results import CrawlResult, FailedSource
from pipeline.process_messages import CrawlJob
from pipeline.store.db import locks, run_log
from pipeline.store.db.engine import Database, retry_while_unavailable

GRACE_SECONDS = 120.0  # beyond the site's own time limit, before its child is stopped
MAX_LAST_LINE = 200  # characters of a child's last line that a message quotes


@dataclass(frozen=True, slots=True)
class CrawlRequest:
    """What to crawl of a site. By default, an ordinary night.

    Attributes:
        since: Go back in the site's sitemaps and archives to this time.
        force: Fetch all that the sources list and all young stories, whatever is due.
        urls: Fetch these pages, and nothing else.
    """

    since: datetime | None = None
    force: bool = False
    urls: tuple[str, ...] = ()


ORDINARY_NIGHT = CrawlRequest()


class _CrawlEvents:
    """What a child has reported so far."""

    def __init__(self) -> None:
        self.run_id = 0
        self.sources = 0
        self.sources_fetched = 0
        self.failed_sources: list[FailedSource] = []
        self.empty_sources: list[str] = []
        self.finished: dict[str, Any] = {}
        self.error = ""

    def add(self, event: dict[str, Any]) -> None:
        match event.get("event"):
            case "started":
                self.run_id = event["run"]
            case "source":
                self._add_source(event)
            case "finished":
                self.finished = event
            case "error":
                self.error = event["message"]

    def _add_source(self, event: dict[str, Any]) -> None:
        outcome, url = event["outcome"], event["url"]
        self.sources += 1
        if outcome not in ("fetched", "unchanged"):
            detail = event.get("detail", "")
            self.failed_sources.append(FailedSource(url, outcome, event["reason"], detail))
        if outcome == "fetched":
            self.sources_fetched += 1
            if not event["links"]:
                self.empty_sources.append(url)


async def crawl_site(
    settings: Settings,
    site: Site,
    on_event: SiteEventCallback,
    request: CrawlRequest = ORDINARY_NIGHT,
    server: CrawlerServer | None = None,
) -> CrawlResult:
    """Crawl one site in a child process.

    Args:
        settings: The settings of the installation.
        site: The site to crawl.
        on_event: Receives each event of the child.
        request: What to crawl of it.
        server: Has the child; without it the child is started by itself.

    Returns:
        How the crawl ended. Failures of the child and errors of the configuration are in the
        result; none of them is raised.
    """
    try:
        job = crawl_job(settings, site, request)
    except ConfigError as error:
        message = str(error)
        if not message.startswith(f"{site.id}: "):
            message = f"{site.id}: {message}"
        return CrawlResult(site.id, message=message, exit_code=ExitCode.CONFIG)
    crawl = _ChildCrawl(site, job, on_event, server)
    child_exit = await crawl.run()
    if child_exit.had_crawled and not crawl.has_ended(child_exit):
        # Perhaps an earlier crawl of that child is to blame, so this one gets a child of its own.
        child_exit = await crawl.run(fresh=True)
    return await asyncio.to_thread(_result, settings, site, crawl.events, child_exit)


class _ChildCrawl:
    """The crawl of a site in a child process, which may be repeated in another one."""

    def __init__(
        self, site: Site, job: CrawlJob, on_event: SiteEventCallback, server: CrawlerServer | None
    ) -> None:
        self.events = _CrawlEvents()
        self._site = site
        self._job = job.model_dump_json()
        self._on_event = on_event
        self._server = server

    async def run(self, *, fresh: bool = False) -> ChildExit:
        """Run the crawl; in a child that has not crawled before, if `fresh`."""
        self.events = _CrawlEvents()
        seconds = self._site.politeness.max_minutes * 60 + GRACE_SECONDS
        child_exit = await run_child(
            self._job, self._receive, seconds, server=self._server, fresh=fresh
        )
        if child_exit.is_timeout:
            self.events.error = (
                f"{self._site.id}: stopped after {seconds / 60:.0f} minutes; what it had fetched is"
                " kept, the rest is still due"
            )
        return child_exit

    def has_ended(self, child_exit: ChildExit) -> bool:
        """Return whether the crawl has come to an end of its own, be it with an error."""
        has_spoken = bool(self.events.finished or self.events.error)
        return has_spoken and not child_exit.is_timeout

    def _receive(self, event: dict[str, Any]) -> None:
        self.events.add(event)
        self._on_event(self._site.id, event)


def crawl_job(settings: Settings, site: Site, request: CrawlRequest) -> CrawlJob:
    """Return the job of a child process.

    Raises:
        ConfigError: A variable of the site file or the contact in the settings is missing.
    """
    secrets = {}
    for name in ("headers", "cookies"):
        secrets[name] = expand_variables(getattr(site, name), f"{site.id}: '{name}'")
    return CrawlJob(
        site=site.model_copy(update=secrets),
        database_url=settings.database_url,
        user_agent=settings.sent_user_agent,
        log_file=str(settings.log_folder / f"{site.id}.log"),
        log_level=settings.log_level,
        log_format=settings.log_format,
        log_megabytes=settings.log_megabytes,
        log_files=settings.log_files,
        log_days=settings.log_days,
        chromium=settings.browser_path if site.render else "",
        data_folder=str(settings.data_folder),
        free_megabytes=settings.free_megabytes,
        since=request.since,
        force=request.force,
        urls=request.urls,
    )


def _result(
    settings: Settings, site: Site, events: _CrawlEvents, child_exit: ChildExit
) -> CrawlResult:
    if not events.finished and events.run_id:
        # On a full disk even this fails. Then the next crawl of the site closes the run.
        with suppress(NightdeskError):
            close_run_of_dead_child(settings, site)
    exit_code = _exit_code(child_exit.code)
    if events.error and exit_code is ExitCode.OK:  # the code is lost with the server of crawlers
        exit_code = ExitCode.PARTLY
    message = events.error or events.finished.get("detail", "")
    if not events.finished and not events.error:
        exit_code = ExitCode.PARTLY
        message = f"{site.id}: its crawl died with code {child_exit.code}"
        if child_exit.last_line:
            message += f" ({child_exit.last_line[:MAX_LAST_LINE]})"
    counts = events.finished.get("counts", {})
    return CrawlResult(
        site.id,
        events.run_id,
        events.finished.get("status", "failed"),
        {str(outcome): int(number) for outcome, number in counts.items()},
        message,
        exit_code,
        events.sources,
        events.sources_fetched,
        tuple(events.failed_sources),
        tuple(events.empty_sources),
    )


def _exit_code(code: int) -> ExitCode:
    try:
        return ExitCode(code)
    except ValueError:
        return ExitCode.PARTLY


def close_run_of_dead_child(settings: Settings, site: Site) -> None:
    """Close the run, unless another crawl of the site has started: that one has closed it."""
    database = Database(settings.database_url)
    try:
        lock = retry_while_unavailable(lambda: locks.acquire(database, f"crawl:{site.id}"))
    except AlreadyRunning:
        return
    try:
        with database.write() as db:
            for kind in ("crawl", "discover"):
                run_log.close_interrupted_runs(db, site.id, kind)
    finally:
        lock.release()
        database.close()
