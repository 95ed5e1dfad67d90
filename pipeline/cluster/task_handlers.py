"""What a worker does with a task: the same crawl and the same clean as on one machine.

A task that runs twice does no harm. A night that was crawled already is skipped, what is
extracted is not extracted again, and a clean goes on where it was. The locks of the archive, and
not the queue, keep two workers from crawling or cleaning a site at the same time. A clean that
somebody asked for makes room for the cleans of tonight.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from procrastinate import JobContext
from procrastinate.exceptions import ConnectorException

from pipeline.cluster import tasks
from pipeline.cluster.dispatch import clean_task_for
from pipeline.cluster.queue import TaskQueue
from pipeline.cluster.retry import RetryLater, RetryPolicy
from pipeline.cluster.tasks import CLEAN, CRAWL, EXTRACT, TaskArguments
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import AlreadyRunning, ExitCode, NightdeskError
from pipeline.jobs import notify
from pipeline.jobs.clean import CleanRequest, clean_site
from pipeline.jobs.clean_steps.extract_payloads import ExtractPart, extract_part
from pipeline.jobs.crawl import CrawlRequest, crawl_site
from pipeline.jobs.crawlers.crawler_server import CrawlerServer
from pipeline.jobs.crawlers.slots import ChildSlots
from pipeline.jobs.progress import Cancelled
from pipeline.jobs.recipe import current_recipe
from pipeline.jobs.results import CleanRunResult, CrawlResult
from pipeline.jobs.watches.deliver import tell_watches
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.scheduler.planning import PastRun, last_completed
from pipeline.store import read
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope
from pipeline.store.db import locks
from pipeline.store.db.engine import Database, retry_while_unavailable

BUSY_DELAY = 30.0  # seconds until a site is tried again that another command works on
URGENT_CHECK_INTERVAL = 5.0  # seconds between two looks for a more urgent task
PARTS_DELAY = 0.5  # seconds for each open part, until a clean that waits for its parts looks again
MIN_PARTS_DELAY, MAX_PARTS_DELAY = 2.0, 60.0  # seconds
GIVEN_BACK = "given back, since this worker stops; what is done is kept"
MAKES_ROOM = "makes room for what is more urgent"

T = TypeVar("T")


class TaskHandlers:
    """The handlers of all kinds of tasks in one worker process.

    Args:
        settings: The settings of the installation.
        database: The archive.
        queue: The task queue.
        pools: Processes that extract, one pool for each clean or part that may run here.
        crawls: Crawls that run at the same time.
        say: Receives sentences for people.
        urgent_check_interval: Seconds between two looks for a more urgent task.

    Attributes:
        running_tasks: The site and kind of each task that runs, by the id of its job.
        crawler_server: Forks the crawlers; None to start each by itself.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        queue: TaskQueue,
        pools: Sequence[WorkerPool],
        crawls: int,
        say: Callable[[str], None],
        *,
        urgent_check_interval: float = URGENT_CHECK_INTERVAL,
    ) -> None:
        self.running_tasks: dict[int, str] = {}
        self.crawler_server: CrawlerServer | None = None
        self._settings = settings
        self._database = database
        self._queue = queue
        self._say = say
        self._urgent_check_interval = urgent_check_interval
        self._slots = ChildSlots(crawls)
        self._pools = asyncio.Queue[WorkerPool]()
        for pool in pools:
            self._pools.put_nowait(pool)
        self._disk_space = DiskSpaceGuard(settings.data_folder, settings.free_megabytes)
        self._stopping = asyncio.Event()
        self._stop_events = set[threading.Event]()  # one for each thread that works
        handlers = ((CRAWL, self._crawl), (CLEAN, self._clean), (EXTRACT, self._extract))
        for kind, handler in handlers:
            register = queue.app.task(name=kind, pass_context=True, retry=RetryPolicy(say))
            register(self._recorded(handler))

    def stop(self) -> None:
        """Give back the tasks that run, in order."""
        self._stopping.set()
        for event in self._stop_events:
            event.set()

    def _recorded(
        self, handler: Callable[[JobContext, TaskArguments], Awaitable[None]]
    ) -> Callable[..., Coroutine[Any, Any, None]]:
        """Return the handler as Procrastinate calls it. It records the task while it runs."""

        async def run(context: JobContext, **arguments: Any) -> None:
            job_id = context.job.id or 0
            self.running_tasks[job_id] = f"{arguments['site'].get('id')}: {context.job.task_name}"
            try:
                await handler(context, arguments)
            finally:
                del self.running_tasks[job_id]

        return run

    # Crawls

    async def _crawl(self, context: JobContext, arguments: TaskArguments) -> None:
        site = tasks.site_of(arguments)
        planned_at = tasks.parse_time(arguments["planned_at"])
        since = tasks.parse_time(arguments["since"]) if "since" in arguments else None
        if since is None and await asyncio.to_thread(self._was_crawled, site, planned_at):
            self._say(f"{site.id}: crawled already, so the night is skipped")
            await self._enqueue_clean(site, arguments["batch"])
            return
        result = await self._cancel_on_shutdown(self._crawl_in_slot(site, since))
        if result.exit_code is ExitCode.RUNNING:
            raise RetryLater(result.message, BUSY_DELAY)
        self._say(f"{site.id}: {_crawl_sentence(result)}")
        await self._enqueue_clean(site, arguments["batch"])
        if not _has_completed(result):
            raise NightdeskError(result.message or "the crawl failed; its log says why")

    async def _crawl_in_slot(self, site: Site, since: datetime | None) -> CrawlResult:
        async with self._slots.acquire() as record_event:
            return await crawl_site(
                self._settings,
                site,
                lambda *_: record_event(),
                CrawlRequest(since=since),
                self.crawler_server,
            )

    def _was_crawled(self, site: Site, planned_at: datetime) -> bool:
        """Tell whether a crawl that started since then has ended. An interrupted one has not."""
        now = datetime.now(UTC)
        crawls = read.recent_crawls(self._database, now, site.id).get(site.id, ())
        completed = last_completed([PastRun(*crawl) for crawl in crawls], now)
        return completed is not None and completed >= planned_at

    async def _enqueue_clean(self, site: Site, batch: str) -> None:
        """Enqueue the clean of what a crawl has saved."""
        spec = await asyncio.to_thread(
            clean_task_for, self._database, site, CleanScope(), batch, is_night=True
        )
        with self._queue.translate_errors():
            await self._queue.enqueue_async(spec)

    # Cleans

    async def _clean(self, context: JobContext, arguments: TaskArguments) -> None:
        site, scope = tasks.site_of(arguments), tasks.scope_of(arguments)
        await self._split_into_parts(site, context)
        started = time.monotonic()
        result = await self._clean_site(site, scope, context.job.priority)
        seconds = time.monotonic() - started
        if result.run_id or result.extracted:
            pages = sum(result.counts.values())
            self._say(
                f"{site.id}: {pages:,} pages cleaned, {result.extracted:,} extracted,"
                f" in {seconds:.0f} s"
            )
        if arguments["is_night"]:
            await asyncio.to_thread(self._finish_night, site)

    async def _split_into_parts(self, site: Site, context: JobContext) -> None:
        """Split a large clean into parts, once, and wait until all of them are extracted.

        The profile of the site must have seen all pages before the rules are applied to the first
        of them.
        """
        job_id, arguments = context.job.id or 0, context.job.task_kwargs
        with self._queue.translate_errors():
            counts = await self._queue.count_parts(job_id)
        open_parts = counts.open
        if not counts.total:
            session, scope = CleanSession(self._database, site.id), tasks.scope_of(arguments)
            parts = await asyncio.to_thread(
                session.extraction_parts, current_recipe(site), tasks.PAYLOADS_PER_PART, scope
            )
            if len(parts) < 2:
                return
            specs = tasks.extract_tasks(arguments, job_id, context.job.priority, parts)
            with self._queue.translate_errors():
                await self._queue.enqueue_all_async(specs)
            open_parts = len(parts)
            pages = sum(size for _, size in parts)
            self._say(f"{site.id}: {pages:,} pages to extract, in {open_parts:,} parts")
        if open_parts:
            delay = min(max(MIN_PARTS_DELAY, open_parts * PARTS_DELAY), MAX_PARTS_DELAY)
            raise RetryLater("", delay)

    async def _clean_site(self, site: Site, scope: CleanScope, priority: int) -> CleanRunResult:
        make_room = threading.Event()
        watch: asyncio.Task[None] | None = None
        if priority < tasks.PRIORITY_NIGHT:
            watch = asyncio.create_task(self._watch_urgent_tasks(priority, make_room))

        def clean(pool: WorkerPool, stop: threading.Event) -> CleanRunResult:
            return self._clean_in_thread(site, CleanRequest(scope), pool, stop, make_room)

        try:
            return await self._run_in_thread(clean)
        finally:
            if watch is not None:
                watch.cancel()

    async def _watch_urgent_tasks(self, priority: int, make_room: threading.Event) -> None:
        """Set the event when a more urgent clean waits."""
        while not make_room.is_set():
            await asyncio.sleep(self._urgent_check_interval)
            with suppress(ConnectorException):  # the server is back for the next look
                if await self._queue.has_urgent_task(CLEAN, priority):
                    make_room.set()

    def _clean_in_thread(
        self,
        site: Site,
        request: CleanRequest,
        pool: WorkerPool,
        stop: threading.Event,
        make_room: threading.Event,
    ) -> CleanRunResult:
        def report(*_: object) -> None:
            self._disk_space.require()
            if stop.is_set() or make_room.is_set():
                raise Cancelled

        def clean() -> CleanRunResult:
            return clean_site(self._database, site, pool, report, request)

        self._disk_space.require()
        try:
            return retry_while_unavailable(clean, stop.wait)
        except Cancelled:
            if make_room.is_set():
                raise RetryLater(MAKES_ROOM, self._urgent_check_interval) from None
            raise RetryLater(GIVEN_BACK) from None
        except AlreadyRunning as error:
            raise RetryLater(str(error), BUSY_DELAY) from None

    def _finish_night(self, site: Site) -> None:
        try:
            lock = locks.acquire(self._database, "telling")  # no issue must be sent twice
        except AlreadyRunning:
            return  # the worker that holds the lock sends this issue, or the next one does
        try:
            errors = notify.finish_night(self._settings, self._database, (site,), failed=False)
            for error in (*errors, *tell_watches(self._settings, self._database)):
                self._say(f"{site.id}: {error}")
        finally:
            lock.release()

    # Parts of cleans

    async def _extract(self, context: JobContext, arguments: TaskArguments) -> None:
        site, started = tasks.site_of(arguments), time.monotonic()
        first, last = arguments["after_payload_id"], arguments["last_payload_id"]
        part = ExtractPart(tasks.scope_of(arguments), first, last)

        def extract(pool: WorkerPool, stop: threading.Event) -> int:
            self._disk_space.require()
            extracted = retry_while_unavailable(
                lambda: extract_part(self._database, site, pool, part, stop.is_set), stop.wait
            )
            if stop.is_set():
                raise RetryLater(GIVEN_BACK)
            return extracted

        extracted = await self._run_in_thread(extract)
        await self._queue.resume_clean(arguments["clean_job_id"], context.job.id or 0)
        seconds = time.monotonic() - started
        self._say(
            f"{site.id}: {extracted:,} of {arguments['pages']:,} pages extracted in {seconds:.0f} s"
        )

    # What all kinds share

    async def _cancel_on_shutdown(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of the work. If the worker stops first, cancel the work.

        A crawl that is cancelled stops its child in order.
        """
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise RetryLater(GIVEN_BACK)
            return task.result()
        finally:
            stopping.cancel()
            task.cancel()
            await asyncio.wait({task, stopping})

    async def _run_in_thread(self, work: Callable[[WorkerPool, threading.Event], T]) -> T:
        """Run work in a thread, with a pool of its own and an event that tells it to stop."""
        stop = threading.Event()
        async with self._pool() as pool:
            self._stop_events.add(stop)
            if self._stopping.is_set():
                stop.set()
            task = asyncio.create_task(asyncio.to_thread(work, pool, stop))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                stop.set()  # a thread cannot be cancelled: it checks this between two batches
                await asyncio.wait({task})
                raise
            finally:
                self._stop_events.discard(stop)

    @asynccontextmanager
    async def _pool(self) -> AsyncIterator[WorkerPool]:
        pool = await self._pools.get()
        try:
            yield pool
        finally:
            self._pools.put_nowait(pool)


def _has_completed(result: CrawlResult) -> bool:
    """Tell whether the crawl came to its end, whatever the site answered."""
    if not result.run_id or result.status not in ("finished", "stopped"):
        return False
    return result.exit_code in (ExitCode.OK, ExitCode.PARTLY)


def _crawl_sentence(result: CrawlResult) -> str:
    sentence = f"crawled, run {result.run_id} {result.status}"
    counts = []
    for outcome, number in sorted(result.counts.items()):
        counts.append(f"{number:,} {outcome.replace('_', ' ')}")
    if counts:
        sentence += f": {', '.join(counts)}"
    return sentence
