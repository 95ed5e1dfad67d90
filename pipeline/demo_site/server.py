"""Serves the three sites on 127.0.0.1, each on a port of its own.

Promises: HTTP/1.1 with keep-alive; a strong ETag and Last-Modified on every
200, and 304 to a matching If-None-Match; every request is noted before its
answer is sent; no clock and no chance enter an answer; nothing is answered
after the block ends.
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

from pipeline.demo_site.data import SITE_IDS, load
from pipeline.demo_site.model import NIGHTS, Page
from pipeline.demo_site.pages import build, missing

HOST = "127.0.0.1"
POLL = 0.02  # seconds until a closing server notices
Request = socket.socket | tuple[bytes, socket.socket]  # as socketserver names what it accepted


class Seen(NamedTuple):
    """One request as the newsroom saw and answered it."""

    site_id: str
    path: str
    status: int


class Newsroom:
    """The running newsroom: the night it shows, its addresses, the requests it saw."""

    def __init__(self, night: int) -> None:
        self._lock = threading.Lock()
        self._seen: list[Seen] = []
        self._bases: dict[str, str] = {}
        self.night = night

    @property
    def night(self) -> int:
        """The night being shown; set it to 2 and the sites change at once."""
        return self._night

    @night.setter
    def night(self, night: int) -> None:
        if night not in NIGHTS:
            raise ValueError(f"the newsroom has the nights {NIGHTS}, not {night}")
        self._night = night

    @property
    def requests(self) -> list[Seen]:
        """A copy of the requests seen so far, oldest first."""
        with self._lock:
            return list(self._seen)

    def forget_requests(self) -> None:
        """Start the list of requests anew, as before a second night."""
        with self._lock:
            self._seen.clear()

    def base(self, site_id: str) -> str:
        """The address of a site, without a slash at the end."""
        return self._bases[site_id]

    def open_site(self, site_id: str, port: int) -> SiteServer:
        """Bind a site to a port (0 for any) without answering yet."""
        server = SiteServer(self, site_id, port)
        self._bases[site_id] = f"http://{HOST}:{server.server_address[1]}"
        return server

    def answer(self, site_id: str, path: str) -> Page:
        """What the site has at a path tonight."""
        where = (site_id, self.night, self.base(site_id))
        return build(*where).get(path) or missing(*where)

    def note(self, seen: Seen) -> None:
        """Remember a request."""
        with self._lock:
            self._seen.append(seen)


class SiteServer(ThreadingHTTPServer):
    """One site's listening socket."""

    request_queue_size = 64
    daemon_threads = True

    def __init__(self, newsroom: Newsroom, site_id: str, port: int) -> None:
        self.newsroom = newsroom
        self.site_id = site_id
        self._open: set[Request] = set()
        super().__init__((HOST, port), SiteHandler)

    def server_bind(self) -> None:
        """Bind without asking the resolver for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Request, client_address: Any) -> None:
        """Answer a connection in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Request) -> None:
        """Forget a connection that has ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening and hang up on clients that keep a connection alive."""
        super().server_close()
        for request in tuple(self._open):
            if isinstance(request, socket.socket):
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Request, client_address: Any) -> None:
        """A client that hangs up is no error; anything else is reported as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class SiteHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD from the site's table of pages."""

    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    timeout = 30

    def do_GET(self) -> None:
        """Answer a request with its body."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer a request with its headers alone."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: requests are noted in the newsroom's own list."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header: the evening of the night being shown, never a clock."""
        server = self._site()
        evening = load(server.site_id).nights[server.newsroom.night - 1]
        return format_datetime(evening.astimezone(UTC), usegmt=True)

    def _site(self) -> SiteServer:
        assert isinstance(self.server, SiteServer)
        return self.server

    def _answer(self, with_body: bool) -> None:
        server = self._site()
        path = urlsplit(self.path).path
        page = server.newsroom.answer(server.site_id, path)
        tag = f'"{sha256(page.body).hexdigest()}"'
        fresh = page.status == HTTPStatus.OK and self._has(tag)
        status = HTTPStatus.NOT_MODIFIED if fresh else HTTPStatus(page.status)
        server.newsroom.note(Seen(server.site_id, path, int(status)))
        self.send_response(status)
        self._send_headers(page, tag, fresh)
        if with_body and not fresh:
            self.wfile.write(page.body)

    def _has(self, tag: str) -> bool:
        """Whether the client says it holds this very body."""
        known = (mark.strip() for mark in self.headers.get("If-None-Match", "").split(","))
        return any(mark in ("*", tag, f"W/{tag}") for mark in known)

    def _send_headers(self, page: Page, tag: str, fresh: bool) -> None:
        if page.status == HTTPStatus.OK:
            self.send_header("ETag", tag)
            self.send_header("Cache-Control", "no-cache")
        if page.changed is not None:
            changed = page.changed.astimezone(UTC)
            self.send_header("Last-Modified", format_datetime(changed, usegmt=True))
        if page.location is not None:
            self.send_header("Location", page.location)
        if not fresh:
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()


@contextmanager
def serve(night: int = 1, ports: Mapping[str, int] | None = None) -> Iterator[Newsroom]:
    """Serve the three sites until the block ends.

    ``ports`` fixes the port of some sites or all of them, so that a second
    run has the same addresses; the others take any free port.
    """
    newsroom = Newsroom(night)
    fixed = ports or {}
    unknown = set(fixed) - set(SITE_IDS)
    if unknown:
        raise KeyError(f"no such site in the newsroom: {sorted(unknown)}")
    with ExitStack() as stack:
        for site_id in SITE_IDS:
            server = newsroom.open_site(site_id, fixed.get(site_id, 0))
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield newsroom
