"""Places for child processes: so many at work at a time, and a few more that only wait.

Promises that a child which says nothing for a while, since its server hangs or asks for long pauses, holds up nobody: its place
is given to the next one. All children together are bounded too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

QUIET = 10.0  # seconds without a word, after which a child is taken to wait
WAITING = 2  # times as many may wait, beside those at work


class ChildSlots:
    """At most `number` children at work, and three times as many in all."""

    def __init__(self, number: int, quiet: float = QUIET) -> None:
        self._quiet = quiet
        self._at_work = asyncio.Semaphore(number)
        self._in_all = asyncio.Semaphore(number * (1 + WAITING))

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[Callable[[], None]]:
        """A place for a child, as long as the block lasts. What it yields is to be called whenever the child says something."""
        async with self._in_all:
            await self._at_work.acquire()
            heard = time.monotonic()

            def hear() -> None:
                nonlocal heard
                heard = time.monotonic()

            async def give_up_when_quiet() -> None:
                while (left := heard + self._quiet - time.monotonic()) > 0:
                    await asyncio.sleep(left)

            watch = asyncio.create_task(give_up_when_quiet())
            watch.add_done_callback(lambda _: self._at_work.release())
            try:
                yield hear
            finally:
                watch.cancel()
