"""Crawls as child processes: started, listened to, bounded in number and in time, and settled when they die.

Promises that a site's trouble, a crash or a hang, stays in its child, and that a Run whose child died is closed in the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.config.settings import Settings, expand_variables
from pipeline.config.site import CrawlJob, Site
from pipeline.core.errors import AlreadyRunning, ConfigError, ExitCode, NightdeskError
from pipeline.jobs.child_process import run_child
from pipeline.store.db import locks, run_log
from pipeline.store.db.engine import Database, retry_while_unavailable

GRACE = 120.0  # seconds beyond the site's own time limit before its child is ended


@dataclass(frozen=True, slots=True)
class FailedSource:
    """A Feed, Sitemap or Section that yielded nothing, and why."""

    url: str
    outcome: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """How a crawl ended. `run` is 0 where none was begun."""

    site: str
    run_id: int = 0
    status: str = "failed"
    counts: dict[str, int] = field(default_factory=dict)
    message: str = ""
    exit_code: ExitCode = ExitCode.PARTLY
    sources: int = 0  # that were asked
    sources_fetched: int = 0  # of them, with a new body
    failed_sources: tuple[FailedSource, ...] = ()
    empty_sources: tuple[str, ...] = ()  # places that answered well and showed no Link

    @property
    def is_down(self) -> bool:
        """Whether no Place could be had."""
        return self.sources > 0 and len(self.failed_sources) == self.sources


Listen = Callable[[str, dict[str, Any]], None]  # (site, event)


class _Notes:
    """What a child told, while it lives."""

    def __init__(self) -> None:
        self.run = 0
        self.places = 0
        self.fetched = 0
        self.troubles: list[FailedSource] = []
        self.empty: list[str] = []
        self.finished: dict[str, Any] = {}
        self.error = ""

    def take(self, event: dict[str, Any]) -> None:
        match event.get("event"):
            case "started":
                self.run = event["run"]
            case "place":
                self._take_place(event)
            case "finished":
                self.finished = event
            case "error":
                self.error = event["message"]

    def _take_place(self, event: dict[str, Any]) -> None:
        self.places += 1
        self.fetched += event["outcome"] == "fetched"
        if event["outcome"] not in ("fetched", "unchanged"):
            self.troubles.append(
                FailedSource(
                    event["url"], event["outcome"], event["reason"], event.get("detail", "")
                )
            )
        elif event["outcome"] == "fetched" and not event["links"]:
            self.empty.append(event["url"])


async def crawl_site(
    settings: Settings, site: Site, listen: Listen, since: datetime | None = None
) -> CrawlResult:
    """Crawls one Site in a child process; with `since` goes back in its sitemaps. Never raises for what the child does."""
    try:
        secrets = {
            name: expand_variables(getattr(site, name), f"{site.id}: '{name}'")
            for name in ("headers", "cookies")
        }
        chromium = settings.browser_path if site.render else ""
    except ConfigError as error:
        message = str(error) if str(error).startswith(f"{site.id}: ") else f"{site.id}: {error}"
        return CrawlResult(site.id, message=message, exit_code=ExitCode.CONFIG)
    job = CrawlJob(
        site=site.model_copy(update=secrets),
        database_url=settings.database_url,
        user_agent=settings.sent_user_agent,
        log_file=str(settings.log_folder / f"{site.id}.log"),
        log_level=settings.log_level,
        log_format=settings.log_format,
        log_megabytes=settings.log_megabytes,
        log_files=settings.log_files,
        log_days=settings.log_days,
        chromium=chromium,
        data_folder=str(settings.data_folder),
        free_megabytes=settings.free_megabytes,
        since=since,
    )
    notes = _Notes()

    def take(event: dict[str, Any]) -> None:
        notes.take(event)
        listen(site.id, event)

    limit = site.politeness.max_minutes * 60 + GRACE
    returncode, last_words = 0, ""
    try:
        returncode, last_words = await run_child(job.model_dump_json(), take, limit)
    except TimeoutError:
        notes.error = f"{site.id}: ended after {limit / 60:.0f} minutes; what it had fetched is kept, the rest is still due"
    return await asyncio.to_thread(_result, settings, site, notes, returncode, last_words)


def _result(
    settings: Settings, site: Site, notes: _Notes, returncode: int, said: str
) -> CrawlResult:
    if not notes.finished and notes.run:
        with suppress(
            NightdeskError
        ):  # on a full disk even that fails; then the next crawl of the Site settles it
            _settle(settings, site)
    code = (
        ExitCode(returncode) if returncode in {int(code) for code in ExitCode} else ExitCode.PARTLY
    )
    message = notes.error
    if not notes.finished and not message:
        last = said.strip().splitlines()
        message = f"{site.id}: its crawl died with code {returncode}" + (
            f" ({last[-1][:200]})" if last else ""
        )
        code = ExitCode.PARTLY
    counts = {
        str(outcome): int(number) for outcome, number in notes.finished.get("counts", {}).items()
    }
    status = notes.finished.get("status", "failed")
    return CrawlResult(
        site.id, notes.run, status, counts, message or notes.finished.get("detail", ""), code, notes.places,
        notes.fetched, tuple(notes.troubles), tuple(notes.empty),
    )  # fmt: skip


def _settle(settings: Settings, site: Site) -> None:
    """Closes the Run of a child that is dead. Where another crawl of the Site has begun meanwhile, that one has done it."""
    store = Database(settings.database_url)
    try:
        lock = retry_while_unavailable(lambda: locks.acquire(store, f"crawl:{site.id}"))
    except AlreadyRunning:
        return
    try:
        with store.write() as db:
            run_log.close_interrupted_runs(db, site.id, "crawl")
    finally:
        lock.release()
        store.close()
