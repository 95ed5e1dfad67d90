"""Extraction in processes that may die.

Promises that one page's trouble is one Draft with a reason: a page that takes too much time or memory, or crashes the parser,
costs its worker and nothing else. Workers are recycled, warmed once, and never fork from a process with threads.
"""

from __future__ import annotations

import logging
import multiprocessing
import resource
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as TookTooLong
from concurrent.futures import wait
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Self, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessFuture, ProcessPool

from pipeline import extract
from pipeline.core.models import ExtractedPage, Reason
from pipeline.jobs.workers import tasks
from pipeline.store.clean.types import StoredExtraction, PageSignals, PendingPayload
from pipeline.store.codec.compression import decompress

RECYCLE = 2000  # pages after which a worker is replaced: C libraries leak
WALL = 6  # times the CPU limit: for a worker that sleeps or thrashes
AHEAD = 4  # pages handed out for each worker, so that the window of bodies in memory is bounded
ELSEWHERE = 1 << 30  # bytes that a process is thought to take where it cannot be asked
AHEAD_BYTES = 32 * 1024 * 1024  # and no more bytes than these, but one page at the least
LOCKED = (
    15.0  # seconds after which a worker gives up a lock that a killed one may have taken with it
)
BREAKS = 3  # times that the pool may break over one page

LOOK = 5.0  # seconds between two looks whether the pool that has a page is still one

T = TypeVar("T")
Drafted = tuple[ExtractedPage | StoredExtraction, PageSignals]
Work = Callable[[PendingPayload, float], Drafted]
Handed = tuple[PendingPayload, ProcessFuture[Drafted], ProcessPool]
log = logging.getLogger(__name__)


class WorkerPool:
    """A pool of extracting processes; use it as a context manager. Started when first used."""

    def __init__(self, processes: int, page_seconds: float, page_megabytes: int) -> None:
        self.processes = processes
        self._seconds = page_seconds
        self._megabytes = page_megabytes
        self._pool: ProcessPool | None = None
        self._door = Lock()  # of the pool
        self._starting: Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(at_once=kind is not None)

    def start(self) -> None:
        """Has the processes made ready in the background; once is enough."""
        if self._starting is None:
            self._starting = Thread(target=self._start, name="workers")
            self._starting.start()

    def _start(self) -> None:
        with self._door:
            self._ready().schedule(
                _nothing
            )  # the pool makes its processes when it is given something

    def extract(self, payloads: Iterable[PendingPayload]) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        """A Draft for each Payload, in order. Reads ahead only as far as the workers can be kept busy."""
        for payload, (draft, _) in self._made(payloads, _extract):
            assert isinstance(draft, ExtractedPage)
            yield payload, draft

    def extract_stored(self, payloads: Iterable[PendingPayload]) -> Iterator[tuple[PendingPayload, StoredExtraction, PageSignals]]:
        """The same as it is stored, with what it teaches the memory: a Draft has hundreds of Blocks, which cost more to hand
        over than to pack."""
        for payload, (draft, shown) in self._made(payloads, _extract_packed):
            yield payload, draft if isinstance(draft, StoredExtraction) else tasks.to_stored_extraction(draft), shown

    def _made(
        self, payloads: Iterable[PendingPayload], work: Work
    ) -> Iterator[tuple[PendingPayload, Drafted]]:
        waiting: deque[Handed] = deque()
        for payload in payloads:
            waiting.append(self._hand(payload, work))
            while (
                len(waiting) >= self.processes * AHEAD
                or sum(len(each.source.body) for each, *_ in waiting) > AHEAD_BYTES
            ):
                yield self._next(waiting, work)
        while waiting:
            yield self._next(waiting, work)

    @property
    def is_running(self) -> bool:
        """Whether there are processes: to start them costs more than many a small piece of work."""
        return self._pool is not None and self._pool.active

    def submit(self, work: Callable[..., T], *args: object) -> Callable[[], T | None]:
        """Has a worker do something beside. What is returned waits for the result; it is None where nothing came of it, and
        then whoever asked does it. `work` is a function of a module, and its result can be pickled."""
        with self._door:
            pool = self._ready()
        future = pool.schedule(
            _lent, args=(self._seconds, work, args), timeout=self._seconds * WALL
        )
        return lambda: _result(future, pool)

    def _next(self, waiting: deque[Handed], work: Work) -> tuple[PendingPayload, Drafted]:
        """The first that was handed out. Where the pool itself broke (a worker was killed between two pages), no page is to
        blame: a new pool is given all that is waiting."""
        first = True
        for _ in range(BREAKS + 1):
            payload, future, pool = waiting[0]
            drafted = _answer(future, pool)
            if drafted is not None and drafted[0].reason is Reason.EXTRACTOR_DIED and first:
                first = False  # somebody else may have killed the worker; a page that does will do it again
                waiting[0] = self._hand(payload, work)
                continue
            if drafted is not None or pool.active:
                waiting.popleft()
                return payload, drafted or _none(
                    Reason.EXTRACTOR_ERROR, "the worker gave no answer"
                )
            log.warning("the pool of cleaning processes broke and is made anew")
            if self._pool is pool:
                self._end(at_once=True)
            handed = [each if each[2].active else self._hand(each[0], work) for each in waiting]
            waiting.clear()
            waiting.extend(handed)
        raise RuntimeError(f"the pool of cleaning processes broke {BREAKS} times over one page")

    def _end(self, *, at_once: bool) -> None:
        if self._starting is not None:
            self._starting.join()
        self._close(at_once=at_once)

    def _close(self, *, at_once: bool) -> None:
        if self._pool is not None:
            self._pool.stop() if at_once else self._pool.close()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def _hand(self, payload: PendingPayload, work: Work) -> Handed:
        with self._door:
            pool = self._ready()
        args = (payload, self._seconds)
        return payload, pool.schedule(work, args=args, timeout=self._seconds * WALL), pool

    def _ready(self) -> ProcessPool:
        """The pool, made anew where it broke."""
        if self._pool is not None and not self._pool.active:
            self._close(at_once=True)
        if self._pool is None:
            _spare_main()
            self._pool = ProcessPool(
                max_workers=self.processes,
                max_tasks=RECYCLE,
                initializer=_prepare,
                initargs=(self._megabytes,),
                context=_context(),
            )
        return self._pool


