"""A site of a few pages on this machine, for what the newsroom never does: to be slow, empty, deadly or away."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STORY = """<!doctype html><html lang="en"><head><title>{title}</title>
<meta property="article:published_time" content="2026-02-03T10:00:00Z"></head>
<body><article><h1>{title}</h1>{body}</article></body></html>"""
PARAGRAPH = "<p>{} The crane on the northern quay was mended on {}, and the ferries left the harbour on time again.</p>"


class LittleSite:
    """Serves `pages`: path → (media type, body). Counts what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []
        self.pause = 0.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def story(self, name: str, title: str, *sentences: str) -> str:
        """Adds a story and returns its URL."""
        body = "".join(f"<p>{sentence}</p>" for sentence in sentences) or "".join(
            PARAGRAPH.format(f"{title}.", day) for day in ("Monday", "Tuesday", "Thursday")
        )
        return self.page(f"/2026/02/03/{name}", STORY.format(title=title, body=body).encode())

    def page(self, path: str, body: bytes, media_type: str = "text/html; charset=utf-8") -> str:
        self.pages[path] = (media_type, body)
        return self.url + path

    def feed(self, links: Sequence[str]) -> None:
        items = "".join(
            f"<item><title>{link.rsplit('/', 1)[-1]}</title><link>{link}</link></item>"
            for link in links
        )
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Little</title>{items}</channel></rss>'
        self.page("/feed.xml", text.encode(), "application/rss+xml")

    def file(self, home: Path, name: str = "little", more: str = "") -> Path:
        """Writes the site's file into a home folder."""
        path = home / "config" / "sites" / f"{name}.toml"
        path.write_text(
            f'name = "Little"\nurl = {json.dumps(self.url)}\nfeeds = [{json.dumps(self.url + "/feed.xml")}]\n'
            "[revisit]\nafter_hours = 0\n[politeness]\ndelay = 0.0\nretries = 0\ntimeout = 5\n[safety]\nallow_private = true\n"
            + more,
            encoding="utf8",
        )
        return path


def _handler(site: LittleSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(self.path)
            if self.path.startswith("/2026"):
                time.sleep(site.pause)
            media_type, body = site.pages.get(self.path, ("", b""))
            try:
                self.send_response(200 if media_type else 404)
                self.send_header("Content-Type", media_type or "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:  # a crawler that was killed
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Iterator[LittleSite]:
    """The site while the block lasts."""
    site = LittleSite()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()
        thread.join()
