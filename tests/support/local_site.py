"""A site on this machine that answers as told, and the crawler run against it as a child process, as the product runs it."""

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

from pipeline.jobs import child_process as children
from pipeline.store.crawl.session import CrawlSession
from tests.support.crawler_forkserver import OWN

ROOT = Path(__file__).parents[2]
AGENT = "Nightdesk/0.1 (+https://example.org/bot)"
PARAGRAPH = (
    "<p>The harbour was closed again on Monday, the council said, until the crane is mended.</p>"
)


@dataclass
class Answer:
    """What the site answers to one path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0  # seconds before the answer
    raw: bytes | None = None  # written to the socket as it is, after which the connection is closed
    endless: bool = False


@dataclass
class Seen:
    """One request that reached the site."""

    path: str
    headers: dict[str, str]
    at: float


class LocalSite:
    """Serves `pages`; what it does not know is 404. An ETag among an answer's headers is honoured."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.seen: list[Seen] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.scheme = "http"

    @property
    def port(self) -> int:
        return self.server.server_port

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def add(
        self,
        path: str,
        body: bytes | str = b"",
        kind: str = "text/html; charset=utf-8",
        **more: Any,
    ) -> str:
        """Sets the answer to a path, and returns its URL."""
        headers = {"Content-Type": kind, **more.pop("headers", {})}
        self.pages[path] = Answer(
            body.encode() if isinstance(body, str) else body, headers=headers, **more
        )
        return self.url + path

    def story(self, path: str, **more: Any) -> str:
        return self.add(
            path, f"<!doctype html><title>{path}</title><h1>{path}</h1>{PARAGRAPH}", **more
        )

    def feed(self, path: str, links: Sequence[str]) -> str:
        return self.add(path, rss(links), "application/rss+xml")

    def redirect(self, path: str, location: str, status: int = 302) -> str:
        return self.add(path, b"moved", status=status, headers={"Location": location})

    def requests(self, path: str) -> list[Seen]:
        return [each for each in self.seen if each.path == path]

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.seen]


def rss(links: Sequence[str]) -> str:
    items = "".join(
        f"<item><title>About {link[-12:]}</title><link>{link}</link></item>" for link in links
    )
    return (
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{items}</channel></rss>'
    )


def _handler(site: LocalSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.seen.append(
                Seen(
                    self.path,
                    {key.lower(): value for key, value in self.headers.items()},
                    time.monotonic(),
                )
            )
            answer = site.pages.get(self.path, Answer(b"<html>no such page</html>", 404))
            time.sleep(answer.pause)
            try:
                self._answer(answer)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _answer(self, answer: Answer) -> None:
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                self.close_connection = True
                return
            etag = answer.headers.get("ETag")
            known = etag is not None and self.headers.get("If-None-Match") == etag
            body = b"" if known else answer.body
            self.send_response(304 if known else answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.endless:
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                while True:
                    self.wfile.write(b"<p>and so on</p>" * 4096)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving(prepare: Callable[[LocalSite], None] | None = None) -> Iterator[LocalSite]:
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
class Crawl:
    """A child process that crawls, and what it said."""

    child: subprocess.Popen[str]
    database: Path
    log: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None

    def read(self, until: Callable[[dict[str, Any]], bool] | None = None) -> None:
        """Reads events until one is enough, or to the end."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.events.append(json.loads(line))
            if until is not None and until(self.events[-1]):
                return
        self.code = self.child.wait(timeout=30)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]

    @property
    def finished(self) -> dict[str, Any]:
        (last,) = self.of("finished")
        return last

    def fate(self, url: str) -> tuple[str, str]:
        """(outcome, reason) of the URL in the archive, without its host."""
        ((outcome, reason),) = self.sql(
            "SELECT outcome, reason FROM page WHERE url LIKE ?", f"%{url}"
        )
        return outcome, reason

    def sql(self, query: str, *values: object) -> list[Any]:
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


def job(site: LocalSite, folder: Path, **keys: Any) -> dict[str, Any]:
    """A job that is quick and may fetch from this machine, with further keys of the site file."""
    politeness = {"delay": 0, "retries": 0, "timeout": 2, "concurrency": 2} | keys.pop(
        "politeness", {}
    )
    safety = {"allow_private": True} | keys.pop("safety", {})
    agent = keys.pop("user_agent", AGENT)
    database = keys.pop("database_url", f"sqlite:///{folder / 'archive.db'}")
    described = {
        "id": "local",
        "name": "Local",
        "url": site.url,
        "politeness": politeness,
        "safety": safety,
        **keys,
    }
    return {
        "site": described,
        "database_url": database,
        "user_agent": agent,
        "log_file": str(folder / "crawl.log"),
    }


@cache
def empty_archive() -> bytes:
    """A migrated SQLite file: making the schema is a third of what a small crawl costs, and is tested elsewhere."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "archive.db"
        CrawlSession.open(f"sqlite:///{path}").close()
        return path.read_bytes()


def begin(described: dict[str, Any] | str, folder: Path, crawler: Sequence[str] = OWN) -> Crawl:
    """Starts the crawler on a job, in a process of its own."""
    if not (folder / "archive.db").exists():
        (folder / "archive.db").write_bytes(empty_archive())
    child = subprocess.Popen(
        crawler, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdin is not None
    child.stdin.write((described if isinstance(described, str) else json.dumps(described)) + "\n")
    child.stdin.flush()
    return Crawl(child, folder / "archive.db", folder / "crawl.log")


def crawl(described: dict[str, Any] | str, folder: Path) -> Crawl:
    """Runs the crawler on a job to its end."""
    run = begin(described, folder, children.CRAWLER)
    run.read()
    return run
