"""The server: one process that listens at one address until it is told to end.

Promises that a port which is taken, or an address that is not this machine's, is one sentence, and that Ctrl-C and SIGTERM end
it in order.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn

from pipeline.core.errors import ConfigError
from pipeline.web.middleware.security_headers import Guard

PATIENCE = 3  # seconds that answers on their way may take when the server ends


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError as error:
        raise ConfigError(
            f"--host {host}: is no address of this machine ({error.strerror})"
        ) from None
    try:
        found.bind(address)
        found.listen(128)
    except OSError as error:
        found.close()
        raise ConfigError(_why(error, host, port)) from None
    return found


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port}: another program listens there already; end that one or choose another port"
    if error.errno == errno.EACCES:
        return f"--port {port}: you may not listen there; choose a port from 1024 on"
    return f"--host {host}: cannot be listened at ({error.strerror})"


def address_of(listening: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # what can be opened
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(application: Guard, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serves until the process is told to end."""

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        application, log_level="warning", access_log=False, proxy_headers=True, forwarded_allow_ips="127.0.0.1",
        server_header=False, timeout_graceful_shutdown=PATIENCE, timeout_keep_alive=15, h11_max_incomplete_event_size=32_768,
        ws="none", limit_concurrency=200,
    )  # fmt: skip
    Server(config).run(sockets=[listening])
