"""A crawler that runs: a process that was started by itself, or forked from a server."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

MAX_EVENT_BYTES = 1 << 20  # of one line that a crawler prints
TERMINATE_SECONDS = 15.0  # that a terminated child has to close its run
STDERR_TAIL_BYTES = 2000


class ChildProcess(Protocol):
    """What `asyncio.subprocess.Process` and `ForkedChild` have in common."""

    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader | None
    stderr: asyncio.StreamReader | None

    @property
    def returncode(self) -> int | None:
        """Return the exit code; None while the process runs."""

    def terminate(self) -> None:
        """Ask the process to end in order."""

    def kill(self) -> None:
        """End the process at once."""

    async def wait(self) -> int:
        """Wait until the process has ended, and return its exit code."""


class RunningChild:
    """A crawler and the end of its standard error, which is read all the time.

    Attributes:
        process: The process.
        has_crawled: Whether it has crawled a site already.
    """

    def __init__(self, process: ChildProcess) -> None:
        self.process = process
        self.has_crawled = False
        self._stderr_tail = asyncio.ensure_future(_read_stderr_tail(process))

    async def stop(self) -> str:
        """Terminate the child, kill it if it does not end, and close its pipes.

        Returns:
            The end of its standard error. Further calls return the same.
        """
        process = self.process
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), TERMINATE_SECONDS)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        with contextlib.suppress(ConnectionError):  # it died before it read its job
            await process.stdout.read()
        return await self._stderr_tail


async def _read_stderr_tail(process: ChildProcess) -> str:
    """Return the end of standard error. It is empty unless something is badly wrong."""
    assert process.stderr is not None
    tail = b""
    while chunk := await process.stderr.read(8192):
        tail = (tail + chunk)[-STDERR_TAIL_BYTES:]
    return tail.decode("utf8", "replace")
