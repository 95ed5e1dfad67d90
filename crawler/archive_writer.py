"""The archive as a program with an event loop uses it: one call at a time, in one thread of its own.

Promises that visits which wait are kept together, in one transaction, since a commit and the statements around it cost
more than the rows; and that one which cannot be kept costs no other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from pipeline.core.errors import NightdeskError
from pipeline.core.models import Outcome
from pipeline.store.crawl.session import CrawlSession, Visit

BATCH_SIZE = 32  # visits in one transaction at the most
FLUSH_DELAY = 0.05  # seconds that a visit waits for others to be kept with it; at the pace of an ordinary night none come

P = ParamSpec("P")
T = TypeVar("T")


class ArchiveWriter:
    """Runs blocking calls one after the other. A call that was begun is finished, even when its caller is cancelled."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")
        self._waiting: deque[tuple[Visit, Future[Outcome]]] = deque()

    async def call(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's answer, without holding up the event loop."""
        return await asyncio.wrap_future(self._thread.submit(call, *args, **kwargs))

    def call_blocking(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's answer, for a caller without an event loop."""
        return self._thread.submit(call, *args, **kwargs).result()

    async def save_capture(self, archive: CrawlSession, run: int, visit: Visit) -> Outcome:
        """Keeps a visit, together with those that come soon after it; returns its outcome once that is committed."""
        kept: Future[Outcome] = Future()
        kept.set_running_or_notify_cancel()  # from here on it cannot be called off
        self._waiting.append((visit, kept))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(
                FLUSH_DELAY, self._thread.submit, self._keep_waiting, archive, run
            )
        elif len(self._waiting) >= BATCH_SIZE:
            self._thread.submit(self._keep_waiting, archive, run)
        return await asyncio.wrap_future(kept)

    def flush(self, archive: CrawlSession, run: int) -> None:
        """Keeps what still waits, after the event loop."""
        while self._waiting:
            self._thread.submit(self._keep_waiting, archive, run).result()

    def _keep_waiting(self, archive: CrawlSession, run: int) -> None:
        """In the thread. The first of several such calls keeps what waits, and the others find less or nothing."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH_SIZE, len(self._waiting)))]
        if not batch:
            return
        try:
            outcomes = archive.keep_all(run, [visit for visit, _ in batch])
        except Exception as error:  # noqa: BLE001  handed on to the one who waits
            if len(batch) == 1 or isinstance(
                error, NightdeskError
            ):  # the archive's own trouble is everybody's
                for _, kept in batch:
                    kept.set_exception(error)
                return
            for visit, kept in batch:
                _keep_alone(archive, run, visit, kept)
            return
        for (_, kept), outcome in zip(batch, outcomes, strict=True):
            kept.set_result(outcome)


def _keep_alone(archive: CrawlSession, run: int, visit: Visit, kept: Future[Outcome]) -> None:
    try:
        kept.set_result(archive.keep_all(run, (visit,))[0])
    except Exception as error:  # noqa: BLE001  handed on to the one who waits
        kept.set_exception(error)
