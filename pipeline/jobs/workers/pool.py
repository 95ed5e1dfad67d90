"""Extract pages in worker processes that may die.

A page that takes too much time or memory, or that crashes the parser, costs its worker and gives
an extracted page with a reason. Workers are replaced after a number of pages, because C libraries
leak. They never fork from a process that has threads.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import resource
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessFuture, ProcessPool

from pipeline import extract
from pipeline.core.models import ExtractedPage, Reason
from pipeline.jobs.workers import tasks
from pipeline.jobs.workers.tasks import ExtractedPayload
from pipeline.store.clean.types import PageSignals, PendingPayload
from pipeline.store.codec.compression import decompress

PAGES_PER_WORKER = 2000  # after which a worker is replaced
WALL_TIME_FACTOR = 6  # times the CPU limit: for a worker that sleeps or whose machine swaps
PAGES_AHEAD_PER_WORKER = 4  # so that the bodies in memory are bounded
MAX_BYTES_AHEAD = 32 * 1024 * 1024  # but at least one page
DEFAULT_PROCESS_BYTES = 1 << 30  # assumed where a process cannot be asked for its size
# Seconds after which a worker gives up a lock that a killed worker may still hold.
LOCK_TIMEOUT = 15.0
MAX_POOL_FAILURES = 3  # over one page
GARBAGE_THRESHOLDS = (20_000, 20, 50)
POOL_CHECK_INTERVAL = 5.0  # seconds between two looks whether the pool of a page still works

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """Why a worker made nothing of a page."""

    reason: Reason
    detail: str

    def to_page(self) -> ExtractedPage:
        """Return the failure as an extracted page."""
        return ExtractedPage(extractors=extract.EXTRACTORS, reason=self.reason, detail=self.detail)


NO_ANSWER = WorkerFailure(Reason.EXTRACTOR_ERROR, "the worker gave no answer")
OUT_OF_MEMORY = WorkerFailure(
    Reason.EXTRACTOR_MEMORY, "the page needs more memory than one page may have"
)

Work = Callable[[PendingPayload, float], T]


@dataclass(frozen=True, slots=True)
class _Submitted(Generic[T]):
    """A payload that was submitted to a pool, and what a worker does with it."""

    payload: PendingPayload
    work: Work[T]
    future: ProcessFuture[T]
    pool: ProcessPool


class WorkerPool:
    """Processes that extract pages. Use it as a context manager; they start at the first use.

    Args:
        processes: The number of processes.
        page_seconds: CPU seconds that one page may take.
        page_megabytes: Memory that one page may take.
    """

    def __init__(self, processes: int, page_seconds: float, page_megabytes: int) -> None:
        self.processes = processes
        self._page_seconds = page_seconds
        self._page_megabytes = page_megabytes
        self._pool: ProcessPool | None = None
        self._pool_lock = Lock()
        self._start_thread: Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._close()
        else:
            self._stop()

    @property
    def is_running(self) -> bool:
        """Tell whether there are processes. Starting them costs more than a small task saves."""
        return self._pool is not None and self._pool.active

    def start(self) -> None:
        """Start the processes in the background. Further calls do nothing."""
        if self._start_thread is None:
            self._start_thread = Thread(target=self._start, name="workers")
            self._start_thread.start()

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        """Extract payloads, in order.

        Reads `payloads` ahead only as far as the workers need it to stay busy.

        Yields:
            Each payload with its extracted page. A page that failed has a reason.
        """
        for payload, page in self._run(payloads, _extract_page):
            if isinstance(page, WorkerFailure):
                yield payload, page.to_page()
            else:
                yield payload, page

    def extract_stored(self, payloads: Iterable[PendingPayload]) -> Iterator[ExtractedPayload]:
        """Extract payloads, in order, into the form in which they are stored.

        An extracted page has hundreds of blocks. To transfer them between processes costs more
        than to compress them.
        """
        for payload, extracted in self._run(payloads, _extract_to_stored):
            if isinstance(extracted, WorkerFailure):
                stored = tasks.to_stored_extraction(extracted.to_page())
                yield ExtractedPayload(payload.raw_page.payload_id, stored, PageSignals())
            else:
                yield extracted

    def submit(self, function: Callable[..., T], *args: object) -> Callable[[], T | None]:
        """Let a worker call a function.

        Args:
            function: A function of a module. Its result can be pickled.
            args: Its arguments.

        Returns:
            A function that waits for the result. It returns None if the worker failed; then the
            caller must do the work itself.
        """
        with self._pool_lock:
            pool = self._running_pool()
        future = pool.schedule(
            _call_with_limit,
            args=(self._page_seconds, function, args),
            timeout=self._page_seconds * WALL_TIME_FACTOR,
        )
        return lambda: _result_or_none(future, pool)

    def _run(
        self, payloads: Iterable[PendingPayload], work: Work[T]
    ) -> Iterator[tuple[PendingPayload, T | WorkerFailure]]:
        queue = deque[_Submitted[T]]()
        for payload in payloads:
            queue.append(self._submit(payload, work))
            while self._is_full(queue):
                oldest = self._next(queue)
                yield oldest
        while queue:
            remaining = self._next(queue)
            yield remaining

    def _is_full(self, queue: deque[_Submitted[T]]) -> bool:
        if len(queue) >= self.processes * PAGES_AHEAD_PER_WORKER:
            return True
        return sum(len(item.payload.raw_page.body) for item in queue) > MAX_BYTES_AHEAD

    def _next(self, queue: deque[_Submitted[T]]) -> tuple[PendingPayload, T | WorkerFailure]:
        """Return the result of the payload that was submitted first.

        If the pool itself broke (a worker was killed between two pages), no page is to blame. Then
        a new pool gets all payloads that wait.
        """
        is_first_death = True
        for _ in range(MAX_POOL_FAILURES + 1):
            item = queue[0]
            result = _wait_for_page(item)
            if is_first_death and _has_died(result):
                # Something else may have killed the worker. A page that kills its worker will
                # do so again.
                is_first_death = False
                queue[0] = self._submit(item.payload, item.work)
                continue
            if result is not None or item.pool.active:
                queue.popleft()
                return item.payload, NO_ANSWER if result is None else result
            log.warning("the pool of worker processes broke and is started again")
            if self._pool is item.pool:
                self._stop()
            for index, waiting in enumerate(queue):
                if not waiting.pool.active:
                    queue[index] = self._submit(waiting.payload, waiting.work)
        raise RuntimeError(
            f"the pool of worker processes broke {MAX_POOL_FAILURES} times over one page"
        )

    def _submit(self, payload: PendingPayload, work: Work[T]) -> _Submitted[T]:
        with self._pool_lock:
            pool = self._running_pool()
        seconds = self._page_seconds
        timeout = seconds * WALL_TIME_FACTOR
        future = pool.schedule(work, args=(payload, seconds), timeout=timeout)
        return _Submitted(payload, work, future, pool)

    def _start(self) -> None:
        with self._pool_lock:
            # The pool starts its processes when it gets its first task.
            self._running_pool().schedule(_do_nothing)

    def _close(self) -> None:
        """End the processes when they have done what was submitted."""
        self._wait_for_start()
        if self._pool is not None:
            self._pool.close()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def _stop(self) -> None:
        """End the processes at once."""
        self._wait_for_start()
        self._stop_pool()

    def _stop_pool(self) -> None:
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def _wait_for_start(self) -> None:
        if self._start_thread is not None:
            self._start_thread.join()

    def _running_pool(self) -> ProcessPool:
        """Return the pool, a new one if it broke."""
        if self._pool is not None and not self._pool.active:
            self._stop_pool()
        if self._pool is None:
            _hide_main_script()
            self._pool = ProcessPool(
                max_workers=self.processes,
                max_tasks=PAGES_PER_WORKER,
                initializer=_prepare_worker,
                initargs=(self._page_megabytes,),
                context=_start_context(),
            )
        return self._pool


def _hide_main_script() -> None:
    """Keep workers from importing the script that started this process.

    A worker imports that script, and with it the whole command line, unless its specification
    says that it is a `__main__` module. This saves a CPU second for each worker.
    """
    main = sys.modules["__main__"]
    if main.__spec__ is None:
        main.__spec__ = ModuleSpec("nightdesk.__main__", None)


def _start_context() -> multiprocessing.context.BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.jobs.workers.preload"])
    return context


def _prepare_worker(megabytes: int) -> None:
    """Prepare a new worker process.

    It ignores Ctrl-C, which its parent handles. It hides warnings that libraries address to
    programmers, for example about a date with an ambiguous time zone.
    """
    CONSTS.channel_lock_timeout = LOCK_TIMEOUT
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    extract.warm_up()  # the memory that the libraries need does not count for any page
    _collect_garbage_less_often()
    size = _address_space_bytes() + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def without_memory_limit() -> Iterator[None]:
    """Lift the memory limit of a worker for work on pages that are extracted already.

    What this work leaves in memory, such as the libraries of a database, does not count for the
    pages that the worker extracts later.

    Yields:
        Nothing. The limit holds again after the block.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = _address_space_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        if soft != resource.RLIM_INFINITY:
            soft += max(0, _address_space_bytes() - before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _collect_garbage_less_often() -> None:
    """Let the collector of garbage look past the libraries, and once for thousands of objects.

    A page makes thousands of objects, and hardly one of them needs the collector.
    """
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _address_space_bytes() -> int:
    """Return the address space of this process.

    On a machine with many cores, it is several times the memory in use.
    """
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # not Linux
        return DEFAULT_PROCESS_BYTES
    return pages * resource.getpagesize()


def _do_nothing() -> None:
    """Serve as the first task of a pool."""


def _limit_cpu_time(seconds: float) -> None:
    """Limit the CPU time of the task that begins now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _call_with_limit(seconds: float, function: Callable[..., T], args: tuple[object, ...]) -> T:
    _limit_cpu_time(seconds)
    return function(*args)


def _extract_page(payload: PendingPayload, seconds: float) -> ExtractedPage:
    _limit_cpu_time(seconds)
    raw_page = payload.raw_page
    try:
        if payload.codec:
            raw_page = replace(raw_page, body=decompress(payload.codec, raw_page.body))
        return extract.extract(raw_page)
    except MemoryError:
        return OUT_OF_MEMORY.to_page()


def _extract_to_stored(payload: PendingPayload, seconds: float) -> ExtractedPayload | WorkerFailure:
    page = _extract_page(payload, seconds)
    try:
        return ExtractedPayload(
            payload.raw_page.payload_id,
            tasks.to_stored_extraction(page),
            tasks.page_signals(page, payload.pages),
        )
    except MemoryError:
        return OUT_OF_MEMORY


def _wait_for_page(item: _Submitted[T]) -> T | WorkerFailure | None:
    """Wait for the result of a page.

    Returns:
        The result. It is None if something else than the page went wrong, or if the pool broke:
        a broken pool never answers what is still in its queue.
    """
    if not _is_done(item.future, item.pool):
        return None
    try:
        return item.future.result()
    except FutureTimeout:
        return WorkerFailure(Reason.EXTRACTOR_TIMEOUT, "the page took too long")
    except ProcessExpired as error:
        if error.exitcode == -signal.SIGXCPU:
            return WorkerFailure(Reason.EXTRACTOR_TIMEOUT, "the page took too much CPU time")
        detail = f"the worker ended with code {error.exitcode}"
        return WorkerFailure(Reason.EXTRACTOR_DIED, detail)
    except Exception:  # noqa: BLE001 - `extract` raises nothing, so this is an error of the pool
        return None


def _has_died(result: object) -> bool:
    return isinstance(result, WorkerFailure) and result.reason is Reason.EXTRACTOR_DIED


def _is_done(future: ProcessFuture[T], pool: ProcessPool) -> bool:
    """Wait for the end of a task. Return False if it will never end, because its pool broke."""
    while not wait([future], POOL_CHECK_INTERVAL).done:
        if not pool.active:
            return False
    return True


def _result_or_none(future: ProcessFuture[T], pool: ProcessPool) -> T | None:
    try:
        return future.result() if _is_done(future, pool) else None
    except Exception as error:  # noqa: BLE001 - whatever happened, the caller can do the work
        log.info("a worker did not do a task: %s", error)
        return None
