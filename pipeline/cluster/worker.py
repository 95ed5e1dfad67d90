"""A worker: it takes tasks from the queue until SIGTERM or Ctrl-C.

At the end, a crawl stops, a clean stops between two batches, and what is not done goes back into
the queue at once. A worker that dies without this is missed after a timeout, and other workers
take its tasks over. A worker goes on after a restart of the database. It tells systemd when it is
ready, what it does, and that it is alive.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from socket import gethostname

from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from pipeline.cluster.queue import TaskQueue
from pipeline.cluster.retry import site_id
from pipeline.cluster.task_handlers import TaskHandlers
from pipeline.cluster.tasks import CLEAN, CRAWL
from pipeline.config.settings import Settings
from pipeline.core.errors import AlreadyRunning, StoreError
from pipeline.jobs.crawlers.crawler_server import CrawlerServer
from pipeline.jobs.crawlers.slots import WAITING_PER_ACTIVE
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.scheduler.sd_notify import SystemdNotifier
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from pipeline.store.read.task_queue import WORKER_TIMEOUT

HEARTBEAT_INTERVAL = 10.0  # seconds; also between two looks for dead workers
STARTUP_INTERVAL = 0.5  # seconds between two looks until all workers have their numbers
POLL_INTERVAL = 2.0  # seconds between two looks for tasks that are due; new ones are announced
SHUTDOWN_TIMEOUT = 45.0  # seconds that tasks have to end in order
RECONNECT_DELAY = 5.0  # seconds until a lost database is tried again
KEEP_HOURS = 72  # that the queue keeps tasks which are done
CLEANUP_INTERVAL = 3600.0  # seconds between two deletions of older tasks
STATUS_INTERVAL = 15.0  # seconds between two messages to systemd
MAX_TASKS_IN_STATUS = 5
MAX_HOST_NAME = 40  # characters
MAX_ERROR_LENGTH = 200  # characters

Say = Callable[[str], None]


def run_worker(
    settings: Settings,
    database: Database,
    queues: Sequence[str],
    concurrency: int | None,
    say: Say,
) -> None:
    """Work until SIGTERM or SIGINT.

    Args:
        settings: The settings of the installation.
        database: The archive.
        queues: The names of the queues to take tasks from.
        concurrency: Tasks of each queue that run at the same time. By default, as many crawls as
            the settings say, and one clean, which uses all worker processes.
        say: Receives sentences for people.

    Raises:
        StoreError: The queue cannot be used.
    """
    queue = TaskQueue(database)
    queue.prepare()
    crawls, cleans = concurrency or settings.crawls, concurrency or 1
    processes = max(1, settings.worker_processes // cleans)
    with ExitStack() as stack:
        pools = []
        for _ in range(cleans if CLEAN in queues else 0):
            pool = WorkerPool(processes, settings.page_seconds, settings.page_megabytes)
            pools.append(stack.enter_context(pool))
        handlers = TaskHandlers(settings, database, queue, pools, crawls, say)
        # A crawl that waits for a silent server gives its slot to another one.
        task_counts = {CRAWL: crawls * (1 + WAITING_PER_ACTIVE), CLEAN: cleans}
        counts = {name: task_counts[name] for name in queues}
        asyncio.run(_ClusterWorker(queue, handlers, counts, say).run())


class _ClusterWorker:
    """One process with one worker of Procrastinate for each queue.

    Args:
        queue: The task queue.
        handlers: The handlers of the tasks.
        task_counts: Tasks that run at the same time, by the name of their queue.
        say: Receives sentences for people.
    """

    def __init__(
        self,
        queue: TaskQueue,
        handlers: TaskHandlers,
        task_counts: dict[str, int],
        say: Say,
    ) -> None:
        self._queue = queue
        self._handlers = handlers
        self._task_counts = task_counts
        self._say = say
        self._systemd = SystemdNotifier(os.environ, os.getpid())
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        status = asyncio.create_task(self._send_status())
        async with CrawlerServer() as server:
            self._handlers.crawler_server = server
            while not self._stopping.is_set():
                await self._run_until_disconnected()
                if not self._stopping.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), RECONNECT_DELAY)
        status.cancel()

    def _stop(self) -> None:
        self._stopping.set()
        self._handlers.stop()

    async def _run_until_disconnected(self) -> None:
        try:
            async with self._queue.app.open_async():
                workers = [self._worker(name) for name in self._task_counts]
                await self._run_workers(workers)
        except (ConnectorException, StoreError, OSError) as error:
            if not self._stopping.is_set():
                cause = " ".join(str(error).split())[:MAX_ERROR_LENGTH]
                self._say(f"the queue is lost ({cause}); tried again in {RECONNECT_DELAY:.0f} s")

    def _worker(self, queue_name: str) -> Worker:
        return Worker(
            self._queue.app,
            queues=[queue_name],
            name=queue_name,
            concurrency=self._task_counts[queue_name],
            fetch_job_polling_interval=POLL_INTERVAL,
            shutdown_graceful_timeout=SHUTDOWN_TIMEOUT,
            install_signal_handlers=False,
            update_heartbeat_interval=HEARTBEAT_INTERVAL,
            stalled_worker_timeout=WORKER_TIMEOUT,
        )

    async def _run_workers(self, workers: Sequence[Worker]) -> None:
        """Run until the process must stop, or until a worker ends because the database is lost.

        Raises what a worker ended with.
        """
        closing = asyncio.Event()
        running = [asyncio.create_task(_run(worker)) for worker in workers]
        running.append(asyncio.create_task(self._maintain_queue(workers, closing)))
        stopping = asyncio.create_task(self._stopping.wait())
        self._systemd.ready()
        await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if self._stopping.is_set():
            self._systemd.stopping()
            self._say("stopping: running tasks are finished or given back")
        stopping.cancel()
        closing.set()
        for worker in workers:
            worker.stop()  # type: ignore[no-untyped-call]
        for result in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _maintain_queue(self, workers: Sequence[Worker], closing: asyncio.Event) -> None:
        """Record these workers, take over tasks of dead ones, and delete old tasks."""
        loop = asyncio.get_running_loop()
        last_cleanup = loop.time() - CLEANUP_INTERVAL
        recorded = dict[str, int]()
        while not closing.is_set():
            for worker in workers:
                await self._record_worker(worker, recorded)
            lock = await asyncio.to_thread(_take_over_lock, self._queue.database)
            if lock is not None:
                try:
                    await take_over_tasks(self._queue, self._say)
                    if loop.time() - last_cleanup >= CLEANUP_INTERVAL:
                        last_cleanup = loop.time()
                        await self._delete_old_tasks()
                finally:
                    await asyncio.to_thread(lock.release)
            all_recorded = len(recorded) == len(workers)
            interval = HEARTBEAT_INTERVAL if all_recorded else STARTUP_INTERVAL
            with suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), interval)

    async def _record_worker(self, worker: Worker, recorded: dict[str, int]) -> None:
        """Record which process a worker is in, once Procrastinate has given it a number."""
        name = str(worker.worker_name)
        if worker.worker_id is None or recorded.get(name) == worker.worker_id:
            return
        process = f"process {os.getpid()} on {gethostname()[:MAX_HOST_NAME]}"
        await self._queue.add_worker(worker.worker_id, name, process)
        recorded[name] = worker.worker_id

    async def _delete_old_tasks(self) -> None:
        await self._queue.jobs.delete_old_jobs(
            nb_hours=KEEP_HOURS,
            include_failed=True,
            include_cancelled=True,
            include_aborted=True,
        )

    async def _send_status(self) -> None:
        interval = STATUS_INTERVAL
        if self._systemd.watchdog:
            interval = min(interval, self._systemd.watchdog / 3)
        while True:
            self._systemd.status(self._status())
            self._systemd.alive()
            await asyncio.sleep(interval)

    def _status(self) -> str:
        running = sorted(self._handlers.running_tasks.values())
        if not running:
            return "waits for tasks"
        shown = ", ".join(running[:MAX_TASKS_IN_STATUS])
        more = " …" if len(running) > MAX_TASKS_IN_STATUS else ""
        return f"running: {shown}{more}"


async def take_over_tasks(queue: TaskQueue, say: Say) -> None:
    """Put the tasks of dead workers back into the queue.

    Args:
        queue: The task queue. The caller holds the lock for this.
        say: Receives a sentence for each task.
    """
    for job in await queue.jobs.get_stalled_jobs(seconds_since_heartbeat=WORKER_TIMEOUT):
        with suppress(ConnectorException):  # the task has just ended
            await queue.jobs.retry_job(job, retry_at=datetime.now(UTC))
            say(f"{site_id(job)}: {job.task_name}: taken over from a worker without a heartbeat")


async def _run(worker: Worker) -> None:
    await worker.run()  # type: ignore[no-untyped-call]


def _take_over_lock(database: Database) -> locks.Lock | None:
    """Return the lock for taking tasks over, or None if another worker holds it.

    Of two workers that do it at the same time, the second could take a task from the worker that
    has just begun it.
    """
    try:
        return locks.acquire(database, "take over")
    except AlreadyRunning:
        return None
