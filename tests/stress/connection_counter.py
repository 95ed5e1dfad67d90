"""A listener that counts connections to ports that nothing may connect to.

It counts each connection to a port of this machine's own addresses, no matter which program makes
it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

ADDRESSES = ("127.0.0.1", "127.0.0.3", "127.127.127.127", "::1")


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/html\r\n\r\nanswer"


@dataclass
class ConnectionCounter:
    """`addresses` are the addresses that received a connection, in order."""

    addresses: list[str] = field(default_factory=list)
    listeners: list[socket.socket] = field(default_factory=list)

    def listen(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family, backlog=64)
        self.listeners.append(listener)
        threading.Thread(target=self._count, args=(listener, address), daemon=True).start()

    def _count(self, listener: socket.socket, address: str) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                connection, _ = listener.accept()
                self.addresses.append(address)
                with suppress(OSError):
                    connection.sendall(ANSWER)
                connection.close()


@contextmanager
def count_connections(
    port: int, addresses: Sequence[str] = ADDRESSES
) -> Iterator[ConnectionCounter]:
    """Listen on one port of each address, and count."""
    counter = ConnectionCounter()
    for address in addresses:
        with suppress(OSError):  # a machine without IPv6
            counter.listen(address, port)
    try:
        yield counter
    finally:
        for listener in counter.listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
