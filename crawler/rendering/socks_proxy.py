"""The browser's one way out: a SOCKS 5 server on this machine, through which all of its connections go.

Promises that a connection is opened only to a host that the page was given leave to ask, at an address that was judged after
the name was resolved and is then connected to, so that no redirect and no change of a name's address leads inside; and that a
page brings in no more bytes than it may. What a page may ask is decided in `subrequests`. Nothing is decrypted or read.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from pipeline.core.ip_addresses import is_public_address

CHUNK = 65536
SUCCEEDED, NOT_ALLOWED, UNREACHABLE = 0, 2, 4  # replies, as RFC 1928 numbers them
IPV4, NAME, IPV6 = 1, 3, 4

log = logging.getLogger(__name__)


@dataclass
class SocksProxy:
    """See the module's head. `open` it, then `begin` for each page."""

    may_be_private: Callable[
        [str, int], bool
    ]  # whether a host, asked at a port, may have a private address
    timeout: float  # seconds to reach a host
    received: int = 0  # bytes, since `begin`
    blocked: list[str] = field(default_factory=list)  # hosts at inner addresses, since `begin`
    is_full: bool = False  # whether the page has brought in all that it may
    _most: int = 0
    _allowed: set[tuple[str, int]] = field(default_factory=set)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def open(self) -> int:
        """Begins to serve, and returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._hang_up()
        if self._server is not None:
            self._server.close()

    def start_page(self, most: int) -> None:
        """A new page, which may bring in so many bytes; connections of the one before are closed."""
        self._hang_up()
        self._allowed.clear()
        self.received, self.blocked, self.is_full, self._most = 0, [], False, most

    def allow(self, host: str, port: int) -> None:
        """Lets the page connect to a host, wherever that is in the open Internet."""
        self._allowed.add((host.lower().strip("[]"), port))

    def _hang_up(self) -> None:
        for writer in tuple(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            host, port = await asyncio.wait_for(_greeted(reader, writer), self.timeout)
            there = await self._reach(host, port)
            writer.write(_reply(there if isinstance(there, int) else SUCCEEDED))
            if not isinstance(there, int):
                await self._relay(reader, writer, *there)
        except (OSError, EOFError, ValueError, TimeoutError):
            pass  # either side hung up, or spoke no SOCKS: the browser's page hears of it
        finally:
            self._open.discard(writer)
            with suppress(OSError):
                writer.close()

    async def _reach(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | int:
        """A connection to a host, or the reply that says why there is none."""
        if (host.lower().rstrip("."), port) not in self._allowed or self.is_full:
            return NOT_ALLOWED
        try:
            found = await asyncio.wait_for(
                asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM),
                self.timeout,
            )
        except (OSError, UnicodeError, TimeoutError):
            return UNREACHABLE
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        may_be_private = self.may_be_private(host, port)
        good = [address for address in addresses if may_be_private or is_public_address(address)]
        if not good and addresses:
            if host not in self.blocked:
                self.blocked.append(host)
                log.warning(
                    "%s is at the inner address %s, which allow_private does not name",
                    host,
                    addresses[0],
                )
            return NOT_ALLOWED
        for address in good:
            with suppress(OSError, TimeoutError):
                return await asyncio.wait_for(asyncio.open_connection(address, port), self.timeout)
        return UNREACHABLE

    async def _relay(
        self,
        near: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
    ) -> None:
        self._open.add(forth)
        try:
            up = asyncio.create_task(_pump(near, forth))
            while chunk := await far.read(CHUNK):
                self.received += len(chunk)
                if self.received > self._most:
                    self.is_full = True
                    self._hang_up()
                    break
                back.write(chunk)
                await back.drain()
        finally:
            up.cancel()
            self._open.discard(forth)
            forth.close()


async def _greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """The host and port that a client wants to be connected to. Raises ValueError for what is no SOCKS 5."""
    version, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    if version != 5:
        raise ValueError("no SOCKS 5")
    writer.write(b"\x05\x00")  # no password: nobody can be asked for one
    _, command, _, kind = await reader.readexactly(4)
    if command != 1 or kind not in (IPV4, NAME, IPV6):
        raise ValueError("no request for a connection")
    length = {IPV4: 4, IPV6: 16}.get(kind) or (await reader.readexactly(1))[0]
    raw = await reader.readexactly(length)
    host = (
        raw.decode("ascii")
        if kind == NAME
        else socket.inet_ntop(socket.AF_INET if kind == IPV4 else socket.AF_INET6, raw)
    )
    return host, int.from_bytes(await reader.readexactly(2), "big")


def _reply(code: int) -> bytes:
    return bytes((5, code, 0, IPV4)) + bytes(6)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
