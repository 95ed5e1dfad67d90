"""Crawls as child processes: started, listened to, bounded in number and in time, and settled when they die.

Promises that a site's trouble, a crash or a hang, stays in its child, and that a Run whose child died is closed in the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import AlreadyRunning, ExitCode
from pipeline.settings import Settings
from pipeline.sites import CrawlJob, Site
from pipeline.store import ledger, locks
from pipeline.store.engine import Store

GRACE = 120.0  # seconds beyond the site's own time limit before its child is ended
LAST_WORDS = 15.0  # seconds that an ended child has to close its Run
LINE = 1 << 20  # bytes of one event at the most


@dataclass(frozen=True, slots=True)
class PlaceTrouble:
    """A Feed, Sitemap or Section that yielded nothing, and why."""

    url: str
    outcome: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """How a crawl ended. `run` is 0 where none was begun."""

    site: str
    run: int = 0
    status: str = "failed"
    counts: dict[str, int] = field(default_factory=dict)
    message: str = ""
    code: ExitCode = ExitCode.PARTLY
    places: int = 0  # that were asked
    places_fetched: int = 0  # of them, with a new body
    troubles: tuple[PlaceTrouble, ...] = ()
    empty: tuple[str, ...] = ()  # places that answered well and showed no Link

    @property
    def is_down(self) -> bool:
        """Whether no Place could be had."""
        return self.places > 0 and len(self.troubles) == self.places


Listen = Callable[[str, dict[str, Any]], None]  # (site, event)


class _Notes:
    """What a child told, while it lives."""

    def __init__(self) -> None:
        self.run = 0
        self.places = 0
        self.fetched = 0
        self.troubles: list[PlaceTrouble] = []
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
            self.troubles.append(PlaceTrouble(event["url"], event["outcome"], event["reason"], event.get("detail", "")))
        elif event["outcome"] == "fetched" and not event["links"]:
            self.empty.append(event["url"])


async def crawl_site(settings: Settings, site: Site, listen: Listen) -> CrawlResult:
    """Crawls one Site in a child process. Never raises for what the child does."""
    job = CrawlJob(
        site=site,
        database_url=settings.database_url,
        user_agent=settings.agent,
        log_file=str(settings.log_folder / f"{site.id}.log"),
        log_level=settings.log_level,
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "crawler",  # -P: another `crawler` in the working folder is not ours
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=LINE,
    )  # fmt: skip
    notes = _Notes()
    limit = site.politeness.max_minutes * 60 + GRACE
    said = asyncio.ensure_future(_tail(child))
    try:
        await asyncio.wait_for(_listen(child, job, notes, site.id, listen), limit)
    except TimeoutError:
        notes.error = f"{site.id}: ended after {limit / 60:.0f} minutes; what it had fetched is kept, the rest is still due"
    finally:
        last_words = await _end(child, said)
    return await asyncio.to_thread(_result, settings, site, notes, child.returncode or 0, last_words)


async def _listen(child: asyncio.subprocess.Process, job: CrawlJob, notes: _Notes, site: str, listen: Listen) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(ConnectionError):  # a child that died at once has its exit code to say so
        child.stdin.write(job.model_dump_json().encode() + b"\n")
        await child.stdin.drain()
    while line := await child.stdout.readline():
        event = json.loads(line)
        notes.take(event)
        listen(site, event)
    await child.wait()


async def _tail(child: asyncio.subprocess.Process) -> str:
    """The last words on standard error, which is empty unless something is badly wrong."""
    assert child.stderr is not None
    tail = b""
    while chunk := await child.stderr.read(8192):
        tail = (tail + chunk)[-2000:]
    return tail.decode("utf8", "replace")


async def _end(child: asyncio.subprocess.Process, said: asyncio.Future[str]) -> str:
    """Sees the child off, asked first, then made to, and closes its pipes. Returns its last words on standard error."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), LAST_WORDS)
        except TimeoutError:
            child.kill()
            await child.wait()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    await child.stdout.read()
    return await said


def _result(settings: Settings, site: Site, notes: _Notes, returncode: int, said: str) -> CrawlResult:
    if not notes.finished and notes.run:
        _settle(settings, site)
    code = ExitCode(returncode) if returncode in {int(code) for code in ExitCode} else ExitCode.PARTLY
    message = notes.error
    if not notes.finished and not message:
        last = said.strip().splitlines()
        message = f"{site.id}: its crawl died with code {returncode}" + (f" ({last[-1][:200]})" if last else "")
        code = ExitCode.PARTLY
    counts = {str(outcome): int(number) for outcome, number in notes.finished.get("counts", {}).items()}
    status = notes.finished.get("status", "failed")
    return CrawlResult(
        site.id, notes.run, status, counts, message or notes.finished.get("detail", ""), code, notes.places,
        notes.fetched, tuple(notes.troubles), tuple(notes.empty),
    )  # fmt: skip


def _settle(settings: Settings, site: Site) -> None:
    """Closes the Run of a child that is dead. Where another crawl of the Site has begun meanwhile, that one has done it."""
    store = Store(settings.database_url)
    try:
        lock = locks.acquire(store, f"crawl:{site.id}")
    except AlreadyRunning:
        return
    try:
        with store.write() as db:
            ledger.settle_dead(db, site.id, "crawl")
    finally:
        lock.release()
        store.close()
