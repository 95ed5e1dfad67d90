"""The browser's only way to the network: a SOCKS 5 server (RFC 1928) on this machine.

A connection is opened only to a host that the page may ask. Its address is checked after the name
is resolved, and that same address is then connected to. So neither a redirect nor a change of the
name leads to an internal address. A page cannot load more bytes than its limit. `request_policy`
decides what a page may ask. Nothing is decrypted or read.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from pipeline.core.ip_addresses import is_public_address

CHUNK_BYTES = 65536
SOCKS_VERSION = 5
CONNECT = 1
SUCCEEDED, NOT_ALLOWED, UNREACHABLE = 0, 2, 4  # replies of RFC 1928
IPV4, NAME, IPV6 = 1, 3, 4  # address types of RFC 1928

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Connection:
    """An open connection to a host."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass
class SocksProxy:
    """A SOCKS 5 server for one browser. Call `open` once, then `start_page` for each page."""

    may_be_private: Callable[[str, int], bool]  # whether a host and port may have a private address
    timeout: float  # seconds to reach a host
    received: int = 0  # bytes since `start_page`
    blocked: list[str] = field(default_factory=list)  # hosts at internal addresses, the same
    is_full: bool = False  # whether the page has loaded as many bytes as it may
    _max_bytes: int = 0
    _allowed: set[tuple[str, int]] = field(default_factory=set)
    _open_writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def open(self) -> int:
        """Start to serve and return the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Close all connections and stop to serve."""
        self._close_connections()
        if self._server is not None:
            self._server.close()

    def start_page(self, max_bytes: int) -> None:
        """Start a new page, which may load `max_bytes`. Close connections of the page before.

        Args:
            max_bytes: The bytes that all connections of the page may receive together.
        """
        self._close_connections()
        self._allowed.clear()
        self.received = 0
        self.blocked = []
        self.is_full = False
        self._max_bytes = max_bytes

    def allow(self, host: str, port: int) -> None:
        """Let the page connect to a host, if it has a public address."""
        self._allowed.add((host.lower().strip("[]"), port))

    def _close_connections(self) -> None:
        for writer in tuple(self._open_writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open_writers.add(writer)
        try:
            host, port = await asyncio.wait_for(_read_target(reader, writer), self.timeout)
            remote = await self._connect(host, port)
            if isinstance(remote, _Connection):
                writer.write(_reply(SUCCEEDED))
                await self._relay(_Connection(reader, writer), remote)
            else:
                writer.write(_reply(remote))
        except (OSError, EOFError, ValueError, TimeoutError):
            pass  # one side closed the connection or spoke no SOCKS; the browser's page notices
        finally:
            self._open_writers.discard(writer)
            with suppress(OSError):
                writer.close()

    async def _connect(self, host: str, port: int) -> _Connection | int:
        """A connection to a host, or the reply that says why there is none."""
        if (host.lower().rstrip("."), port) not in self._allowed or self.is_full:
            return NOT_ALLOWED
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError, TimeoutError):
            return UNREACHABLE
        allowed = addresses
        if not self.may_be_private(host, port):
            allowed = [address for address in addresses if is_public_address(address)]
        if addresses and not allowed:
            self._note_blocked(host, addresses[0])
            return NOT_ALLOWED
        for address in allowed:
            with suppress(OSError, TimeoutError):
                connecting = asyncio.open_connection(address, port)
                return _Connection(*await asyncio.wait_for(connecting, self.timeout))
        return UNREACHABLE

    async def _resolve(self, host: str, port: int) -> list[str]:
        resolving = asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        infos = await asyncio.wait_for(resolving, self.timeout)
        return list(dict.fromkeys(str(info[4][0]) for info in infos))

    def _note_blocked(self, host: str, address: str) -> None:
        if host in self.blocked:
            return
        self.blocked.append(host)
        message = "%s has the internal address %s, and allow_private does not name it"
        log.warning(message, host, address)

    async def _relay(self, browser: _Connection, remote: _Connection) -> None:
        self._open_writers.add(remote.writer)
        upload = asyncio.create_task(_pump(browser.reader, remote.writer))
        try:
            while chunk := await remote.reader.read(CHUNK_BYTES):
                self.received += len(chunk)
                if self.received > self._max_bytes:
                    self.is_full = True
                    self._close_connections()
                    break
                browser.writer.write(chunk)
                await browser.writer.drain()
        finally:
            upload.cancel()
            self._open_writers.discard(remote.writer)
            remote.writer.close()


async def _read_target(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[str, int]:
    """The host and port that a client wants to reach. Raises ValueError for what is no SOCKS 5."""
    version, method_count = await reader.readexactly(2)
    await reader.readexactly(method_count)
    if version != SOCKS_VERSION:
        raise ValueError("no SOCKS 5")
    writer.write(bytes((SOCKS_VERSION, 0)))  # no password: nobody could type one
    _, command, _, address_type = await reader.readexactly(4)
    if command != CONNECT or address_type not in (IPV4, NAME, IPV6):
        raise ValueError("no request for a connection")
    if address_type == NAME:
        length = (await reader.readexactly(1))[0]
        host = (await reader.readexactly(length)).decode("ascii")
    elif address_type == IPV4:
        host = socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
    else:
        host = socket.inet_ntop(socket.AF_INET6, await reader.readexactly(16))
    return host, int.from_bytes(await reader.readexactly(2), "big")


def _reply(code: int) -> bytes:
    return bytes((SOCKS_VERSION, code, 0, IPV4)) + bytes(6)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
