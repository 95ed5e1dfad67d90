"""Access to the archive for a program with an event loop.

All calls run one after the other in one thread of their own. Captures that wait are saved together
in one transaction, because a commit costs more than the rows. A capture that cannot be saved does
not affect the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from pipeline.core.errors import NightdeskError
from pipeline.core.models import Outcome
from pipeline.store.crawl.session import CrawlSession, FetchedPage

BATCH_SIZE = 32  # captures in one transaction, at most
FLUSH_DELAY = 0.05  # seconds that a capture waits for others; in most nights none arrive in time

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _PendingSave:
    """A capture that waits for its transaction, and the future that gets its outcome."""

    page: FetchedPage
    outcome: Future[Outcome] = field(default_factory=Future)


class ArchiveWriter:
    """Run blocking archive calls in one thread.

    A call that has started always finishes, even when its caller is cancelled.

    Args:
        batch_size: Captures in one transaction, at most.
        flush_delay: Seconds that a capture waits for others to be saved with it.
    """

    def __init__(self, batch_size: int = BATCH_SIZE, flush_delay: float = FLUSH_DELAY) -> None:
        self._batch_size = batch_size
        self._flush_delay = flush_delay
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")
        self._pending: deque[_PendingSave] = deque()

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of a blocking call without blocking the event loop."""
        return await asyncio.wrap_future(self._thread.submit(function, *args, **kwargs))

    def call_blocking(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of a blocking call, for a caller without an event loop."""
        return self._thread.submit(function, *args, **kwargs).result()

    async def save_capture(self, archive: CrawlSession, run: int, page: FetchedPage) -> Outcome:
        """Save a fetched story page together with those that arrive soon after it.

        Args:
            archive: The session that saves.
            run: Number of the run.
            page: The fetched page.

        Returns:
            The outcome as saved, once its transaction is committed.
        """
        pending = _PendingSave(page)
        pending.outcome.set_running_or_notify_cancel()  # from here on it cannot be cancelled
        self._pending.append(pending)
        if len(self._pending) == 1:
            asyncio.get_running_loop().call_later(
                self._flush_delay, self._thread.submit, self._save_pending, archive, run
            )
        elif len(self._pending) >= self._batch_size:
            self._thread.submit(self._save_pending, archive, run)
        return await asyncio.wrap_future(pending.outcome)

    def flush(self, archive: CrawlSession, run: int) -> None:
        """Save all captures that still wait, after the event loop has ended."""
        # The first call also waits for a batch that the thread is saving.
        self._thread.submit(self._save_pending, archive, run).result()
        while self._pending:
            self._thread.submit(self._save_pending, archive, run).result()

    def _save_pending(self, archive: CrawlSession, run: int) -> None:
        """Save one batch, in the thread. Further calls may find less to save, or nothing."""
        batch: list[_PendingSave] = []
        while self._pending and len(batch) < self._batch_size:
            batch.append(self._pending.popleft())
        if not batch:
            return
        try:
            _save_batch(archive, run, batch)
        except Exception as error:  # noqa: BLE001  the callers that wait get the error
            # An error of the archive itself concerns every caller. Else one capture is to blame.
            if len(batch) == 1 or isinstance(error, NightdeskError):
                for pending in batch:
                    pending.outcome.set_exception(error)
                return
            for pending in batch:
                _save_one(archive, run, pending)


def _save_batch(archive: CrawlSession, run: int, batch: Sequence[_PendingSave]) -> None:
    outcomes = archive.save_captures(run, [pending.page for pending in batch])
    for pending, outcome in zip(batch, outcomes, strict=True):
        pending.outcome.set_result(outcome)


def _save_one(archive: CrawlSession, run: int, pending: _PendingSave) -> None:
    try:
        pending.outcome.set_result(archive.save_captures(run, (pending.page,))[0])
    except Exception as error:  # noqa: BLE001  the caller that waits gets the error
        pending.outcome.set_exception(error)
