"""What a worker does with an errand: the same crawl and the same clean as on one machine.

Promises that an errand which is done twice does no harm: a night that was is left out, what is extracted is not extracted
again, and a clean goes on where it was; that the locks of the archive, and not the queue's word, keep a Site from being crawled
or struck by two; and that a clean which somebody asked for makes room for tonight's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from procrastinate import JobContext

from pipeline.cluster import monitor as queues
from pipeline.cluster import tasks
from pipeline.cluster.queue import TaskQueue
from pipeline.cluster.retry import RetryLater, RetryPolicy
from pipeline.cluster.tasks import CLEAN, CRAWL, EXTRACT, TaskArguments
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import AlreadyRunning, ExitCode, NightdeskError
from pipeline.jobs import finish_night
from pipeline.jobs.clean import (
    DEFAULT_CLEAN,
    CleanRunResult,
    ExtractPart,
    CleanRequest,
    Cancelled,
    clean_site,
    extract_part,
    current_recipe,
)
from pipeline.jobs.crawl import CrawlResult, crawl_site
from pipeline.jobs.slots import ChildSlots
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.scheduler.planning import PastRun, last_completed
from pipeline.store.clean.session import CleanSession
from pipeline.store.db import locks
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.read.begun_runs import recent_crawls

BUSY = 30.0  # seconds until a Site is tried again at which somebody else is at work
LOOK = 5.0  # seconds between two looks whether something more urgent waits
SOONEST, LATEST = 2.0, 60.0  # seconds between two looks whether all parts of a clean are extracted

ENDS = "given back, since this worker ends; what is done is kept"

T = TypeVar("T")
Say = Callable[[str], None]


class TaskHandlers:
    """See the module's head. `pools` are extracting processes, one pool for each clean or part that may be at work here."""

    def __init__(
        self,
        settings: Settings,
        store: Database,
        engine: TaskQueue,
        pools: list[WorkerPool],
        crawls: int,
        say: Say,
    ) -> None:
        self._settings = settings
        self._store = store
        self._engine = engine
        self._say = say
        self._slots = ChildSlots(crawls)
        self._pools = asyncio.Queue[WorkerPool]()
        for pool in pools:
            self._pools.put_nowait(pool)
        self._floor = DiskSpaceGuard(settings.data_folder, settings.free_megabytes)
        self._over = asyncio.Event()
        self._threads = set[threading.Event]()  # each tells one thread to end
        self.running_tasks: dict[int, str] = {}
        for kind, do in ((CRAWL, self._crawl), (CLEAN, self._clean), (EXTRACT, self._draft)):
            engine.app.task(name=kind, pass_context=True, retry=RetryPolicy(say))(self._doing(do))

    def stop(self) -> None:
        """Gives back what is at work, in order."""
        self._over.set()
        for over in self._threads:
            over.set()

    def _doing(
        self, do: Callable[[JobContext, TaskArguments], Awaitable[None]]
    ) -> Callable[..., Coroutine[Any, Any, None]]:
        async def doing(context: JobContext, **values: Any) -> None:
            number = context.job.id or 0
            self.running_tasks[number] = f"{values['site'].get('id')}: {context.job.task_name}"
            try:
                await do(context, values)
            finally:
                del self.running_tasks[number]

        return doing

    # Crawls

    async def _crawl(self, context: JobContext, values: TaskArguments) -> None:
        site = tasks.site_of(values)
        since = tasks.moment(values["since"]) if "since" in values else None
        if since is None and await asyncio.to_thread(
            self._has_been, site, tasks.moment(values["planned"])
        ):
            self._say(f"{site.id}: crawled already, so the night is left out")
            result = None
        else:
            result = await self._unless_over(self._crawled(site, since))
            if result.exit_code is ExitCode.RUNNING:
                raise RetryLater(result.message, BUSY)
            self._say(f"{site.id}: {_told(result)}")
        await self._hand_on(site, values["batch"])
        if result is not None and not _is_a_night(result):
            raise NightdeskError(result.message or "the crawl failed; its log says why")

    async def _crawled(self, site: Site, since: datetime | None) -> CrawlResult:
        async with self._slots.acquire() as heard:
            return await crawl_site(self._settings, site, lambda *_: heard(), since)

    def _has_been(self, site: Site, planned: datetime) -> bool:
        """Whether a crawl that began since then is over. One that broke off is to go on."""
        now = datetime.now(UTC)
        begun = [PastRun(*each) for each in recent_crawls(self._store, now, site.id).get(site.id, ())]
        done = last_completed(begun, now)
        return done is not None and done >= planned

    async def _hand_on(self, site: Site, batch: str) -> None:
        """The clean of what a crawl brought."""
        errand = await asyncio.to_thread(clean_task_for, self._store, site, DEFAULT_CLEAN, batch, night=True)
        with self._engine.translate_errors():
            await self._engine.enqueue_async(errand)

    # Cleans

    async def _clean(self, context: JobContext, values: TaskArguments) -> None:
        site, scope = tasks.site_of(values), tasks.scope_of(values)
        await self._share(site, context)
        began = time.monotonic()
        done = await self._with_pool(
            lambda pool, over: self._cleaned(site, CleanRequest(scope), pool, over, context.job.priority)
        )
        if done.run_id or done.extracted:
            pages = sum(done.counts.values())
            self._say(
                f"{site.id}: {pages:,} pages cleaned, {done.extracted:,} extracted, in {time.monotonic() - began:.0f} s"
            )
        if values["night"]:
            await asyncio.to_thread(self._tell, site)

    async def _share(self, site: Site, context: JobContext) -> None:
        """Cuts a large clean into parts, once, and lets it wait until all of them are done: the Site's memory has to have seen
        them all before the first Page is struck."""
        number, values = context.job.id or 0, context.job.task_kwargs
        parts, left = await asyncio.to_thread(queues.part_counts, self._store, number)
        if not parts:
            shelf, scope = CleanSession(self._store, site.id), tasks.scope_of(values)
            cut = await asyncio.to_thread(shelf.extraction_parts, current_recipe(site), tasks.PAYLOADS_PER_PART, scope)
            if len(cut) < 2:
                return
            with self._engine.translate_errors():
                await self._engine.enqueue_all_async(
                    tasks.extract_tasks(values, number, context.job.priority, cut)
                )
            left = len(cut)
            self._say(
                f"{site.id}: {sum(size for _, size in cut):,} pages to extract, in {left:,} parts"
            )
        if left:
            raise RetryLater("", min(max(SOONEST, left * 0.5), LATEST))

    def _cleaned(
        self, site: Site, plan: CleanRequest, pool: WorkerPool, over: threading.Event, priority: int
    ) -> CleanRunResult:
        looked, gives_way = time.monotonic(), False

        def progress(*_: object) -> None:
            nonlocal looked, gives_way
            self._floor.require()
            if priority < tasks.PRIORITY_NIGHT and time.monotonic() - looked > LOOK:
                looked = time.monotonic()
                gives_way = queues.has_urgent_task(self._store, CLEAN, priority)
            if over.is_set() or gives_way:
                raise Cancelled

        self._floor.require()
        try:
            return retry_while_unavailable(lambda: clean_site(self._store, site, pool, progress, plan), over.wait)
        except Cancelled:
            raise (
                RetryLater("makes room for what is more urgent", LOOK) if gives_way else RetryLater(ENDS)
            ) from None
        except AlreadyRunning as first:
            raise RetryLater(str(first), BUSY) from None

    def _tell(self, site: Site) -> None:
        try:
            lock = locks.acquire(self._store, "telling")  # nothing is told twice
        except AlreadyRunning:
            return  # whoever is at it tells this, or the next one
        try:
            for sentence in finish_night.tell(self._settings, self._store, (site,), failed=False):
                self._say(f"{site.id}: {sentence}")
        finally:
            lock.release()

    async def _draft(self, context: JobContext, values: TaskArguments) -> None:
        site, began = tasks.site_of(values), time.monotonic()
        part = ExtractPart(tasks.scope_of(values), values["after"], values["last"])

        def draft(pool: WorkerPool, over: threading.Event) -> int:
            self._floor.require()
            done = retry_while_unavailable(
                lambda: extract_part(self._store, site, pool, part, over.is_set), over.wait
            )
            if over.is_set():
                raise RetryLater(ENDS)
            return done

        number = await self._with_pool(draft)
        await self._engine.wake(values["of"], context.job.id or 0)
        self._say(
            f"{site.id}: {number:,} of {values['pages']:,} pages extracted in {time.monotonic() - began:.0f} s"
        )

    # What they share

    async def _unless_over(self, doing: Coroutine[Any, Any, T]) -> T:
        """What is done, unless this worker ends before: then it is cancelled, which sees a crawler off in order."""
        task, over = asyncio.create_task(doing), asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise RetryLater(ENDS)
            return task.result()
        finally:
            over.cancel()
            task.cancel()
            await asyncio.wait({task, over})

    async def _with_pool(self, work: Callable[[WorkerPool, threading.Event], T]) -> T:
        """Works in a thread, with extracting processes of its own; the event is set when it is to end."""
        over = threading.Event()
        async with self._pool() as pool:
            self._threads.add(over)
            if self._over.is_set():
                over.set()
            doing = asyncio.create_task(asyncio.to_thread(work, pool, over))
            try:
                return await asyncio.shield(doing)
            except asyncio.CancelledError:
                over.set()  # a thread cannot be cancelled: it looks here between two batches
                await asyncio.wait({doing})
                raise
            finally:
                self._threads.discard(over)

    @asynccontextmanager
    async def _pool(self) -> AsyncIterator[WorkerPool]:
        pool = await self._pools.get()
        try:
            yield pool
        finally:
            self._pools.put_nowait(pool)


def clean_task_for(
    store: Database, site: Site, plan: CleanRequest, batch: str, *, night: bool = False
) -> tasks.TaskSpec:
    """The errand to clean a Site, with what is to be done for it today."""
    shelf, recipe = CleanSession(store, site.id), current_recipe(site)
    pages, payloads = (
        shelf.count_stale(recipe, plan.scope),
        shelf.count_pending_payloads(recipe, plan.scope),
    )
    return tasks.clean_task(site, plan.scope, batch, pages=pages, payloads=payloads, night=night)


def _is_a_night(result: CrawlResult) -> bool:
    """Whether the crawl came to its end, whatever the site answered."""
    return (
        result.run_id > 0
        and result.status in ("finished", "stopped")
        and result.exit_code in (ExitCode.OK, ExitCode.PARTLY)
    )


def _told(result: CrawlResult) -> str:
    counts = ", ".join(
        f"{number:,} {outcome.replace('_', ' ')}"
        for outcome, number in sorted(result.counts.items())
    )
    return f"crawled, run {result.run_id} {result.status}" + (f": {counts}" if counts else "")
