"""Limit how many child processes work at the same time.

A child that prints nothing for a while only waits: its server hangs or asks for long pauses. It
gives its place to the next child, so that it holds up nobody. The number of all children is
limited, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

QUIET_SECONDS = 10.0  # without an event, after which a child counts as waiting
WAITING_PER_ACTIVE = 2  # waiting children for each one that works


class ChildSlots:
    """At most `count` children that work, and three times as many in total.

    Args:
        count: Children that work at the same time.
        quiet_seconds: Seconds without an event, after which a child counts as waiting.
    """

    def __init__(self, count: int, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._quiet_seconds = quiet_seconds
        self._active = asyncio.Semaphore(count)
        self._total = asyncio.Semaphore(count * (1 + WAITING_PER_ACTIVE))

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[Callable[[], None]]:
        """Hold a slot as long as the block lasts.

        Yields:
            A function to call whenever the child prints an event.
        """
        async with self._total:
            await self._active.acquire()
            last_event_at = time.monotonic()

            def record_event() -> None:
                nonlocal last_event_at
                last_event_at = time.monotonic()

            async def wait_until_quiet() -> None:
                while (left := last_event_at + self._quiet_seconds - time.monotonic()) > 0:
                    await asyncio.sleep(left)

            watch = asyncio.create_task(wait_until_quiet())
            watch.add_done_callback(lambda _: self._active.release())
            try:
                yield record_event
            finally:
                watch.cancel()
