"""Run the crawler as a child process.

A child never outlives the call that started it, however that call ends. Where a `CrawlerServer` is
given, the child is forked from a process that has loaded the crawler already.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.jobs.crawlers.crawler_server import MAX_EVENT_BYTES, CrawlerServer, ForkedChild

# -P: a folder `crawler` in the working directory must not be imported instead of ours.
CRAWLER_COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "crawler")
TERMINATE_SECONDS = 15.0  # that a terminated child has to close its run
STDERR_TAIL_BYTES = 2000

Child = asyncio.subprocess.Process | ForkedChild
EventCallback = Callable[[dict[str, Any]], None]
"""Receives an event that the child printed as a JSON line."""


@dataclass(frozen=True, slots=True)
class ChildExit:
    """How a child process ended: its exit code and the end of its standard error."""

    code: int = 0
    stderr: str = ""

    @property
    def last_line(self) -> str:
        """Return the last line that the child wrote to standard error."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""


async def run_child(
    job: str,
    on_event: EventCallback,
    seconds: float,
    *arguments: str,
    server: CrawlerServer | None = None,
) -> ChildExit:
    """Run a child to its end.

    Args:
        job: The job as one JSON line, which the child reads from standard input.
        on_event: Receives each event of the child.
        seconds: The time limit.
        arguments: Further arguments of the crawler's command line.
        server: Forks the child. Without it, and where it fails, the child is started by itself.

    Raises:
        TimeoutError: The child did not end within the time limit, and was stopped.
    """
    child: Child | None = None
    if server is not None:
        child = await server.fork(arguments)
    if child is None:
        child = await _start(arguments)
    stderr_tail = asyncio.ensure_future(_read_stderr_tail(child))
    try:
        await asyncio.wait_for(_receive_events(child, job, on_event), seconds)
    finally:
        stderr = await _stop(child, stderr_tail)
    return ChildExit(child.returncode or 0, stderr)


async def _start(arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *CRAWLER_COMMAND,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_EVENT_BYTES,
    )


async def _receive_events(child: Child, job: str, on_event: EventCallback) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    # A child that died at once breaks the pipe. Its exit code says why.
    with contextlib.suppress(ConnectionError):
        child.stdin.write(job.encode() + b"\n")
        await child.stdin.drain()
    while line := await child.stdout.readline():
        on_event(json.loads(line))
    await child.wait()


async def _read_stderr_tail(child: Child) -> str:
    """Return the end of standard error. It is empty unless something is badly wrong."""
    assert child.stderr is not None
    tail = b""
    while chunk := await child.stderr.read(8192):
        tail = (tail + chunk)[-STDERR_TAIL_BYTES:]
    return tail.decode("utf8", "replace")


async def _stop(child: Child, stderr_tail: asyncio.Future[str]) -> str:
    """Terminate the child, kill it if it does not end, and close its pipes."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), TERMINATE_SECONDS)
        except TimeoutError:
            child.kill()
            await child.wait()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    await child.stdout.read()
    return await stderr_tail
