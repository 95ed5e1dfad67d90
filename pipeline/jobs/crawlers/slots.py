"""Limit how many child processes work at the same time.

A child that prints nothing for a while only waits: its server hangs or asks for long pauses. It
gives its place to the next child, so that it holds up nobody. The number of all children is
limited, too, and on a machine with little memory it is smaller.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from pipeline.core.memory import available_megabytes

QUIET_SECONDS = 10.0  # without an event, after which a child counts as waiting
WAITING_PER_ACTIVE = 2  # waiting children for each one that works
CHILD_MEGABYTES = 150  # that a crawler takes


class ChildSlots:
    """At most `count` children that work, and three times as many in total.

    Args:
        count: Children that work at the same time.
        quiet_seconds: Seconds without an event, after which a child counts as waiting. They are
            counted from its first event: a child that still loads its modules on a slow machine
            does not wait.
    """

    def __init__(self, count: int, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._quiet_seconds = quiet_seconds
        self._active = asyncio.Semaphore(count)
        self._total = asyncio.Semaphore(count + _waiting_children(count))

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator[Callable[[], None]]:
        """Hold a slot as long as the block lasts.

        Yields:
            A function to call whenever the child prints an event.
        """
        async with self._total:
            await self._active.acquire()
            has_spoken = asyncio.Event()
            last_event_at = 0.0

            def record_event() -> None:
                nonlocal last_event_at
                last_event_at = time.monotonic()
                has_spoken.set()

            async def wait_until_quiet() -> None:
                await has_spoken.wait()
                while (left := last_event_at + self._quiet_seconds - time.monotonic()) > 0:
                    await asyncio.sleep(left)

            watch = asyncio.create_task(wait_until_quiet())
            watch.add_done_callback(lambda _: self._active.release())
            try:
                yield record_event
            finally:
                watch.cancel()


def _waiting_children(count: int) -> int:
    """Return how many children may wait beside those that work, as far as there is memory."""
    waiting = count * WAITING_PER_ACTIVE
    megabytes = available_megabytes()
    if megabytes is None:
        return waiting
    return max(0, min(waiting, megabytes // CHILD_MEGABYTES - count))
