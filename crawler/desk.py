"""The archive as a program with an event loop uses it: one call at a time, in one thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """Runs blocking calls one after the other. A call that was begun is finished, even when its caller is cancelled."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive")

    async def ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's answer, without holding up the event loop."""
        return await asyncio.wrap_future(self._thread.submit(call, *args, **kwargs))

    def ask_now(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's answer, for a caller without an event loop."""
        return self._thread.submit(call, *args, **kwargs).result()
