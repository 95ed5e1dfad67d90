"""A site on this machine with chosen answers, and the crawler run against it as a child process."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.jobs.crawlers import child_process
from pipeline.store.crawl.session import CrawlSession
from tests.support.crawler_forkserver import SEPARATE_CRAWLER

ROOT = Path(__file__).parents[2]
AGENT = "Nightdesk/0.1 (+https://example.org/bot)"
PARAGRAPH = (
    "<p>The harbour was closed again on Monday, the council said, until the crane is mended.</p>"
)
QUICK = {"delay": 0, "retries": 0, "timeout": 2, "concurrency": 2}  # politeness of a test


@dataclass
class StubResponse:
    """The answer to requests for one path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0  # seconds before the answer
    raw: bytes | None = None  # bytes for the socket in place of an answer
    endless: bool = False


@dataclass
class ReceivedRequest:
    """A request that reached the site."""

    path: str
    headers: dict[str, str]
    at: float  # monotonic time


class LocalSite:
    """Serve `pages`; other paths are 404. An ETag among the headers of an answer is obeyed."""

    def __init__(self) -> None:
        self.pages: dict[str, StubResponse] = {}
        self.received: list[ReceivedRequest] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.scheme = "http"

    @property
    def port(self) -> int:
        return self.server.server_port

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def add_page(
        self,
        path: str,
        body: bytes | str = b"",
        kind: str = "text/html; charset=utf-8",
        **more: Any,
    ) -> str:
        """Set the answer to a path and return its URL.

        Args:
            path: The path.
            body: The body.
            kind: The Content-Type header.
            **more: Further fields of `StubResponse`.
        """
        headers = {"Content-Type": kind, **more.pop("headers", {})}
        content = body.encode() if isinstance(body, str) else body
        self.pages[path] = StubResponse(content, headers=headers, **more)
        return self.url + path

    def add_story(self, path: str, **more: Any) -> str:
        """Add a story and return its URL."""
        page = f"<!doctype html><title>{path}</title><h1>{path}</h1>{PARAGRAPH}"
        return self.add_page(path, page, **more)

    def add_feed(self, path: str, links: Sequence[str]) -> str:
        """Add a feed and return its URL."""
        return self.add_page(path, rss_feed(links), "application/rss+xml")

    def add_redirect(self, path: str, location: str, status: int = 302) -> str:
        """Add a redirect and return its URL."""
        return self.add_page(path, b"moved", status=status, headers={"Location": location})

    def requests_for(self, path: str) -> list[ReceivedRequest]:
        """Return the requests for a path."""
        return [request for request in self.received if request.path == path]

    @property
    def received_paths(self) -> list[str]:
        return [request.path for request in self.received]


TDMREP_PATH = "/.well-known/tdmrep.json"


def rss_feed(links: Sequence[str]) -> str:
    """Return an RSS feed of some links."""
    items = ""
    for link in links:
        items += f"<item><title>About {link[-12:]}</title><link>{link}</link></item>"
    channel = f"<channel><title>x</title>{items}</channel>"
    return f'<?xml version="1.0"?><rss version="2.0">{channel}</rss>'


def _handler(site: LocalSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            # each crawl asks for this file once a week, and few tests are about it
            if self.path != TDMREP_PATH or self.path in site.pages:
                site.received.append(ReceivedRequest(self.path, headers, time.monotonic()))
            missing = StubResponse(b"<html>no such page</html>", 404)
            response = site.pages.get(self.path, missing)
            time.sleep(response.delay)
            try:
                self._send(response)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _send(self, response: StubResponse) -> None:
            if response.raw is not None:
                self.wfile.write(response.raw)
                self.close_connection = True
                return
            etag = response.headers.get("ETag")
            is_known = etag is not None and self.headers.get("If-None-Match") == etag
            body = b"" if is_known else response.body
            self.send_response(304 if is_known else response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if response.endless:
                self._send_endless_body()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send_endless_body(self) -> None:
            """Send until the client closes the connection, which raises."""
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while True:
                self.wfile.write(b"<p>and so on</p>" * 4096)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serve_local_site(prepare: Callable[[LocalSite], None] | None = None) -> Iterator[LocalSite]:
    """Serve a site until the block ends.

    Args:
        prepare: Adds pages before the site is served.
    """
    site = LocalSite()
    if prepare is not None:
        prepare(site)
    thread = threading.Thread(
        target=site.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()


@dataclass
class CrawlerProcess:
    """A child process that crawls, with its events."""

    process: subprocess.Popen[str]
    database: Path
    log: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int | None = None

    def read_events(self, until: Callable[[dict[str, Any]], bool] | None = None) -> None:
        """Read events until one fits, or until the process ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if until is not None and until(self.events[-1]):
                return
        self.exit_code = self.process.wait(timeout=30)

    def events_named(self, name: str) -> list[dict[str, Any]]:
        """Return all events of a name."""
        return [event for event in self.events if event["event"] == name]

    @property
    def finished(self) -> dict[str, Any]:
        (event,) = self.events_named("finished")
        return event

    def page_outcome(self, url: str) -> tuple[str, str]:
        """Return the outcome and reason of a page in the archive.

        Args:
            url: The end of its URL.
        """
        query = "SELECT outcome, reason FROM page WHERE url LIKE ?"
        ((outcome, reason),) = self.query(query, f"%{url}")
        return outcome, reason

    def query(self, query: str, *values: object) -> list[Any]:
        """Return the rows of a query on the archive."""
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


def crawl_job(site: LocalSite, folder: Path, **keys: Any) -> dict[str, Any]:
    """Return a job that is quick and may fetch from this machine.

    Args:
        site: The site to crawl.
        folder: The folder of the archive and the log.
        **keys: Further keys of the site file.
    """
    politeness = QUICK | keys.pop("politeness", {})
    safety = {"allow_private": True} | keys.pop("safety", {})
    agent = keys.pop("user_agent", AGENT)
    database = keys.pop("database_url", f"sqlite:///{folder / 'archive.db'}")
    site_keys = {
        "id": "local",
        "name": "Local",
        "url": site.url,
        "politeness": politeness,
        "safety": safety,
        **keys,
    }
    return {
        "site": site_keys,
        "database_url": database,
        "user_agent": agent,
        "log_file": str(folder / "crawl.log"),
    }


@cache
def empty_archive() -> bytes:
    """Return a migrated SQLite file, because creating one is a third of the cost of a crawl."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "archive.db"
        CrawlSession.open(f"sqlite:///{path}").close()
        return path.read_bytes()


def start_crawl(
    job: dict[str, Any] | str, folder: Path, crawler: Sequence[str] = SEPARATE_CRAWLER
) -> CrawlerProcess:
    """Start the crawler on a job.

    Args:
        job: The job, or the text of its line.
        folder: The folder of the archive and the log.
        crawler: The command of the crawler.
    """
    database = folder / "archive.db"
    if not database.exists():
        database.write_bytes(empty_archive())
    process = subprocess.Popen(
        crawler, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    line = job if isinstance(job, str) else json.dumps(job)
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return CrawlerProcess(process, database, folder / "crawl.log")


def run_crawl(job: dict[str, Any] | str, folder: Path) -> CrawlerProcess:
    """Run the crawler on a job to its end."""
    crawler = start_crawl(job, folder, child_process.CRAWLER_COMMAND)
    crawler.read_events()
    return crawler
