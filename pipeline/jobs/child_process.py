"""The crawler's child processes: started, listened to, and seen off.

Promises that a child is gone when its caller is, whatever the caller ended by, and that its last words are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

CRAWLER: tuple[str, ...] = (
    sys.executable,
    "-P",
    "-m",
    "crawler",
)  # -P: another `crawler` in the working folder is not ours
LAST_WORDS = 15.0  # seconds that an ended child has to close its Run
LINE = 1 << 20  # bytes of one event at the most

Take = Callable[[dict[str, Any]], None]


async def run_child(job: str, take: Take, limit: float, *words: str) -> tuple[int, str]:
    """Gives a child its job, takes what it tells, and returns its exit code and last words on standard error. Raises
    TimeoutError after `limit` seconds, when the child is gone."""
    child = await asyncio.create_subprocess_exec(
        *CRAWLER, *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=LINE,
    )  # fmt: skip
    said = asyncio.ensure_future(_tail(child))
    try:
        await asyncio.wait_for(_listen(child, job, take), limit)
    finally:
        last_words = await _end(child, said)
    return child.returncode or 0, last_words


async def _listen(child: asyncio.subprocess.Process, job: str, take: Take) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(
        ConnectionError
    ):  # a child that died at once has its exit code to say so
        child.stdin.write(job.encode() + b"\n")
        await child.stdin.drain()
    while line := await child.stdout.readline():
        take(json.loads(line))
    await child.wait()


async def _tail(child: asyncio.subprocess.Process) -> str:
    """The last words on standard error, which is empty unless something is badly wrong."""
    assert child.stderr is not None
    tail = b""
    while chunk := await child.stderr.read(8192):
        tail = (tail + chunk)[-2000:]
    return tail.decode("utf8", "replace")


async def _end(child: asyncio.subprocess.Process, said: asyncio.Future[str]) -> str:
    """Sees the child off, asked first, then made to, and closes its pipes. Returns its last words on standard error."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), LAST_WORDS)
        except TimeoutError:
            child.kill()
            await child.wait()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    await child.stdout.read()
    return await said
