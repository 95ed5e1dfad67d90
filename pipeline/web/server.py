"""HTTP server of the web app: one process on one address, until it gets SIGINT or SIGTERM."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn

from pipeline.core.errors import ConfigError
from pipeline.web.middleware.security_headers import SecurityHeadersMiddleware

SHUTDOWN_TIMEOUT = 3  # seconds that open responses may take after the server has to end
BACKLOG = 128  # connections that wait to be accepted
# A wildcard address cannot be opened in a browser on all systems.
LOOPBACK_OF_WILDCARD = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket.

    Args:
        host: An address or name of this machine.
        port: The port; 0 for any free one.

    Raises:
        ConfigError: The address is not one of this machine, or the port is taken or forbidden.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = addresses[0]
        # asyncio sets TCP_NODELAY only on sockets that name their protocol. Without it each
        # response on a kept-alive connection comes 40 ms late.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError as error:
        message = f"--host {host}: is not an address of this machine ({error.strerror})"
        raise ConfigError(message) from None
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(_bind_error_message(error, host, port)) from None
    return listening


def _bind_error_message(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"--port {port}: another program uses this port; end it or choose another port"
    if error.errno == errno.EACCES:
        return f"--port {port}: you may not use this port; choose one from 1024 on"
    return f"--host {host}: cannot listen on this address ({error.strerror})"


def server_url(listening: socket.socket) -> str:
    """Return the URL to open in a browser."""
    host, port = listening.getsockname()[:2]
    host = LOOPBACK_OF_WILDCARD.get(host, host)
    if ":" in host:
        host = f"[{host}]"
    return f"http://{host}:{port}/"


def serve(
    app: SecurityHeadersMiddleware, listening: socket.socket, on_started: Callable[[], None]
) -> None:
    """Serve until the process has to end.

    Args:
        app: The application of `create_app`.
        listening: The socket of `listen`.
        on_started: Called once when the server answers.
    """

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_started()

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=32_768,
        ws="none",
        limit_concurrency=200,
    )
    Server(config).run(sockets=[listening])