def _spare_main() -> None:
    """A child imports the script that started us, and with it the whole command line, unless that says it is a `__main__`
    module: then multiprocessing leaves it alone. Worth a CPU second for each worker."""
    main = sys.modules["__main__"]
    if main.__spec__ is None:
        main.__spec__ = ModuleSpec("nightdesk.__main__", None)


def _context() -> multiprocessing.context.BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.jobs.workers.preload"])
    return context


def _prepare(megabytes: int) -> None:
    """In the worker: limits, no part in the terminal's Ctrl-C, which is the parent's to answer, and none of the warnings with
    which libraries turn to programmers, as of a date with an ambiguous zone."""
    CONSTS.channel_lock_timeout = LOCKED
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    extract.warm_up()  # what the libraries take is no page's fault
    size = _own_size() + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _own_size() -> int:
    """Bytes of address space that this process has: on a machine with many cores it is several times its memory."""
    try:
        return (
            int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            * resource.getpagesize()
        )
    except OSError:  # not Linux
        return ELSEWHERE


def _nothing() -> None:
    """What a pool is given to begin with."""


def _limit(seconds: float) -> None:
    """Gives the piece of work that begins now so many seconds of CPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _lent(seconds: float, work: Callable[..., T], args: tuple[object, ...]) -> T:
    _limit(seconds)
    return work(*args)


def _extract(payload: PendingPayload, seconds: float) -> Drafted:
    _limit(seconds)
    source, coding = payload.source, payload.coding
    try:
        return extract.extract(
            replace(source, body=decompress(coding, source.body)) if coding else source
        ), PageSignals()
    except MemoryError:
        return _no_room()


def _extract_packed(payload: PendingPayload, seconds: float) -> Drafted:
    draft, _ = _extract(payload, seconds)
    assert isinstance(draft, ExtractedPage)
    try:
        return tasks.to_stored_extraction(draft), tasks.page_signals(draft, payload.pages)
    except MemoryError:
        return _no_room()


def _answer(future: ProcessFuture[Drafted], pool: ProcessPool) -> Drafted | None:
    """What came of a page; None where its pool broke, which leaves what was still in its queue without an answer for ever."""
    return _settle(future) if _is_done(future, pool) else None


def _is_done(future: ProcessFuture[T], pool: ProcessPool) -> bool:
    """Waits for the end of a piece of work; False where there will be none."""
    while not wait([future], LOOK).done:
        if not pool.active:
            return False
    return True


def _result(future: ProcessFuture[T], pool: ProcessPool) -> T | None:
    """What came of something lent."""
    try:
        return future.result() if _is_done(future, pool) else None
    except Exception as error:  # noqa: BLE001 - whatever became of the worker, the work can be done here
        log.info("a worker did not do what it was lent: %s", error)
        return None


def _settle(future: ProcessFuture[Drafted]) -> Drafted | None:
    """The Draft, or one that says what the page did to its worker; None where something else went wrong."""
    try:
        return future.result()
    except TookTooLong:
        return _none(Reason.EXTRACTOR_TIMEOUT, "the page took too long")
    except ProcessExpired as error:
        if error.exitcode == -signal.SIGXCPU:
            return _none(Reason.EXTRACTOR_TIMEOUT, "the page took too much CPU time")
        return _none(Reason.EXTRACTOR_DIED, f"the worker ended with code {error.exitcode}")
    except Exception:  # noqa: BLE001 - `extract` raises nothing, so whatever this is, it is the pool's
        return None


def _no_room() -> Drafted:
    return _none(Reason.EXTRACTOR_MEMORY, "the page needs more memory than one page may have")


def _none(reason: Reason, detail: str) -> Drafted:
    return ExtractedPage(extractors=extract.EXTRACTORS, reason=reason, detail=detail), PageSignals()
