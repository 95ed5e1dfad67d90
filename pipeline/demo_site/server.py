"""HTTP server of the three demo sites on 127.0.0.1, each on its own port.

It speaks HTTP/1.1 with keep-alive, sends a strong ETag and Last-Modified with each 200, and 304 for
a matching If-None-Match. It records each request before it answers. No response depends on the
clock or on chance. After the `with` block ends, nothing answers.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC
from email.utils import format_datetime
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pipeline.demo_site.data import SITE_IDS, load_site
from pipeline.demo_site.model import NIGHTS, DemoResponse
from pipeline.demo_site.pages import build_site, not_found_page

HOST = "127.0.0.1"
SHUTDOWN_POLL = 0.02  # seconds between two checks whether the server must stop
AcceptedSocket = socket.socket | tuple[bytes, socket.socket]  # socketserver's types of a request


class RecordedRequest(NamedTuple):
    """One request, and the status of its response."""

    site_id: str
    path: str
    status: int


class DemoServer:
    """The running demo sites: the night that they show, their URLs, the requests they got."""

    def __init__(self, night: int) -> None:
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []
        self._bases: dict[str, str] = {}
        self.night = night

    @property
    def night(self) -> int:
        """The night that the sites show; set it to 2 and the sites change at once."""
        return self._night

    @night.setter
    def night(self, night: int) -> None:
        if night not in NIGHTS:
            raise ValueError(f"the demo sites have the nights {NIGHTS}, not {night}")
        self._night = night

    @property
    def requests(self) -> list[RecordedRequest]:
        """A copy of the requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    def clear_requests(self) -> None:
        """Clear the list of requests, for example before the second night."""
        with self._lock:
            self._requests.clear()

    def base_url(self, site_id: str) -> str:
        """Return the URL of a site, without a slash at the end."""
        return self._bases[site_id]

    def bind_site(self, site_id: str, port: int) -> DemoSiteServer:
        """Bind a site to a port, or to any free port for 0. It does not answer yet."""
        server = DemoSiteServer(self, site_id, port)
        self._bases[site_id] = f"http://{HOST}:{server.server_address[1]}"
        return server

    def response_for(self, site_id: str, path: str) -> DemoResponse:
        """Return the response of a site to a path on this night."""
        base_url = self.base_url(site_id)
        page = build_site(site_id, self.night, base_url).get(path)
        if page is None:
            return not_found_page(site_id, self.night, base_url)
        return page

    def record(self, request: RecordedRequest) -> None:
        """Add a request to the list."""
        with self._lock:
            self._requests.append(request)


class DemoSiteServer(ThreadingHTTPServer):
    """The HTTP server of one site."""

    request_queue_size = 64
    daemon_threads = True

    def __init__(self, demo_server: DemoServer, site_id: str, port: int) -> None:
        self.demo_server = demo_server
        self.site_id = site_id
        self._connections: set[AcceptedSocket] = set()
        super().__init__((HOST, port), DemoSiteHandler)

    def server_bind(self) -> None:
        """Bind without a DNS lookup of the host name, which the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: AcceptedSocket, client_address: Any) -> None:
        """Answer a connection in its own thread."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: AcceptedSocket) -> None:
        """Remove a connection that has ended."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening and close connections that clients keep alive."""
        super().server_close()
        for request in tuple(self._connections):
            if isinstance(request, socket.socket):
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: AcceptedSocket, client_address: Any) -> None:
        """Ignore clients that close the connection; report other errors as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class DemoSiteHandler(BaseHTTPRequestHandler):
    """Answer GET and HEAD from the site's table of pages."""

    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    timeout = 30

    def do_GET(self) -> None:
        """Answer with headers and body."""
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers only."""
        self._respond(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: `DemoServer.requests` has all requests."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header: the evening of the night, not the time of the clock."""
        server = self._site_server()
        evening = load_site(server.site_id).nights[server.demo_server.night - 1]
        return format_datetime(evening.astimezone(UTC), usegmt=True)

    def _site_server(self) -> DemoSiteServer:
        assert isinstance(self.server, DemoSiteServer)
        return self.server

    def _respond(self, with_body: bool) -> None:
        server = self._site_server()
        path = urlsplit(self.path).path
        page = server.demo_server.response_for(server.site_id, path)
        tag = f'"{sha256(page.body).hexdigest()}"'
        is_unchanged = page.status == HTTPStatus.OK and self._client_has(tag)
        status = HTTPStatus.NOT_MODIFIED if is_unchanged else HTTPStatus(page.status)
        server.demo_server.record(RecordedRequest(server.site_id, path, int(status)))
        self.send_response(status)
        self._send_headers(page, tag, is_unchanged)
        if with_body and not is_unchanged:
            self.wfile.write(page.body)

    def _client_has(self, tag: str) -> bool:
        header = self.headers.get("If-None-Match", "")
        return any(value.strip() in ("*", tag, f"W/{tag}") for value in header.split(","))

    def _send_headers(self, page: DemoResponse, tag: str, is_unchanged: bool) -> None:
        if page.status == HTTPStatus.OK:
            self.send_header("ETag", tag)
            self.send_header("Cache-Control", "no-cache")
        if page.changed_at is not None:
            changed = page.changed_at.astimezone(UTC)
            self.send_header("Last-Modified", format_datetime(changed, usegmt=True))
        if page.location is not None:
            self.send_header("Location", page.location)
        if not is_unchanged:
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()


@contextmanager
def serve_demo_sites(
    night: int = 1, ports: Mapping[str, int] | None = None
) -> Iterator[DemoServer]:
    """Serve the three sites until the `with` block ends.

    Args:
        night: The night that the sites show first.
        ports: The port of some or all sites, so that a second run has the same URLs. The other
            sites take any free port.

    Raises:
        KeyError: `ports` names an unknown site.
    """
    demo_server = DemoServer(night)
    fixed = ports or {}
    unknown = set(fixed) - set(SITE_IDS)
    if unknown:
        raise KeyError(f"no such demo site: {sorted(unknown)}")
    with ExitStack() as stack:
        for site_id in SITE_IDS:
            server = demo_server.bind_site(site_id, fixed.get(site_id, 0))
            stack.callback(server.server_close)
            thread = threading.Thread(
                target=server.serve_forever, args=(SHUTDOWN_POLL,), daemon=True
            )
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield demo_server
