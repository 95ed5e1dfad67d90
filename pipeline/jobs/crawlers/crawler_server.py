"""Fork crawlers from a process that has loaded them: `crawler.fork_server`.

A crawler takes one site after another, because the first crawl of a process costs several times as
much as the next. It has one site at a time, so what dies, hangs or fills its memory holds up no
other site. Where the server fails, the caller starts a crawler by itself, as before.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from pipeline.jobs.crawlers.running_child import MAX_EVENT_BYTES, RunningChild

SERIES = ("series",)  # arguments of a crawler that takes one site after another
SERVER_COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "crawler.fork_server")
MAX_FORKS = 200  # of one server, which is replaced then
REPLY_SECONDS = 60.0  # that a server may take to load the crawler and to fork it
STOP_SECONDS = 5.0  # that a server may take to end

log = logging.getLogger(__name__)


class ForkedChild:
    """A crawler that a server forked, with the interface of `asyncio.subprocess.Process`.

    Attributes:
        pid: The number of the process.
        stdin: Its standard input.
        stdout: Its standard output.
        stderr: Its standard error.
        returncode: Its exit code, or None while it runs. It is 0 where the server died before the
            crawler, because nobody knows the code then.
    """

    def __init__(
        self,
        pid: int,
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader,
    ) -> None:
        self.pid = pid
        self.stdin: asyncio.StreamWriter | None = stdin
        self.stdout: asyncio.StreamReader | None = stdout
        self.stderr: asyncio.StreamReader | None = stderr
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def terminate(self) -> None:
        """Ask the crawler to end in order."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the crawler at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait until the crawler has ended, and return its exit code."""
        await self._ended.wait()
        return self.returncode or 0

    def end(self, code: int) -> None:
        """Record that the crawler has ended."""
        self.returncode = code
        self._ended.set()


class _ServerProcess:
    """One server process and the crawlers that it forked."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.process = process
        self.forks = 0
        self.is_retired = False
        self._control = control
        self._children: dict[int, ForkedChild] = {}
        self._codes: dict[int, int] = {}  # of crawlers that ended before their `fork` returned
        self._forked: asyncio.Future[int] | None = None
        self._replies = asyncio.create_task(self._read_replies())

    @classmethod
    async def start(cls) -> Self:
        """Start a server. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *SERVER_COMMAND,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        ours.setblocking(False)
        return cls(process, ours)

    async def fork(self, arguments: Sequence[str]) -> ForkedChild:
        """Fork a crawler. Raises OSError or TimeoutError."""
        self.forks += 1
        # One socket is standard input and output, so that both are streams of asyncio.
        streams, child_streams = socket.socketpair()
        errors, child_errors = os.pipe()
        stdout, stdin = await asyncio.open_connection(sock=streams, limit=MAX_EVENT_BYTES)
        stderr = await _open_pipe(errors)
        try:
            pid = await self._request(arguments, (child_streams.fileno(),) * 2 + (child_errors,))
        except BaseException:
            stdin.close()
            raise
        finally:
            child_streams.close()
            os.close(child_errors)
        child = ForkedChild(pid, stdin, stdout, stderr)
        self._children[pid] = child
        if pid in self._codes:
            self._end_child(pid, self._codes.pop(pid))
        return child

    async def _request(self, arguments: Sequence[str], streams: Sequence[int]) -> int:
        self._forked = asyncio.get_running_loop().create_future()
        request = json.dumps(list(arguments)).encode()
        socket.send_fds(self._control, [request], list(streams))
        return await asyncio.wait_for(self._forked, REPLY_SECONDS)

    async def _read_replies(self) -> None:
        loop, received = asyncio.get_running_loop(), b""
        with suppress(OSError):
            while data := await loop.sock_recv(self._control, 4096):
                *lines, received = (received + data).split(b"\n")
                for line in lines:
                    self._receive(json.loads(line))
        # The server has died. Its crawlers go on, but their exit codes are lost.
        if self._forked is not None and not self._forked.done():
            self._forked.set_exception(ConnectionError("the server of crawlers has died"))
        for pid in list(self._children):
            self._end_child(pid, 0)

    def _receive(self, reply: dict[str, int]) -> None:
        if "code" in reply:
            self._end_child(reply["pid"], reply["code"])
        elif self._forked is not None and not self._forked.done():
            self._forked.set_result(reply["pid"])

    def _end_child(self, pid: int, code: int) -> None:
        child = self._children.pop(pid, None)
        if child is None:
            self._codes[pid] = code
            return
        child.end(code)
        if self.is_retired and not self._children:
            self._end_requests()

    def retire(self) -> None:
        """Let the server end with its last crawler."""
        self.is_retired = True
        if not self._children:
            self._end_requests()

    def _end_requests(self) -> None:
        """Tell the server that no request follows, so that it ends."""
        with suppress(OSError):  # it has ended already
            self._control.shutdown(socket.SHUT_WR)

    async def close(self) -> None:
        """End the server. Its crawlers have ended, or end when their parent closes their input."""
        self._end_requests()
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self._replies
        self._control.close()


async def _open_pipe(fd: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    pipe = os.fdopen(fd, "rb", 0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
    return reader


class CrawlerServer:
    """Starts a server process with the first crawler, and replaces it now and then.

    It also keeps the crawlers that wait for their next site. Use it as an asynchronous context
    manager: the server and these crawlers end with the block.

    Attributes:
        forks: Crawlers that were forked.
    """

    def __init__(self) -> None:
        self.forks = 0
        self._waiting: list[RunningChild] = []
        self._current: _ServerProcess | None = None
        self._all: list[_ServerProcess] = []
        self._lock = asyncio.Lock()  # one request at a time
        self._has_failed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.end_waiting()
        for server in self._all:
            await server.close()

    async def end_waiting(self) -> None:
        """End the crawlers that wait for their next site."""
        while self._waiting:
            await self._waiting.pop().stop()

    async def take(self, *, fresh: bool = False) -> RunningChild | None:
        """Return a crawler that waits, or fork one.

        Args:
            fresh: Whether the crawler must not have crawled before.

        Returns:
            The crawler, or None where the server failed: then start it by itself.
        """
        while self._waiting and not fresh:
            child = self._waiting.pop()  # the last one, so that the others may end
            if child.process.returncode is None:
                return child
            await child.stop()
        forked = await self.fork(SERIES)
        return None if forked is None else RunningChild(forked)

    def give_back(self, child: RunningChild) -> None:
        """Keep a crawler that waits for its next site."""
        self._waiting.append(child)

    async def fork(self, arguments: Sequence[str]) -> ForkedChild | None:
        """Fork a crawler.

        Args:
            arguments: The arguments of its command line.

        Returns:
            The crawler, or None where the server failed: then start it by itself.
        """
        async with self._lock:
            if self._has_failed:
                return None
            try:
                child = await (await self._server()).fork(arguments)
            except (OSError, TimeoutError) as error:
                reason = str(error) or f"it gave no answer for {REPLY_SECONDS:.0f} s"
                log.warning(
                    "crawlers are started one by one, because their server failed: %s", reason
                )
                self._has_failed = True
                return None
            self.forks += 1
            return child

    @property
    def processes(self) -> list[asyncio.subprocess.Process]:
        """Return the server processes that were started, the current one last."""
        return [server.process for server in self._all]

    async def _server(self) -> _ServerProcess:
        if self._current is not None and self._current.forks >= MAX_FORKS:
            self._current.retire()
            self._current = None
        if self._current is None:
            self._current = await _ServerProcess.start()
            self._all.append(self._current)
        return self._current
