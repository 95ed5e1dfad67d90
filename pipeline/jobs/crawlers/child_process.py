"""Run the crawler as a child process.

A child never outlives the call that started it, however that call ends. Where a `CrawlerServer` is
given, the child is forked from a process that has loaded the crawler already, and after a crawl
that ended well it waits in the server for the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.jobs.crawlers.crawler_server import CrawlerServer
from pipeline.jobs.crawlers.running_child import MAX_EVENT_BYTES, RunningChild

# -P: a folder `crawler` in the working directory must not be imported instead of ours.
CRAWLER_COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "crawler")

EventCallback = Callable[[dict[str, Any]], None]
"""Receives an event that the child printed as a JSON line."""


@dataclass(frozen=True, slots=True)
class ChildExit:
    """How a child process ended its job.

    Attributes:
        code: Its exit code; 0 where it waits for the next job.
        stderr: The end of its standard error.
        is_timeout: Whether it was stopped because it did not end within its time limit.
        had_crawled: Whether it had crawled other sites before.
    """

    code: int = 0
    stderr: str = ""
    is_timeout: bool = False
    had_crawled: bool = False

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
    fresh: bool = False,
) -> ChildExit:
    """Run a job in a child to its end.

    Args:
        job: The job as one JSON line, which the child reads from standard input.
        on_event: Receives each event of the child.
        seconds: The time limit.
        arguments: Further arguments of the crawler's command line.
        server: Has children that wait, or forks one. Without it, and where it fails, the child is
            started by itself.
        fresh: Whether the child must not have crawled before.
    """
    child = None
    if server is not None:
        child = await server.take(fresh=fresh)
    if child is None:
        child = await _start(arguments)
    had_crawled, is_timeout, waits = child.has_crawled, False, False
    try:
        waits = await asyncio.wait_for(_run_job(child, job, on_event), seconds)
    except TimeoutError:
        is_timeout = True
    finally:
        if not waits:
            await child.stop()
    if waits and server is not None:
        child.has_crawled = True
        server.give_back(child)
        return ChildExit(had_crawled=had_crawled)
    stderr = await child.stop()
    return ChildExit(child.process.returncode or 0, stderr, is_timeout, had_crawled)


async def _start(arguments: tuple[str, ...]) -> RunningChild:
    process = await asyncio.create_subprocess_exec(
        *CRAWLER_COMMAND,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_EVENT_BYTES,
    )
    return RunningChild(process)


async def _run_job(child: RunningChild, job: str, on_event: EventCallback) -> bool:
    """Pass on events until the child ends, or waits for its next job. Return whether it waits."""
    process = child.process
    assert process.stdin is not None
    assert process.stdout is not None
    # A child that died at once breaks the pipe. Its exit code says why.
    with contextlib.suppress(ConnectionError):
        process.stdin.write(job.encode() + b"\n")
        await process.stdin.drain()
    with contextlib.suppress(ConnectionError):  # it died before it read the job
        while line := await process.stdout.readline():
            event = json.loads(line)
            if event["event"] == "ready":
                return True
            on_event(event)
    await process.wait()
    return False
