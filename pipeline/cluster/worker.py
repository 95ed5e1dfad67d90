"""A worker: takes errands out of the queue, as many at a time as it may, until SIGTERM or Ctrl-C; and those of dead workers.

Promises to end in order: a crawl stops, a clean stops between two batches, and what is not done goes back into the queue at
once; that a worker that dies without that is missed after `ALIVE` seconds, and its errands are taken over; and that it
outlives a restart of the database. systemd is told when it is ready, what it does, and that it is alive.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from socket import gethostname

from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from pipeline.cluster.monitor import ALIVE
from pipeline.cluster.queue import TaskQueue
from pipeline.cluster.task_handlers import Say, TaskHandlers
from pipeline.cluster.tasks import CLEAN, CRAWL
from pipeline.config.settings import Settings
from pipeline.core.errors import AlreadyRunning, StoreError
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.scheduler.sd_notify import SystemdNotifier
from pipeline.store.db import locks
from pipeline.store.db.engine import Database

BEAT = 10.0  # seconds between two signs of life, and between two looks for workers without one
POLL = 2.0  # seconds between two looks for errands whose time has come; new ones are told at once
LAST = 45.0  # seconds that errands at work have to end in order
ANEW = 5.0  # seconds until a lost database is tried again
KEPT = 72  # hours that errands are remembered which are done
TIDY = 3600.0  # seconds between two looks for older ones
PULSE = 15.0  # seconds between two words to systemd


def run_worker(
    settings: Settings, store: Database, queues: Sequence[str], concurrency: int | None, say: Say
) -> None:
    """Works until it is told to end. `concurrency` is how many errands of each queue are at work at a time: else as many crawls
    as the settings say, and one clean, which uses all cleaning processes. Raises StoreError."""
    engine = TaskQueue(store)
    engine.prepare()
    crawls, cleans = concurrency or settings.crawls, concurrency or 1
    processes = max(1, settings.worker_processes // cleans)
    with ExitStack() as stack:
        made = [
            WorkerPool(processes, settings.page_seconds, settings.page_megabytes)
            for _ in range(cleans * (CLEAN in queues))
        ]
        pools = [stack.enter_context(pool) for pool in made]
        asyncio.run(
            _work(
                TaskHandlers(settings, store, engine, pools, crawls, say),
                engine,
                queues,
                crawls,
                cleans,
                say,
            )
        )


async def _work(
    duty: TaskHandlers, engine: TaskQueue, queues: Sequence[str], crawls: int, cleans: int, say: Say
) -> None:
    over, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        over.set()
        duty.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    systemd = SystemdNotifier(os.environ, os.getpid())
    numbers = {
        CRAWL: crawls * 3,
        CLEAN: cleans,
    }  # of crawls, those that wait for a silent server leave their place
    pulse = asyncio.create_task(_pulse(systemd, duty))
    while not over.is_set():
        try:
            async with engine.app.open_async():
                await _serve(
                    engine,
                    [_lane(engine, queue, numbers[queue]) for queue in queues],
                    systemd,
                    over,
                    say,
                )
        except (ConnectorException, StoreError, OSError) as error:
            if not over.is_set():
                say(
                    f"the queue is lost ({' '.join(str(error).split())[:200]}); tried again in {ANEW:.0f} s"
                )
        if not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), ANEW)
    pulse.cancel()


async def _serve(
    engine: TaskQueue, lanes: Sequence[Worker], systemd: SystemdNotifier, over: asyncio.Event, say: Say
) -> None:
    """Works until it is over, or until a lane comes to its end since the database is lost. Raises what it ended by."""
    closing = asyncio.Event()
    working = [asyncio.create_task(_run(lane)) for lane in lanes]
    working.append(asyncio.create_task(_look_after(engine, lanes, closing, say)))
    ending = asyncio.create_task(over.wait())
    systemd.ready()
    await asyncio.wait({*working, ending}, return_when=asyncio.FIRST_COMPLETED)
    if over.is_set():
        systemd.stopping()
        say("ending: what is at work is brought to an end or given back")
    ending.cancel()
    closing.set()
    for lane in lanes:
        lane.stop()  # type: ignore[no-untyped-call]
    for result in await asyncio.gather(*working, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _lane(engine: TaskQueue, queue: str, number: int) -> Worker:
    return Worker(
        engine.app, queues=[queue], name=queue, concurrency=number, fetch_job_polling_interval=POLL,
        shutdown_graceful_timeout=LAST, install_signal_handlers=False, update_heartbeat_interval=BEAT,
        stalled_worker_timeout=ALIVE,
    )  # fmt: skip


async def _run(lane: Worker) -> None:
    await lane.run()  # type: ignore[no-untyped-call]


async def _look_after(
    engine: TaskQueue, lanes: Sequence[Worker], closing: asyncio.Event, say: Say
) -> None:
    """Writes down whose lanes these are, takes over what dead workers had in hand, and clears away what is long done."""
    loop = asyncio.get_running_loop()
    tidied = loop.time() - TIDY
    known = dict[str, int]()
    while not closing.is_set():
        for lane in lanes:
            if lane.worker_id is not None and known.get(str(lane.worker_name)) != lane.worker_id:
                await _sign(engine, lane)
                known[str(lane.worker_name)] = lane.worker_id
        if lock := await asyncio.to_thread(_alone, engine.store):
            try:
                await _take_over(engine, say)
                if loop.time() - tidied >= TIDY:
                    tidied = loop.time()
                    await engine.jobs.delete_old_jobs(
                        nb_hours=KEPT,
                        include_failed=True,
                        include_cancelled=True,
                        include_aborted=True,
                    )
            finally:
                await asyncio.to_thread(lock.release)
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), BEAT if len(known) == len(lanes) else 0.5)


def _alone(store: Database) -> locks.Lock | None:
    """Of two that take over at the same time, the second could take from who has just begun."""
    try:
        return locks.acquire(store, "take over")
    except AlreadyRunning:
        return None


async def _take_over(engine: TaskQueue, say: Say) -> None:
    for job in await engine.jobs.get_stalled_jobs(seconds_since_heartbeat=ALIVE):
        with suppress(ConnectorException):  # it came to its end just now
            await engine.jobs.retry_job(job, retry_at=datetime.now(UTC))
            site = job.task_kwargs["site"]
            name = site["id"] if isinstance(site, dict) else "?"
            say(f"{name}: {job.task_name}: taken from a worker that gives no sign of life any more")


async def _sign(engine: TaskQueue, lane: Worker) -> None:
    """For whoever asks which workers there are."""
    await engine.app.connector.execute_query_async(
        "INSERT INTO nightdesk_workers (worker_id, queue, process) VALUES (%(number)s, %(queue)s, %(process)s)"
        " ON CONFLICT DO NOTHING",
        number=lane.worker_id,
        queue=lane.worker_name,
        process=f"process {os.getpid()} on {gethostname()[:40]}",
    )


async def _pulse(systemd: SystemdNotifier, duty: TaskHandlers) -> None:
    while True:
        some = sorted(duty.running_tasks.values())
        systemd.status(
            "at work: " + ", ".join(some[:5]) + (" …" if len(some) > 5 else "")
            if some
            else "waits for errands"
        )
        systemd.alive()
        await asyncio.sleep(min(PULSE, systemd.watchdog / 3) if systemd.watchdog else PULSE)
