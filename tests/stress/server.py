"""A server on several addresses of this machine that sends exactly the given bytes, correct or not.

It has one thread with its own event loop, and stops with the block. Each answer limits its own size
and time. It ends when the client goes away.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# A piece of an answer: bytes to send, seconds to wait, or RESET to break the connection.
RESET = None
Piece = bytes | float | None
Answer = Callable[[], Iterable[Piece]]
NO_ROBOTS = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
CLOSE = b"\r\nConnection: close\r\n"


@dataclass
class Server:
    """Serve `answers` by host and path. An unknown path is 404. `requests` are those that came."""

    port: int
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def url(self, host: str, path: str = "/") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which stays open as long as each answer is complete."""
        host = writer.get_extra_info("sockname")[0]
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode("ascii")
                self.requests.append((host, path))
                answer = self.answers.get((host, path), lambda: (NO_ROBOTS,))
                # some answers make their bytes only now, and must not block the others
                pieces = await asyncio.to_thread(answer)
                if not await self._send(pieces, writer):
                    break
        writer.close()

    async def _send(self, pieces: Iterable[Piece], writer: asyncio.StreamWriter) -> bool:
        """Send an answer. Return False if the connection must be closed after it."""
        first = b""
        for piece in pieces:
            if piece is None:  # RESET
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                writer.transport.abort()
                return False
            if isinstance(piece, bytes):
                first = first or piece
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        return b"Content-Length" in first and CLOSE not in first


@contextmanager
def start_server(hosts: Sequence[str]) -> Iterator[Server]:
    """Start the server on the same port of each host."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = Server(0)

    async def listen() -> list[asyncio.Server]:
        first = await asyncio.start_server(server.serve, hosts[0], 0, backlog=512)
        server.port = first.sockets[0].getsockname()[1]
        return [
            first,
            *[await asyncio.start_server(server.serve, host, server.port) for host in hosts[1:]],
        ]

    listening = asyncio.run_coroutine_threadsafe(listen(), loop).result()
    try:
        yield server
    finally:
        for listener in listening:
            loop.call_soon_threadsafe(listener.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def raw_bytes(*pieces: Piece) -> Answer:
    """Answer with these pieces as they are."""
    return lambda: pieces


def http(
    body: bytes | str,
    kind: str = "text/html; charset=utf-8",
    status: str = "200 OK",
    head: bytes | str = b"",
    close: bool = False,
) -> Answer:
    """Answer completely and correctly. `head` is further header lines, each with its line end."""
    data = body.encode("utf8") if isinstance(body, str) else body
    more = head.encode("latin-1") if isinstance(head, str) else head
    lines = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n".encode(
        "latin-1"
    )
    return raw_bytes(lines + more + (CLOSE[2:] if close else b"") + b"\r\n", data)


def redirect(location: str, status: str = "302 Found", head: str = "") -> Answer:
    """Answer with a redirect."""
    return http("moved", status=status, head=f"Location: {location}\r\n{head}")
